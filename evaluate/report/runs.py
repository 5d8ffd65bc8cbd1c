"""The runs that a drawing shows: files by method and run, as command lines give them."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.branches import BRANCHES
from extract.base.errors import InputError

if TYPE_CHECKING:
    from evaluate.annotated import ScoredSet

METAVAR = ("METHOD", "RUN", "FILE")


def add_scored_runs(parser: argparse.ArgumentParser, frames: str, *, branch: bool = True) -> None:
    """Let a drawing be given the scores of runs and what they are held against.

    Args:
        parser: The command's.
        frames: What the protocol decides, in words.
        branch: Whether the drawing is of one branch.
    """
    parser.add_argument(
        "--scores", nargs=3, action="append", required=True, metavar=METAVAR, help="scores of one run; repeat"
    )
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos' segments")
    if branch:
        parser.add_argument("--branch", choices=tuple(BRANCHES), required=True, help="whose anomaly score")
    parser.add_argument("--protocol", choices=("released", "exact"), required=True, help=frames)


def scored_runs(arguments: argparse.Namespace) -> "Iterator[tuple[str, Iterator[tuple[str, Path, ScoredSet]]]]":
    """Read the scores of every method, one run after another.

    Args:
        arguments: As ``add_scored_runs`` has them.

    Yields:
        Method and its runs, each with its name, its file and the scores beside what the catalog says; those of one
        method are read before the next method comes.

    Raises:
        InputError: If a run is given twice, or a file does not fit the catalog.
    """
    methods = runs_by_method(arguments.scores, "--scores")

    from evaluate.annotated import read_annotated
    from extract.catalog import read_test_videos

    tests = read_test_videos(arguments.catalog)
    for method, files in methods.items():
        yield method, ((run, path, read_annotated(path, tests, arguments.catalog)) for run, path in files.items())


def runs_by_method(words: Sequence[Sequence[str]], flag: str) -> dict[str, dict[str, Path]]:
    """Sort ``METHOD RUN FILE`` triples.

    Args:
        words: The triples; RUN is for example ``seed0``.
        flag: The flag they were given by, for the message.

    Returns:
        Files by run by method, in the order given.

    Raises:
        InputError: If a method's run comes twice, or a method cannot name a file.
    """
    runs: dict[str, dict[str, Path]] = {}
    for method, run, path in words:
        if not method or method != Path(method).name or method.startswith("."):
            raise InputError(f"{flag}: method {method!r} cannot name a picture; use letters, digits and underscores")
        files = runs.setdefault(method, {})
        if run in files:
            raise InputError(f"{flag}: {method} {run} is given twice; give each run once")
        files[run] = Path(path)
    return runs
