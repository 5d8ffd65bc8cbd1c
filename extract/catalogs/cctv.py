"""``python -m extract.cctv``: the catalog of CCTV-Fights_sub, from its folders or lists and its annotation file.

Fights come from one of two files:

- ``annotations_cctv.txt``, ``<name> <start> <end> [<start> <end> ...]`` in frames, of the test videos.
- CCTV-Fights' own ``groundtruth.json``, ``{"database": {"fight_0001": {"frame_rate": 25.0, "annotations": [{"segment":
  [1.2, 3.4]}]}}}`` in seconds. This form is taken from public code that reads the file and was not checked against the
  original. Fields it has beyond these, ``subset`` among them, are not read: the folders or lists say what is test.

Seconds become frames by the times at which the video's own frames are shown; without the video, by ``frame_rate``.

Names such as ``fight_0006_label_B1-0-0`` carry the label; videos named ``fight_0006`` get it from their list or from
the annotations. What follows ``_label_`` does not count when names are compared.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.json_text import parse_json
from extract.base.names import one_form
from extract.base.progress import say, track
from extract.base.regular_file import open_regular
from extract.catalog import Segment, Video, check_labels, write_catalog
from extract.cut_videos import TAKE, add_cut
from extract.datasets import CCTV
from extract.lists.annotation_lines import frame_span, read_lines, report
from extract.lists.video_sources import (
    SourceVideo,
    add_video_sources,
    codes_in_name,
    read_source,
    refuse_absent,
    refuse_other_labels,
    refuse_repeated,
)

LABELS = CCTV
FIGHT = LABELS.codes[1]
MOST_FRAME_RATE = 1000
ORIGIN = "annotations_cctv.txt and groundtruth.json come with the data set"


@dataclass(frozen=True)
class TimedFights:
    """What ``groundtruth.json`` says of one video.

    Attributes:
        spans: Start and end of each fight in seconds.
        frame_rate: Frames per second; ``None`` where the file does not say.
        where: File and entry, for messages.
    """

    spans: tuple[tuple[float, float], ...]
    frame_rate: float | None
    where: str


@dataclass(frozen=True)
class Fights:
    """The fights of one video in frames.

    Attributes:
        segments: The fights.
        frames: Number of frames, where the video was read.
        fps: Frames per second, where the video was read.
        cut: Why the video seems to be cut short, where it was taken all the same.
    """

    segments: tuple[Segment, ...]
    frames: int | None = None
    fps: float | None = None
    cut: str = ""


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.cctv", __doc__, writes="--out (a catalog, JSON Lines)")
    add_video_sources(parser)
    parser.add_argument(
        "--annotations", type=Path, required=True, help="annotations_cctv.txt (frames) or groundtruth.json (seconds)"
    )
    add_cut(parser)
    parser.add_argument("--out", type=Path, required=True, help="catalog to write (JSON Lines)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    train, test = read_source(arguments.train), read_source(arguments.test)
    refuse_repeated([*train, *test], unlabelled)
    if arguments.annotations.suffix.lower() == ".json":
        timed = read_groundtruth(arguments.annotations)
        _say_unused(timed, [*train, *test], arguments.annotations)
        fights = _fights_in_frames(timed, test, cut=arguments.cut == TAKE)
        fighting = {name: bool(entry.spans) for name, entry in timed.items()}
    else:
        fights = read_annotations(arguments.annotations)
        refuse_absent(fights, {unlabelled(video.video_id) for video in test}, arguments.annotations, arguments.test)
        fighting = dict.fromkeys(fights, True)
    videos = [Video(video.video_id, "train", video.path, labels_of(video, fighting)) for video in train]
    videos += [_test_video(video, labels_of(video, fighting), fights, arguments.annotations) for video in test]
    write_catalog(arguments.out, videos)
    print(f"{arguments.out}: {len(train)} train and {len(test)} test videos")


def read_annotations(path: Path) -> dict[str, Fights]:
    """Read ``annotations_cctv.txt``.

    Args:
        path: The file. Blank lines are skipped and a stray ``.mp4`` after a name is dropped; both are reported.

    Returns:
        The fights of every listed video, by its name without label.

    Raises:
        InputError: Naming the line, if it is malformed or a video stands there twice.
    """
    fights: dict[str, Fights] = {}
    repaired = []
    for number, line in read_lines(path, ORIGIN):
        where = f"{path}, line {number}"
        video_id, *frames = line.split()
        if video_id.endswith(".mp4"):
            repaired.append(number)
        name = unlabelled(video_id.removesuffix(".mp4"))
        if name in fights:
            raise InputError(f"{where}: {name!r} stands there twice")
        fights[name] = Fights(_parse_frames(frames, where))
    report(path, repaired, "with .mp4 after the name, which is dropped")
    return fights


def read_groundtruth(path: Path) -> dict[str, TimedFights]:
    """Read CCTV-Fights' own ``groundtruth.json``.

    Returns:
        The fights of every video of the whole set, by its name without label.

    Raises:
        InputError: Naming file, entry and field, if it is malformed.
    """
    try:
        with open_regular(path) as file:
            content = parse_json(file.read())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}; {ORIGIN}") from None
    database = content.get("database") if isinstance(content, dict) else None
    if not isinstance(database, dict) or not database:
        raise InputError(f"{path}: has no object 'database' with one entry for each video; {ORIGIN}")
    fights: dict[str, TimedFights] = {}
    for video_id, entry in database.items():
        where = f"{path}, database, {video_id!r}"
        name = unlabelled(video_id)
        if name in fights:
            raise InputError(f"{where}: {name!r} stands there twice")
        fights[name] = _parse_entry(entry, where)
    return fights


def unlabelled(video_id: str) -> str:
    """Give a name without its label: ``fight_0006`` for ``fight_0006_label_B1-0-0``."""
    return one_form(video_id.partition("_label_")[0])


def labels_of(video: SourceVideo, fighting: Mapping[str, bool]) -> tuple[str, ...]:
    """Give a video's labels: from its name, its list or the annotations, the first that says something.

    Args:
        video: The video.
        fighting: Whether the annotations have fights for a video, by its name without label.

    Raises:
        InputError: If none says anything, the name and the list differ, or a code is unknown.
    """
    labels = codes_in_name(video.video_id) or video.labels or _annotated_labels(unlabelled(video.video_id), fighting)
    if not labels:
        raise InputError(
            f"{video.where}: neither a name that ends in _label_A or _label_B1-0-0 nor the annotations label it; "
            "rename the video, or use a CSV list with a label"
        )
    check_labels(labels, LABELS.codes, video.where)
    refuse_other_labels(video, labels)
    return labels


def fights_of_file(timed: TimedFights, path: str, *, cut: bool = False) -> Fights:
    """Turn seconds into frames.

    Args:
        timed: The fights in seconds.
        path: The video, whose frames' times count; empty, or a file that cannot be read, for the annotated frame rate.
        cut: Whether to take a file that seems to be cut short.

    Returns:
        The fights in frames. Those that end after the video are cut, which is reported.

    Raises:
        InputError: If a fight begins after the video's end, or there is neither a video nor a frame rate.
    """
    from extract.media.decode import UnreadableVideo
    from extract.media.frame_times import frames_between, known_fps, length_seconds
    from extract.media.reading import read_timeline

    if not path:
        return Fights(_by_rate(timed))
    try:
        timeline = read_timeline(Path(path), cut=cut)
    except UnreadableVideo as error:
        say(f"{path}: {error}; its fights are placed by the frame rate in the annotations")
        return Fights(_by_rate(timed))
    length = length_seconds(timeline)
    segments = []
    for start, end in timed.spans:
        if start >= length:
            raise InputError(
                f"{timed.where}: a fight begins at {start} s, but {path} ends at {length:.3f} s; fetch it again"
            )
        if end > length + timeline.frame_seconds:
            say(f"{timed.where}: a fight ends at {end} s, but {path} at {length:.3f} s; cut there")
        segments.append(Segment(FIGHT, *frames_between(timeline.starts, start, end)))
    return Fights(tuple(segments), len(timeline.starts), known_fps(timeline), timeline.cut)


def _by_rate(timed: TimedFights) -> tuple[Segment, ...]:
    if timed.frame_rate is None and timed.spans:
        raise InputError(
            f"{timed.where}: its fights are in seconds, and without the video frame_rate is needed to place them; give "
            "a folder of videos, add the field, or use annotations_cctv.txt"
        )
    rate = timed.frame_rate or 0.0
    frames = ((round(start * rate), round(end * rate)) for start, end in timed.spans)
    return tuple(Segment(FIGHT, start, max(end, start + 1)) for start, end in frames)


def _fights_in_frames(timed: Mapping[str, TimedFights], test: Sequence[SourceVideo], *, cut: bool) -> dict[str, Fights]:
    known = [video for video in test if unlabelled(video.video_id) in timed]
    return {
        unlabelled(video.video_id): fights_of_file(timed[unlabelled(video.video_id)], video.path, cut=cut)
        for video in track(known, label="frame times", total=len(known), unit="videos")
    }


def _annotated_labels(name: str, fighting: Mapping[str, bool]) -> tuple[str, ...]:
    if name not in fighting:
        return ()
    return (FIGHT,) if fighting[name] else (LABELS.normal,)


def _test_video(video: SourceVideo, labels: tuple[str, ...], fights: Mapping[str, Fights], annotations: Path) -> Video:
    name = unlabelled(video.video_id)
    found = fights.get(name, Fights(()))
    normal = labels == (LABELS.normal,)
    if not found.segments and not normal:
        lack = "gives no fight for" if name in fights else "has no entry for"
        raise InputError(f"{annotations}: {lack} test video {video.video_id!r}, which is labelled {'-'.join(labels)}")
    if found.segments and normal:
        raise InputError(
            f"{video.where}: is labelled {LABELS.normal}, but {annotations} gives it {len(found.segments)} fights; "
            "mend one of them"
        )
    segments = found.segments or None
    return Video(video.video_id, "test", video.path, labels, segments, found.frames, found.fps, cut=found.cut)


def _say_unused(timed: Mapping[str, TimedFights], videos: Sequence[SourceVideo], annotations: Path) -> None:
    # The file covers all of CCTV-Fights; the part of it that is used here is smaller.
    used = {unlabelled(video.video_id) for video in videos}
    unused = [name for name in timed if name not in used]
    if unused:
        say(f"{annotations}: {len(unused)} of {len(timed)} entries are of videos not at hand, first {unused[0]!r}")


def _parse_frames(fields: Sequence[str], where: str) -> tuple[Segment, ...]:
    if not fields or len(fields) % 2:
        raise InputError(f"{where}: after the name must follow pairs of start and end")
    segments = []
    for start, end in zip(fields[::2], fields[1::2], strict=True):
        segments.append(Segment(FIGHT, *frame_span(start, end, f"{where}:")))
    return tuple(segments)


def _parse_entry(entry: Any, where: str) -> TimedFights:
    if not isinstance(entry, dict) or not isinstance(entry.get("annotations"), list):
        raise InputError(f"{where}: must be an object with a list 'annotations'")
    spans = tuple(
        _parse_span(annotation, f"{where}, annotations[{index}]")
        for index, annotation in enumerate(entry["annotations"])
    )
    rate = _number(entry["frame_rate"], f"{where}, frame_rate") if entry.get("frame_rate") is not None else None
    if rate is not None and not 0 < rate <= MOST_FRAME_RATE:
        raise InputError(f"{where}, frame_rate: must be positive and at most {MOST_FRAME_RATE}")
    return TimedFights(spans, rate, where)


def _parse_span(annotation: Any, where: str) -> tuple[float, float]:
    span = annotation.get("segment") if isinstance(annotation, dict) else None
    if not isinstance(span, list) or len(span) != 2:
        raise InputError(f"{where}: must have a field 'segment' with start and end in seconds")
    start, end = (_number(value, f"{where}, segment") for value in span)
    if start >= end:
        raise InputError(f"{where}, segment: [{start}, {end}] must have start < end")
    return start, end


def _number(value: Any, where: str) -> float:
    # Files of this form are met with numbers and with numbers in quotes.
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"{where}: {value!r} must be a number of at least 0")
    return number


if __name__ == "__main__":
    command.run(main)
