"""``python -m extract.xd``: the catalog of XD-Violence, from its folders and its annotation file.

Labels come from the file names, ``<source>__#<from>_<to>_label_<L1>-<L2>-<L3>.mp4``; events from
``annotations_multiclasses.txt``, ``<name> <code> <start> <end> [<code> <start> <end> ...]`` in frames.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from extract import command
from extract.catalog import Segment, Video, check_labels, check_video_id, write_catalog
from extract.errors import InputError
from extract.labels import LABEL_SETS

LABELS = LABEL_SETS["xd"]
_NAME = re.compile(r".+_label_(?P<codes>[^_]+)")
_NO_LABEL = "0"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="python -m extract.xd", description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="folder of training videos, searched to any depth")
    parser.add_argument("--test", type=Path, required=True, help="folder of test videos, searched to any depth")
    parser.add_argument("--annotations", type=Path, required=True, help="annotations_multiclasses.txt")
    parser.add_argument("--out", type=Path, required=True, help="catalog to write (JSON Lines)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    segments = read_annotations(arguments.annotations)
    test = find_videos(arguments.test)
    _refuse_absent(segments, test, arguments)
    videos = [_train_video(path) for path in find_videos(arguments.train).values()]
    videos += [_test_video(path, segments, arguments.annotations) for path in test.values()]
    _refuse_repeated(videos)
    write_catalog(arguments.out, videos)
    print(f"{arguments.out}: {len(videos) - len(test)} train and {len(test)} test videos")


def find_videos(folder: Path) -> dict[str, Path]:
    """Find the mp4 files of a folder by video_id, sorted.

    Raises:
        InputError: If the folder is absent or holds none, or two files share a name.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put the videos there or set the path in the configuration")
    videos: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.mp4"), key=lambda found: found.name):
        video_id = check_video_id(path.name.removesuffix(".mp4"))
        if video_id in videos:
            raise InputError(f"{path}: {videos[video_id]} has the same name; keep one of them")
        videos[video_id] = path
    if not videos:
        raise InputError(f"{folder}: holds no .mp4 file")
    return videos


def labels_of(video_id: str, where: str) -> tuple[str, ...]:
    """Read the label codes in a video's name, in its order, without ``0`` and repetitions.

    Args:
        video_id: The file's stem, for example ``v=ab__#1_label_B2-G-0``.
        where: The file, for messages.

    Raises:
        InputError: If the name has no label or an unknown code.
    """
    match = _NAME.fullmatch(video_id)
    codes = tuple(dict.fromkeys(match["codes"].split("-"))) if match else ()
    labels = tuple(code for code in codes if code != _NO_LABEL)
    if not labels:
        raise InputError(f"{where}: the name carries no label; XD-Violence's end in _label_A or _label_B1-0-0")
    check_labels(labels, LABELS.codes, where)
    return labels


def read_annotations(path: Path) -> dict[str, tuple[Segment, ...]]:
    """Read ``annotations_multiclasses.txt``.

    Args:
        path: The file. A stray ``.mp4`` after a name is dropped.

    Returns:
        The segments of every listed video.

    Raises:
        InputError: Naming the line, if it is malformed or names an unknown code, or a video stands there twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); it is part of XD-Violence's download") from None
    segments: dict[str, tuple[Segment, ...]] = {}
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        where = f"{path}, line {number}"
        video_id = fields[0].removesuffix(".mp4")
        if video_id in segments:
            raise InputError(f"{where}: {video_id!r} stands there twice")
        segments[video_id] = _parse_events(fields[1:], where)
    return segments


def _parse_events(fields: Sequence[str], where: str) -> tuple[Segment, ...]:
    if not fields or len(fields) % 3:
        raise InputError(f"{where}: after the name must follow groups of code, start and end")
    events = []
    for code, start, end in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        check_labels([code], LABELS.codes, where)
        if not (start.isdecimal() and end.isdecimal() and int(start) < int(end)):
            raise InputError(f"{where}: {code} {start} {end} must be whole frames with start < end")
        events.append(Segment(code, int(start), int(end)))
    return tuple(events)


def _train_video(path: Path) -> Video:
    video_id = path.name.removesuffix(".mp4")
    return Video(video_id, "train", str(path), labels_of(video_id, str(path)))


def _test_video(path: Path, segments: Mapping[str, tuple[Segment, ...]], annotations: Path) -> Video:
    video_id = path.name.removesuffix(".mp4")
    labels = labels_of(video_id, str(path))
    if labels != (LABELS.normal,) and video_id not in segments:
        raise InputError(f"{annotations}: test video {video_id!r} is labelled {'-'.join(labels)} but has no line there")
    return Video(video_id, "test", str(path), labels, segments.get(video_id))


def _refuse_absent(segments: Mapping[str, object], test: Mapping[str, Path], arguments: argparse.Namespace) -> None:
    absent = [video_id for video_id in segments if video_id not in test]
    if absent:
        raise InputError(
            f"{arguments.annotations}: annotates {len(absent)} videos that {arguments.test} does not hold, first "
            f"{absent[0]!r}; download them, or remove their lines and say so where you report numbers"
        )


def _refuse_repeated(videos: Sequence[Video]) -> None:
    seen: dict[str, str] = {}
    for video in videos:
        if video.video_id in seen:
            raise InputError(f"{video.path}: {seen[video.video_id]} has the same name; keep one of them")
        seen[video.video_id] = video.path


if __name__ == "__main__":
    command.run(main)
