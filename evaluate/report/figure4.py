"""``python -m evaluate.report.figure4``: Figure 4, what one or two methods say of a test video over time.

From top to bottom: pictures of the video where its file is at hand, the methods' anomaly scores with the ground
truth shaded, a mel spectrogram of its sound if it has any, and the probability of every class as the last method sees
it, annotated events framed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.branches import BRANCHES
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.catalog import Video, read_test_videos

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.annotated import Annotated
    from evaluate.report.thumbnails import Glimpse
    from evaluate.report.timeline import Drawing
    from evaluate.scores_file import ScoresHeader

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
    tests = read_test_videos(arguments.catalog)
    for video_id in arguments.video:
        if video_id not in tests:
            raise InputError(f"--video: {video_id!r} is no test video of {arguments.catalog}")

    from evaluate.annotated import read_annotated
    from evaluate.report.timeline import draw

    methods = {name: read_annotated(path, tests, arguments.catalog) for name, path in files.items()}
    drawings = []
    for video_id in dict.fromkeys(arguments.video):
        said = {}
        for name, scored in methods.items():
            if video_id in scored.missing:
                raise InputError(
                    f"{scored.path}: has no scores of {video_id!r}; see failures.csv, or draw another video"
                )
            said[name] = scored.header, next(one for one in scored.videos if one.video.video_id == video_id)
        drawings.append(said)
    for said in drawings:
        drawing = compose(said, BRANCHES[arguments.branch], arguments.threads)
        draw(drawing, arguments.out / f"{drawing.title}.png", arguments.out / f"{drawing.title}.svg")


def compose(methods: Mapping[str, tuple[ScoresHeader, Annotated]], score: str, threads: int) -> Drawing:
    """Gather what a figure shows.

    Args:
        methods: What each method says of one video, with its file's header, by the method's name; the last gives the
            map.
        score: ``anomaly`` or ``anomaly_alignment``.
        threads: Decoding threads.
    """
    from evaluate.report.heard import hear
    from evaluate.report.timeline import ClassMap, Drawing, Mark, ScoreLine

    header, last = list(methods.values())[-1]
    video, codes = last.video, header.classes
    frames = _frames(methods)
    seen = _glimpse(video, threads)
    known_fps = video.fps or (seen and seen.fps)
    fps = known_fps or 1.0
    lines = [
        ScoreLine(name, edges(head.stride, len(one.scores.anomaly), frames) / fps, getattr(one.scores, score))
        for name, (head, one) in methods.items()
    ]
    return Drawing(
        title=video.video_id,
        unit="seconds" if known_fps else "frames",
        end=frames / fps,
        lines=lines,
        class_map=ClassMap(header.names, lines[-1].edges, last.scores.classes),
        # An annotation may begin after the last frame, as published ones do.
        marks=[
            Mark(one.start / fps, min(one.end, frames) / fps, codes.index(one.label))
            for one in last.segments
            if one.label != codes[0] and one.start < frames
        ],
        marks_are="ground truth",
        thumbnails=seen.thumbnails if seen else [],
        sound=hear(Path(video.path), seen.start, frames / fps) if seen and known_fps else None,
    )


def edges(stride: int, snippets: int, frames: int) -> NDArray[np.float64]:
    """Give the first frame of every snippet and the one after the video's last: [T + 1] float64."""
    import numpy as np

    return np.append(np.arange(snippets) * float(stride), float(frames))


def _frames(methods: Mapping[str, tuple[ScoresHeader, Annotated]]) -> int:
    header, last = list(methods.values())[-1]
    longest = max((len(one.scores.anomaly) - 1) * head.stride + 1 for head, one in methods.values())
    known = (
        last.scores.frames if last.scores.frames > 0 else last.video.frames or len(last.scores.anomaly) * header.stride
    )
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


if __name__ == "__main__":
    command.run(main)
