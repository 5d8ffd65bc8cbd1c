"""``python -m evaluate.show``: print CSV tables aligned, for a terminal."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from extract import command
from extract.errors import InputError


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluate.show", description=__doc__.splitlines()[0])
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
        width: Characters a line; further columns follow in blocks that repeat the first column.

    Raises:
        InputError: If the file is absent or no CSV table.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a CSV table: {error}") from None
    return table.set_index(table.columns[0]).to_string(line_width=width)


if __name__ == "__main__":
    command.run(main)
