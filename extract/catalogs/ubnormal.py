"""``python -m extract.ubnormal``: the catalog of UBnormal, from its lists of names and its tracks.

Of the authors' folder ``scripts`` the lists ``normal_training_video_names.txt``, ``abnormal_training_video_names.txt``
and the two of the test part are read; the validation part is left out. Anomalies are the union of the tracks of
``<name>_annotations/<name>_tracks.txt``, lines ``object,first,last`` in frames from 0, the last one included; or those
of ``ubnormal_test_anno.json``, as shares of the length.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.progress import say
from extract.catalogs.named import Found, add_frames, add_sources, add_videos, by_shares, placed, write
from extract.cut_videos import add_cut
from extract.datasets import UBNORMAL
from extract.lists.annotation_lines import MOST_DIGITS, read_lines
from extract.lists.video_sources import SourceVideo, read_source

KINDS = ("normal", "abnormal")
TRACKS = "_tracks.txt"
FIX = "it must have lines object,first,last"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.ubnormal", __doc__, writes="--out (a catalog, JSON Lines)")
    add_sources(parser, f"folder of the *{TRACKS}, searched to any depth, or ubnormal_test_anno.json")
    add_videos(parser)
    add_frames(parser)
    add_cut(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    train, test = (
        read_part(getattr(arguments, part), name) for part, name in (("train", "training"), ("test", "test"))
    )
    train, test = placed(train, test, arguments.videos)
    if not arguments.annotations.is_dir():
        write(arguments.out, UBNORMAL, train, test, by_shares(arguments.annotations, test, arguments, UBNORMAL))
        return
    tracks = {path.name.removesuffix(TRACKS): path for path in sorted(arguments.annotations.rglob(f"*{TRACKS}"))}

    def found(video: SourceVideo, code: str) -> Found:
        if video.video_id not in tracks:
            raise InputError(f"{arguments.annotations}: has no {video.video_id}{TRACKS} for the video of {video.where}")
        return Found(read_tracks(tracks[video.video_id]))

    write(arguments.out, UBNORMAL, train, test, found)


def read_part(source: Path, name: str) -> list[SourceVideo]:
    """Read the videos of one part.

    Args:
        source: The folder ``scripts`` of the authors, or what ``read_source`` takes.
        name: ``training`` or ``test``, as the lists are named.

    Raises:
        InputError: As ``read_source``.
    """
    lists = [source / f"{kind}_{name}_video_names.txt" for kind in KINDS]
    if not any(path.is_file() for path in lists):
        return read_source(source)
    if name == "training" and (source / "normal_validation_video_names.txt").is_file():
        say(f"{source}: the validation part is left out")
    return [video for path in lists for video in read_source(path)]


def read_tracks(path: Path) -> tuple[tuple[int, int], ...]:
    """Read in which frames a video has an abnormal object: the union of its tracks as [start, end), in order.

    Raises:
        InputError: Naming file and line, if it is malformed.
    """
    spans = []
    for number, line in read_lines(path, FIX):
        fields = [field.strip().removesuffix(".0") for field in line.split(",")]
        whole = len(fields) == 3 and all(field.isdecimal() and len(field) <= MOST_DIGITS for field in fields[1:])
        if not whole or int(fields[1]) > int(fields[2]):
            raise InputError(f"{path}, line {number}: {line[:60]!r} must be object,first,last with first <= last")
        spans.append((int(fields[1]), int(fields[2]) + 1))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


if __name__ == "__main__":
    command.run(main)
