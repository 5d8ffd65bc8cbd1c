"""The flags that say which rows of an array belong to which video, and what they lead to."""

import argparse
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.arrays.order import read_order
from evaluate.arrays.rules import AUTO, RULES
from extract.base.errors import InputError
from extract.base.progress import say
from extract.catalog import Video, read_test_videos

if TYPE_CHECKING:
    from evaluate.arrays.lengths import Length


@dataclass(frozen=True)
class Placing:
    """What is known of the videos of an array.

    Attributes:
        tests: The catalog's test videos by id.
        order: Ids in the order of the array.
        lengths: Length of every test video.
        where: The list, or the catalog whose order counts, for messages.
    """

    tests: dict[str, Video]
    order: list[str]
    lengths: "dict[str, Length]"
    where: Path


def add_placing(parser: argparse.ArgumentParser) -> None:
    """Let a command be told how videos lie in an array."""
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos (JSON Lines)")
    parser.add_argument(
        "--list",
        type=Path,
        help="order of the videos in one joined array: a name or path a line, or CSV with video_id or path; the "
        "catalog's order if not given",
    )
    parser.add_argument("--suffix", default="", help="what follows the id in the list's or files' names, as _i3d")
    parser.add_argument(
        "--lengths",
        type=Path,
        help="CSV with video_id and frames, rows (in the array) or both, or a scores file of the same videos; the "
        "catalog's frames if not given",
    )
    parser.add_argument("--stride", type=int, default=16, help="frames a snippet")
    parser.add_argument(
        "--rows",
        choices=(AUTO, *RULES),
        default=AUTO,
        help="how a video of N frames is counted: N, or the snippets N / stride rounded up or down, short: those of N "
        "- 1 rounded down; auto: by what fits",
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave test videos out that the array or folder does not have"
    )


def read_placing(arguments: argparse.Namespace) -> Placing:
    """Read what the flags of ``add_placing`` name.

    Raises:
        InputError: If a file is malformed or a flag makes no sense.
    """
    from evaluate.arrays.lengths import read_lengths

    if arguments.stride < 1:
        raise InputError(f"--stride: {arguments.stride} must be at least 1")
    catalog: Path = arguments.catalog
    tests = read_test_videos(catalog)
    if not tests:
        raise InputError(f"{catalog}: has no test videos")
    order = list(tests)
    if arguments.list is not None:
        order = read_order(arguments.list, tests, catalog, arguments.suffix)
    return Placing(tests, order, read_lengths(arguments.lengths, tests), arguments.list or catalog)


def refuse_missing(found: Mapping[str, Sized], placing: Placing, where: str, *, allowed: bool) -> None:
    """Refuse an array that lacks test videos, or name them where that is allowed.

    Args:
        found: What there is of each video; one without rows is missing.
        placing: What is known of the videos.
        where: The array, for messages.
        allowed: Whether they may be missing.

    Raises:
        InputError: If some are and may not, or all are.
    """
    missing = [video_id for video_id in placing.tests if not len(found.get(video_id, ()))]
    if not missing:
        return
    text = f"{where}: has nothing for {len(missing)} of {len(placing.tests)} test videos, first {missing[0]!r}"
    if not allowed or len(missing) == len(placing.tests):
        raise InputError(f"{text}; add them, or leave them out with --allow-missing")
    say(f"warning: {text}; left out")
