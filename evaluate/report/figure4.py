"""``python -m evaluate.report.figure4``: Figure 4, what one or two methods say of a test video over time.

From top to bottom: pictures of the video where its file is at hand, the methods' anomaly curves with the ground
truth shaded, and the probability of every class as the last method sees it, annotated events framed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.learning import BRANCHES
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.catalog import Segment, Video, ground_truth, read_test_videos

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.report.thumbnails import Glimpse
    from evaluate.report.timeline import Drawing
    from evaluate.scores_file import ScoredVideo, ScoresHeader

    Scores = tuple[ScoresHeader, dict[str, ScoredVideo]]

MOST_METHODS = 2


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.figure4", __doc__, writes="VIDEO_ID.png and VIDEO_ID.svg into --out")
    parser.add_argument(
        "--scores",
        action="append",
        required=True,
        metavar="NAME=FILE",
        help="scores file and the method's name in the legend; once or twice, the last gives the map of classes",
    )
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos' segments")
    parser.add_argument("--video", nargs="+", required=True, metavar="VIDEO_ID", help="test videos to draw")
    parser.add_argument("--branch", choices=tuple(BRANCHES), default="alignment", help="whose anomaly score")
    parser.add_argument("--out", type=Path, required=True, help="folder for VIDEO_ID.png and VIDEO_ID.svg")
    parser.add_argument("--threads", type=int, default=1, help="threads that decode the pictures")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the videos."""
    arguments = parser().parse_args(argv)
    if arguments.threads < 1:
        raise InputError(f"--threads: {arguments.threads} must be at least 1")
    files = _named_files(arguments.scores)
    videos = _chosen(arguments.catalog, arguments.video)

    from evaluate.report.timeline import draw
    from evaluate.scores_file import read_scores

    methods = {name: read_scores(path) for name, path in files.items()}
    for name, path in files.items():
        for video in videos:
            if video.video_id not in methods[name][1]:
                raise InputError(
                    f"{path}: has no scores of {video.video_id!r}; see failures.csv, or draw another video"
                )
    for video in videos:
        try:
            drawing = compose(video, methods, BRANCHES[arguments.branch], arguments.threads)
        except InputError as error:
            raise InputError(f"{arguments.catalog}: {error}") from None
        draw(drawing, arguments.out / f"{video.video_id}.png", arguments.out / f"{video.video_id}.svg")


def compose(video: Video, methods: Mapping[str, Scores], score: str, threads: int) -> Drawing:
    """Gather what a figure shows.

    Args:
        video: A test video of the catalog.
        methods: Scores files that hold the video, by the method's name; the last gives the map.
        score: ``anomaly`` or ``anomaly_alignment``.
        threads: Decoding threads.

    Raises:
        InputError: If a video with an abnormal label has no segments.
    """
    from evaluate.report.timeline import ClassMap, Curve, Drawing, Mark

    frames = _frames(video, methods)
    seen = _glimpse(video, threads)
    known_fps = video.fps or (seen and seen.fps)
    fps = known_fps or 1.0
    curves = [
        Curve(name, edges(header.stride, len(videos[video.video_id].anomaly), frames) / fps,
              getattr(videos[video.video_id], score))
        for name, (header, videos) in methods.items()
    ]  # fmt: skip
    header, videos = list(methods.values())[-1]
    codes = header.classes
    return Drawing(
        title=video.video_id,
        unit="seconds" if known_fps else "frames",
        end=frames / fps,
        curves=curves,
        class_map=ClassMap(header.names, curves[-1].edges, videos[video.video_id].classes),
        marks=[
            Mark(one.start / fps, min(one.end, frames) / fps, codes.index(one.label) if one.label in codes else None)
            for one in _events(video, codes[0], frames)
        ],
        marks_are="ground truth",
        thumbnails=seen.thumbnails if seen else [],
    )


def edges(stride: int, snippets: int, frames: int) -> NDArray[np.float64]:
    """Give the first frame of every snippet and the one after the video's last: [T + 1] float64."""
    import numpy as np

    return np.append(np.arange(snippets) * float(stride), float(frames))


def _events(video: Video, normal: str, frames: int) -> list[Segment]:
    # An annotation may begin after the last frame, as published ones do.
    return [one for one in ground_truth(video, normal, frames) if one.label != normal and one.start < frames]


def _frames(video: Video, methods: Mapping[str, Scores]) -> int:
    header, videos = list(methods.values())[-1]
    scored = videos[video.video_id]
    longest = max((len(others[video.video_id].anomaly) - 1) * head.stride + 1 for head, others in methods.values())
    known = scored.frames if scored.frames > 0 else video.frames or len(scored.anomaly) * header.stride
    return max(known, longest)


def _glimpse(video: Video, threads: int) -> Glimpse | None:
    path = Path(video.path)
    if not video.path or not path.is_file():
        place = f"{path} is not there" if video.path else "the catalog names no file"
        print(f"{video.video_id}: drawn without pictures: {place}", file=sys.stderr)
        return None

    from evaluate.report.thumbnails import glimpse
    from extract.media.decode import UnreadableVideo

    try:
        return glimpse(path, threads=threads)
    except UnreadableVideo as error:
        print(f"{video.video_id}: drawn without pictures: {path} {error}", file=sys.stderr)
        return None


def _named_files(words: Sequence[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not (name and equals and path):
            raise InputError(f"--scores: {word!r} is not of the form NAME=FILE")
        if name in files:
            raise InputError(f"--scores: {name!r} is given twice; give each method its own name")
        files[name] = Path(path)
    if len(files) > MOST_METHODS:
        raise InputError(f"--scores: {len(files)} methods; a figure compares one or two")
    return files


def _chosen(catalog: Path, video_ids: Sequence[str]) -> list[Video]:
    known = read_test_videos(catalog)
    for video_id in video_ids:
        if video_id not in known:
            raise InputError(f"--video: {video_id!r} is no test video of {catalog}")
    return [known[video_id] for video_id in dict.fromkeys(video_ids)]


if __name__ == "__main__":
    command.run(main)
