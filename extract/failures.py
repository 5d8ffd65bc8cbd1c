"""``python -m extract.failures``: join the lists of failed videos of all shards, and end the run if there are too many.

The list of videos that could not be extracted is CSV with the columns video_id, stage and reason.
"""

import argparse
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.printable import cell, text_of_cell
from extract.base.regular_file import open_regular_text

COLUMNS = ["video_id", "stage", "reason"]
REASONS_SHOWN = 3


@dataclass(frozen=True)
class Failure:
    """A video that is absent from the features.

    Attributes:
        video_id: The video's id.
        stage: Where it failed, ``visual``, ``audio`` or ``released``.
        reason: Why, in one line.
    """

    video_id: str
    stage: str
    reason: str


def read_failures(path: Path) -> list[Failure]:
    """Read a list of failures in file order.

    Raises:
        InputError: If the file is absent or no such list.
    """
    try:
        with open_regular_text(path) as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a list of failures: {error}") from None
    if not rows or rows[0] != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise InputError(f"{path}: must be CSV with the columns {', '.join(COLUMNS)}; make it again")
    return [Failure(*map(text_of_cell, row)) for row in rows[1:]]


def write_failures(path: Path, failures: Iterable[Failure]) -> None:
    """Write a list of failures, whole or not at all; a list without failures is the header alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for failure in failures:
        writer.writerow([cell(failure.video_id), failure.stage, cell(" ".join(failure.reason.split()))])
    write_text(path, text.getvalue())


def merge_failures(lists: Iterable[Iterable[Failure]]) -> list[Failure]:
    """Join lists in the order given; of several failures of one video only the first is kept."""
    first: dict[str, Failure] = {}
    for failure in (failure for failures in lists for failure in failures):
        first.setdefault(failure.video_id, failure)
    return list(first.values())


def describe(failures: Sequence[Failure]) -> str:
    """Name the first failures and their reasons in one line."""
    shown = [f"{failure.video_id} ({failure.stage}: {failure.reason})" for failure in failures[:REASONS_SHOWN]]
    return "; ".join(shown + (["..."] if len(failures) > REASONS_SHOWN else []))


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser("extract.failures", __doc__, writes="--out (CSV)")
    parser.add_argument("--catalog", type=Path, required=True, help="catalog the shards were made from")
    parser.add_argument(
        "--max-failures", type=int, required=True, help="most videos that may fail, of the whole catalog"
    )
    parser.add_argument("--out", type=Path, required=True, help="joined list to write, in catalog order")
    parser.add_argument("lists", type=Path, nargs="*", metavar="IN", help="failure lists of the shards")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    from extract.catalog import read_catalog

    videos = [video.video_id for video in read_catalog(arguments.catalog)]
    failures = {failure.video_id: failure for failure in merge_failures(map(read_failures, arguments.lists))}
    unknown = sorted(failures.keys() - set(videos))
    if unknown:
        raise InputError(
            f"{arguments.catalog}: lacks video_id {unknown[0]!r}, which a failure list names; extract again"
        )
    ordered = [failures[video_id] for video_id in videos if video_id in failures]
    write_failures(arguments.out, ordered)
    print(f"{len(ordered)} of {len(videos)} videos failed" + (f": {describe(ordered)}" if ordered else ""))
    if len(ordered) > arguments.max_failures:
        raise InputError(
            f"{len(ordered)} of {len(videos)} videos failed, but max_failures allows {arguments.max_failures}: "
            f"{describe(ordered)}; mend these videos and run their step again (--forcerun visual, or "
            "released_features), remove them, or raise max_failures. "
            f"All are listed in {', '.join(map(str, arguments.lists))}"
        )


if __name__ == "__main__":
    command.run(main)
