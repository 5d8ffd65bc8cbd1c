"""``python -m evaluate.show``: print CSV tables aligned, for a terminal."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from extract import command
from extract.errors import InputError
from extract.help import command_parser

LONGEST_CELL = 40


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.show", __doc__, writes="nothing; the tables are printed")
    parser.add_argument("tables", type=Path, nargs="+", help="CSV files, for example results/demo_table1.csv")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables one after another."""
    for path in parser().parse_args(argv).tables:
        sys.stdout.write(f"{path}\n{show(path, shutil.get_terminal_size((160, 24)).columns)}\n\n")


def show(path: Path, width: int) -> str:
    """Lay out a CSV table.

    Args:
        path: The CSV file; its first column names the rows.
        width: Characters a line; further columns follow in blocks that repeat the first column. Columns
            with long cells, such as notes, follow below, once for all rows that share a cell.

    Raises:
        InputError: If the file is absent or no CSV table.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a CSV table: {error}") from None
    first = table.columns[0]
    long = [name for name in table.columns[1:] if table[name].str.len().max() > LONGEST_CELL]
    parts = [table.drop(columns=long).set_index(first).to_string(line_width=width)]
    for name in long:
        for text, rows in table[table[name] != ""].groupby(name, sort=False):
            parts.append(f"{name} ({', '.join(dict.fromkeys(rows[first]))}): {text}")
    return "\n".join(parts)


if __name__ == "__main__":
    command.run(main)
