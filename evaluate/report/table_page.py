"""``python -m evaluate.report.table_page``: a table of ``evaluate.tables`` as a page, reported beside measured."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from evaluate.report.page import heading, items, page, table
from evaluate.twins import Laid, lay_out, read_rows
from extract.base import command
from extract.base.files import write_text
from extract.base.help import command_parser


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.table_page", __doc__, writes="--out (HTML)")
    parser.add_argument("table", type=Path, help="CSV file of evaluate.tables")
    parser.add_argument("--title", required=True, help="heading of the page")
    parser.add_argument("--out", type=Path, required=True, help="page to write (HTML)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    arguments = parser().parse_args(argv)
    write_text(arguments.out, spell(arguments.title, lay_out(read_rows(arguments.table), arguments.table)))


def spell(title: str, laid: Laid) -> str:
    """Spell a table as a page, with what the measured rows say of themselves below."""
    # A figure's heading has a space, a describing column's has none (evaluate.twins.lay_out).
    numbers = frozenset(column for column, name in enumerate(laid.columns) if " " in name)
    notes = [heading("How the measured rows came about"), items(laid.notes)] if laid.notes else []
    return page(title, [table(laid.columns, laid.rows, numbers), *notes])


if __name__ == "__main__":
    command.run(main)
