"""Reads CSV tables of others: a header, and as many cells in every line."""

import csv
from pathlib import Path

from extract.base.errors import InputError
from extract.base.regular_file import open_regular_text


def read_csv(path: Path, kind: str, encoding: str = "utf-8") -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a table.

    Args:
        path: The file.
        kind: What it should be, for the message: ``a CSV table``.
        encoding: ``utf-8-sig`` takes a byte order mark as well.

    Returns:
        The header, and every line's number, which is that of its end, with its cells by column. Blank lines are left
        out.

    Raises:
        InputError: If the file is absent or no CSV, or a line has not as many cells as the header.
    """
    try:
        with open_regular_text(path, encoding) as file:
            reader = csv.DictReader(file, strict=True)
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as {kind}: {error}") from None
    for line, row in rows:
        if None in row or None in row.values():
            raise InputError(f"{path}, line {line}: has not {len(header)} cells as the header has")
    return header, rows
