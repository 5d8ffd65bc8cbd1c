"""``python -m evaluate.report.failures_page``: the videos that could not be read, as a page."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from evaluate.report.page import page, paragraph, table
from extract.base import command
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.failures import COLUMNS, Failure, read_failures


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.failures_page", __doc__, writes="--out (HTML)")
    parser.add_argument("failures", type=Path, help="failures.csv of a run")
    parser.add_argument("--out", type=Path, required=True, help="page to write (HTML)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    arguments = parser().parse_args(argv)
    write_text(arguments.out, spell(read_failures(arguments.failures)))


def spell(failures: Sequence[Failure]) -> str:
    """Spell the list as a page; an empty one says so."""
    if not failures:
        return page("Videos that could not be read", [paragraph("None: every video of the catalog was read.")])
    rows = [(failure.video_id, failure.stage, failure.reason) for failure in failures]
    return page("Videos that could not be read", [table(COLUMNS, rows)])


if __name__ == "__main__":
    command.run(main)
