"""``python -m evaluate.show``: print CSV tables for a terminal, where the full ones are, and what to try next.

A table keeps what differs from row to row. What a column says of all rows alike, and what is too long for a column,
stands once below. Figures reported and measured share a line where there is room, else each has a line of its own.
"""

import argparse
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tabulate import tabulate

from evaluate.twins import measured, read_rows, spelled
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.printable import printable

WIDEST, NARROWEST = 100, 60
LONGEST_CELL = 30
GAP = 2
# What evaluate.tables says of the measured runs behind a row.
STATED = ("note", "seeds", "intervals", "selection", "protocol", "features", "encoders", "videos")
NOT_THERE = "-"
UNTRAINED = (
    "WARNING: made with untrained encoders (random weights); these figures show that the software works, nothing more"
)

Row = Mapping[str, str]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.show", __doc__, writes="nothing; the tables are printed")
    parser.add_argument("tables", type=Path, nargs="+", help="CSV files, for example results/demo_table1.csv")
    parser.add_argument(
        "--next", action="append", default=[], metavar="TEXT", help="a line to end with: what to try next"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables one after another, then where they are in full, then what to try next."""
    arguments = parser().parse_args(argv)
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
    for path in arguments.tables:
        sys.stdout.write(f"{printable(str(path))}\n{show(path, width)}\n\n")
    for path in arguments.tables:
        twins = [twin for twin in (path.with_suffix(".md"), path.with_suffix(".tex")) if twin.is_file()]
        sys.stdout.write(f"in full: {', '.join(printable(str(file)) for file in (path, *twins))}\n")
    for text in arguments.next:
        sys.stdout.write(f"next: {text}\n")


def show(path: Path, width: int) -> str:
    """Lay out a CSV table.

    Args:
        path: The CSV file; its first column names the rows.
        width: Characters a line, at least 60. Where the columns do not fit, they follow in blocks that repeat
            those which name a row.

    Returns:
        Lines of at most ``width`` characters; control characters of the file are escaped.

    Raises:
        InputError: If the file is absent, no CSV table or has no rows.
    """
    rows: list[Row] = [{printable(name): printable(cell) for name, cell in row.items()} for row in read_rows(path)]
    if not rows:
        raise InputError(f"{path}: has no rows; a table needs a header and at least one row")
    rows = _modality_once(rows)
    columns = list(rows[0])
    facts = [name for name in columns[1:] if _is_fact(name, [row[name] for row in rows])]
    shown = [name for name in columns if name not in facts]
    figures = [name.removeprefix("reported_") for name in shown if name.startswith("reported_")]
    if figures:
        names = [name for name in shown if not name.startswith(("reported_", "measured_"))]
        table = _reported_and_measured(rows, names, figures, width)
    else:
        table = _plain(rows, shown, width)
    keys = next((shown[:n] for n in range(1, len(shown)) if _tell_apart(rows, shown[:n])), shown)
    table += [line for fact in facts for line in _fact(rows, keys, fact, width)]
    if any("random:" in row.get(name, "") or "random weights" in row.get(name, "") for row in rows for name in STATED):
        table += _wrapped(UNTRAINED, width)
    return "\n".join(table)


def _modality_once(rows: Sequence[Row]) -> list[Row]:
    """Make one column of what the reported and the measured rows read, unless they disagree."""
    if "measured_modality" not in rows[0]:
        return list(rows)
    merged = []
    for row in rows:
        reported, measured = row.get("modality", ""), row["measured_modality"]
        both = f"{reported}, measured {measured}" if reported and measured and reported != measured else ""
        cells: dict[str, str] = {}
        for name, cell in row.items():
            if name == "modality" or (name.startswith(("reported_", "measured_")) and "modality" not in cells):
                cells["modality"] = both or reported or measured
            if name not in ("modality", "measured_modality"):
                cells[name] = cell
        merged.append(cells)
    return list(merged)


def _is_fact(name: str, cells: Sequence[str]) -> bool:
    return name in STATED or name.endswith("positive_rate") or max(map(len, cells)) > LONGEST_CELL


def _tell_apart(rows: Sequence[Row], names: Sequence[str]) -> bool:
    return len({tuple(row[name] for name in names) for row in rows}) == len(rows)


def _reported_and_measured(rows: Sequence[Row], names: Sequence[str], figures: Sequence[str], width: int) -> list[str]:
    beside = [
        [row[name] for name in names]
        + [cell for figure in figures for cell in (row[f"reported_{figure}"] or NOT_THERE, measured(row, figure))]
        for row in rows
    ]
    headings = [*names, *(f"{figure} {kind}" for figure in figures for kind in ("reported", "measured"))]
    lines = _laid(beside, headings, len(names))
    if _fits(lines, width):
        return lines
    stacked = []
    for row in rows:
        kinds = {"reported": [row[f"reported_{figure}"] for figure in figures]}
        if any(row[f"measured_{figure}_mean"] for figure in figures):
            kinds["measured"] = [row[f"measured_{figure}_mean"] for figure in figures]
        if any(row[f"measured_{figure}_std"] for figure in figures):
            kinds["±"] = [row[f"measured_{figure}_std"] for figure in figures]
        for end in ("low", "high"):
            if any(row.get(f"measured_{figure}_{end}") for figure in figures):
                kinds[end] = [row.get(f"measured_{figure}_{end}", "") for figure in figures]
        for number, (kind, cells) in enumerate(kinds.items()):
            named = [row[name] if number == 0 else "" for name in names]
            stacked.append([*named, kind, *(cell or NOT_THERE for cell in cells)])
    return _blocks(stacked, [*names, "", *figures], len(names) + 1, width)


def _plain(rows: Sequence[Row], shown: Sequence[str], width: int) -> list[str]:
    """Join each ``X_mean`` with its ``X_std`` and interval; the columns before the first such pair name the rows."""
    joined: dict[str, list[str]] = {}
    naming = 0
    for name in shown:
        if name.endswith(("_std", "_low", "_high")) and f"{name.rpartition('_')[0]}_mean" in shown:
            continue
        figure = name.removesuffix("_mean")
        if figure != name and f"{figure}_std" in shown:
            naming = naming or len(joined)
            joined[figure] = [spelled(row, figure) for row in rows]
        else:
            joined[name] = [row[name] for row in rows]
    cells = [list(row) for row in zip(*joined.values(), strict=True)]
    return _blocks(cells, list(joined), naming or 1, width)


def _blocks(cells: Sequence[Sequence[str]], headings: Sequence[str], naming: int, width: int) -> list[str]:
    """Lay out as many columns as fit at a time, each block after the columns that name the rows."""
    # Two thirds of the line name the row, shared out evenly if that is too little; the rest takes a column at least.
    natural = [max(len(row[i]) for row in (headings, *cells)) for i in range(naming)]
    room = [*natural, *[width // 3 - GAP] * (len(headings) - naming)]
    if sum(natural) + GAP * naming > width * 2 // 3:
        room[:naming] = [(width * 2 // 3) // naming - GAP] * naming
    table = [[_folded(cell, most) for cell, most in zip(row, room, strict=True)] for row in cells]
    heads = [_folded(name, most) for name, most in zip(headings, room, strict=True)]
    lines: list[str] = []
    start = naming
    while not lines or start < len(heads):
        end = min(start + 1, len(heads))
        block = _block(table, heads, naming, start, end)
        while end < len(heads) and _fits(longer := _block(table, heads, naming, start, end + 1), width):
            block, end = longer, end + 1
        lines += ["", *block] if lines else block
        start = end
    return lines


def _block(table: Sequence[Sequence[str]], heads: Sequence[str], naming: int, start: int, end: int) -> list[str]:
    rows = [[*row[:naming], *row[start:end]] for row in table]
    return _laid(rows, [*heads[:naming], *heads[start:end]], naming)


def _laid(cells: Sequence[Sequence[str]], headings: Sequence[str], naming: int) -> list[str]:
    # A heading is no wider than its figures, where its words allow that.
    heads = [
        _folded(heading.replace("_", " "), max(map(len, [*heading.split("_"), *(row[i] for row in cells)])))
        if i >= naming
        else heading
        for i, heading in enumerate(headings)
    ]
    align = ["left"] * naming + ["right"] * (len(headings) - naming)
    laid: str = tabulate(cells, heads, tablefmt="simple", disable_numparse=True, colalign=align)
    return laid.splitlines()


def _folded(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, max(width, 1)))


def _fits(lines: Sequence[str], width: int) -> bool:
    return max(map(len, lines)) <= width


def _fact(rows: Sequence[Row], keys: Sequence[str], name: str, width: int) -> Iterator[str]:
    """Say once what rows have in common, part by part where their notes differ."""
    telling = [row for row in rows if row[name]]
    in_parts = name == "note" and len({row[name] for row in telling}) > 1
    by_text: dict[str, list[str]] = {}
    for row in telling:
        for part in dict.fromkeys(row[name].split("; ") if in_parts else [row[name]]):
            by_text.setdefault(part, []).append("/".join(row[key] for key in keys))
    label = "± is the standard deviation over seeds" if name == "seeds" else name.replace("_", " ")
    for text, of in sorted(by_text.items(), key=lambda item: len(item[1]) < len(telling)):
        who = "" if len(of) == len(telling) else f" ({', '.join(of)})"
        yield from _wrapped(f"{label}{who}: {text}", width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ")


if __name__ == "__main__":
    command.run(main)
