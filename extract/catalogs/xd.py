"""``python -m extract.xd``: the catalog of XD-Violence, from its folders or lists and its annotation file.

Labels come from the file names, ``<source>__#<from>_<to>_label_<L1>-<L2>-<L3>.mp4``; events from
``annotations_multiclasses.txt``, ``<name> <code> <start> <end> [<code> <start> <end> ...]`` in frames. The published
frame-level numbers were made from another file, ``annotations.txt``, ``<name> <start> <end> [...]``, which differs in
five videos: ``--frame-annotations`` takes it into the catalog as what protocol ``released`` counts.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.names import one_form
from extract.base.progress import say
from extract.catalog import Segment, Video, check_labels, write_catalog
from extract.datasets import XD
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

LABELS = XD


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.xd", __doc__, writes="--out (a catalog, JSON Lines)")
    add_video_sources(parser)
    parser.add_argument("--annotations", type=Path, required=True, help="annotations_multiclasses.txt")
    parser.add_argument(
        "--frame-annotations", type=Path, help="annotations.txt, the abnormal frames that protocol released counts"
    )
    parser.add_argument("--out", type=Path, required=True, help="catalog to write (JSON Lines)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    segments = read_annotations(arguments.annotations)
    train, test = read_source(arguments.train), read_source(arguments.test)
    refuse_repeated([*train, *test])
    refuse_absent(segments, {video.video_id for video in test}, arguments.annotations, arguments.test)
    videos = [Video(video.video_id, "train", video.path, _labels(video)) for video in train]
    tests = [_test_video(video, segments, arguments.annotations) for video in test]
    if arguments.frame_annotations is None:
        say(
            f"{arguments.annotations}: its frames count in protocol released too; the published numbers were made with "
            "those of annotations.txt (--frame-annotations)"
        )
    else:
        spans = read_frame_annotations(arguments.frame_annotations)
        refuse_absent(spans, {video.video_id for video in test}, arguments.frame_annotations, arguments.test)
        tests = [_with_frames(video, spans, arguments.frame_annotations) for video in tests]
    videos += tests
    write_catalog(arguments.out, videos)
    print(f"{arguments.out}: {len(train)} train and {len(test)} test videos")


def labels_of(video_id: str, where: str) -> tuple[str, ...]:
    """Read the label codes in a video's name, in its order, without ``0`` and repetitions.

    Args:
        video_id: The file's stem, for example ``v=ab__#1_label_B2-G-0``.
        where: The file, for messages.

    Raises:
        InputError: If the name has no label or an unknown code.
    """
    labels = codes_in_name(video_id)
    if not labels:
        raise InputError(f"{where}: the name carries no label; XD-Violence's end in _label_A or _label_B1-0-0")
    check_labels(labels, LABELS.codes, where)
    return labels


def read_annotations(path: Path) -> dict[str, tuple[Segment, ...]]:
    """Read ``annotations_multiclasses.txt``.

    Args:
        path: The file. Blank lines are skipped and a stray ``.mp4`` after a name is dropped; both are reported.

    Returns:
        The segments of every listed video.

    Raises:
        InputError: Naming the line, if it is malformed or names an unknown code, or a video stands there twice.
    """
    return {video_id: _parse_events(fields, where) for video_id, fields, where in _annotated(path)}


def read_frame_annotations(path: Path) -> dict[str, tuple[tuple[int, int], ...]]:
    """Read ``annotations.txt``.

    Args:
        path: The file; read as ``read_annotations`` does.

    Returns:
        The abnormal stretches (start, end) of every listed video, in frames.

    Raises:
        InputError: Naming the line, if it is malformed or a video stands there twice.
    """
    return {video_id: _parse_stretches(fields, where) for video_id, fields, where in _annotated(path)}


def _annotated(path: Path) -> list[tuple[str, list[str], str]]:
    """Give the name, the fields after it and the place of each line."""
    lines: dict[str, tuple[str, list[str], str]] = {}
    repaired = []
    for number, line in read_lines(path, "it is part of XD-Violence's download"):
        fields = line.split()
        where = f"{path}, line {number}"
        video_id = one_form(fields[0].removesuffix(".mp4"))
        if fields[0].endswith(".mp4"):
            repaired.append(number)
        if video_id in lines:
            raise InputError(f"{where}: {video_id!r} stands there twice")
        lines[video_id] = (video_id, fields[1:], where)
    report(path, repaired, "with .mp4 after the name, which is dropped")
    return list(lines.values())


def _parse_stretches(fields: Sequence[str], where: str) -> tuple[tuple[int, int], ...]:
    if fields and not fields[0].isdecimal():
        raise InputError(
            f"{where}: the name is followed by {fields[0]!r} and not by a frame, as in annotations_multiclasses.txt; "
            "annotations.txt is needed"
        )
    if not fields or len(fields) % 2:
        raise InputError(f"{where}: after the name must follow pairs of start and end")
    return tuple(frame_span(start, end, f"{where}: from") for start, end in zip(fields[::2], fields[1::2], strict=True))


def _parse_events(fields: Sequence[str], where: str) -> tuple[Segment, ...]:
    if fields and fields[0].isdecimal():
        raise InputError(
            f"{where}: the name is followed by the frame {fields[0]} and not by a class, as in annotations.txt; "
            "annotations_multiclasses.txt is needed"
        )
    if not fields or len(fields) % 3:
        raise InputError(f"{where}: after the name must follow groups of code, start and end")
    events = []
    for code, start, end in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        check_labels([code], LABELS.codes, where)
        events.append(Segment(code, *frame_span(start, end, f"{where}: {code}")))
    return tuple(events)


def _labels(video: SourceVideo) -> tuple[str, ...]:
    labels = labels_of(video.video_id, video.where)
    refuse_other_labels(video, labels)
    return labels


def _test_video(video: SourceVideo, segments: Mapping[str, tuple[Segment, ...]], annotations: Path) -> Video:
    labels = _labels(video)
    if labels != (LABELS.normal,) and video.video_id not in segments:
        raise InputError(
            f"{annotations}: test video {video.video_id!r} is labelled {'-'.join(labels)} but has no line there"
        )
    events = segments.get(video.video_id)
    unnamed = sorted({event.label for event in events or ()} - set(labels))
    if events and labels == (LABELS.normal,) and unnamed:
        raise InputError(
            f"{annotations}: gives {video.video_id!r} the events {', '.join(unnamed)}, but its name says that it is "
            "normal; mend one of them"
        )
    if unnamed:
        say(f"{annotations}: {video.video_id!r} has events {', '.join(unnamed)} that its name does not say; kept")
    return Video(video.video_id, "test", video.path, labels, events)


def _with_frames(video: Video, spans: Mapping[str, tuple[tuple[int, int], ...]], path: Path) -> Video:
    stretches = spans.get(video.video_id)
    normal = video.labels == (LABELS.normal,)
    if normal and stretches:
        raise InputError(f"{path}: annotates {video.video_id!r}, but its name says that it is normal; mend one of them")
    if not normal and not stretches:
        raise InputError(
            f"{path}: test video {video.video_id!r} is labelled {'-'.join(video.labels)} but has no line there"
        )
    return replace(video, released_frames=stretches)


if __name__ == "__main__":
    command.run(main)
