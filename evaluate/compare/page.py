"""``python -m evaluate.compare.page``: the comparison of every pair of models as a page."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from evaluate.report.page import heading, items, page, table
from evaluate.twins import read_rows
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.compare.page", __doc__, writes="--out (HTML)")
    parser.add_argument("table", type=Path, help="CSV file of evaluate.compare")
    parser.add_argument("--title", required=True, help="heading of the page")
    parser.add_argument("--out", type=Path, required=True, help="page to write (HTML)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    arguments = parser().parse_args(argv)

    from evaluate.compare.outputs import COLUMNS, lay_out

    rows = read_rows(arguments.table)
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{arguments.table}: is no comparison; give a table that evaluate.compare made")
    laid = lay_out(rows)
    # A figure's heading has a space, a describing column's has none.
    numbers = frozenset(column for column, name in enumerate(laid.columns) if " " in name)
    notes = [heading("How the numbers came about"), items(laid.notes)]
    write_text(arguments.out, page(arguments.title, [table(laid.columns, laid.rows, numbers), *notes]))


if __name__ == "__main__":
    command.run(main)
