"""Which rows a configuration's methods fill, held against the paper's tables before anything is trained."""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from config.classes import data_set_of
from config.schema_problem import Problem, did_you_mean
from evaluate.paper_tables import TABLES


def problem(settings: Mapping[str, Any], folder: Path) -> Problem | None:
    """Hold the rows of every method against the paper's tables.

    Args:
        settings: The whole configuration, variants spelled out.
        folder: Folder of the reported tables, ``evaluate/reported``.

    Returns:
        The key and what is wrong with it; ``None`` if nothing is.
    """
    return next(_problems(settings, folder), None)


def _problems(settings: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    data_set = data_set_of(settings)
    reported = data_set.reported
    is_own = "list" in settings.get("videos", {})
    filled: dict[tuple[int, str], str] = {}
    read = cache(_read)  # a table holds the rows of many methods
    for name, method in settings["methods"].items():
        for table, row in method["rows"].items():
            key, number = f"methods.{name}.rows.{table}", int(table.removeprefix("table"))
            if number not in reported:
                there = ", ".join(f"table{number}" for number in reported)
                yield key, f"data set {data_set.name} has no table {number}, but {there}"
                continue
            if (number, row) in filled:
                yield key, f"methods.{filled[number, row]} fills row {row!r} already; give each method its own"
            filled[number, row] = name
            if is_own or not reported[number]:
                yield from _unlike_the_table(key, number, row)
                continue
            path, *further = files(folder, reported[number])
            columns, rows = read((path, *further), number)
            measure = settings["frame_level"]["measure"]
            if len(TABLES[number].measures) > 1 and measure not in columns:
                yield "frame_level.measure", f"the paper's table {number} ({path}) has no {measure}, but {columns[-1]}"
            if method.get("unreported", False) is (row in rows):
                yield key, _other_way(row, rows, path)
            else:
                yield from _unlike_the_table(key, number, row)


def files(folder: Path, name: str) -> list[Path]:
    """Give the files of a paper's table: its own, and that of the rows which only its journal version has."""
    further = folder / f"{name}_journal.csv"
    return [folder / f"{name}.csv", *([further] if further.exists() else [])]


def _other_way(row: str, rows: list[str], path: Path) -> str:
    if row in rows:
        return f"{row!r} is a row of {path}, so the method is no unreported one; leave unreported out or rename the row"
    return (
        f"{row!r} is no row of {path} ({', '.join(rows)}){did_you_mean(row, rows)}; for a method that the paper does "
        "not report, write unreported: true beside rows"
    )


def _unlike_the_table(key: str, number: int, row: str) -> Iterator[Problem]:
    names = TABLES[number].row_keys
    if len(names) > 1 and row.count("/") != len(names) - 1:
        yield key, f"{row!r} must be {len(names)} cells joined by a slash, {'/'.join(names)}"


def _read(paths: tuple[Path, ...], number: int) -> tuple[list[str], list[str]]:
    """Give the columns of a reported table, and the names of its rows."""
    columns: list[str] = []
    rows: list[str] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows += ["/".join(row[key] for key in TABLES[number].row_keys) for row in reader]
            columns = list(reader.fieldnames or [])
    return columns, rows
