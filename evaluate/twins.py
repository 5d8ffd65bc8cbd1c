"""``python -m evaluate.twins``: a table's Markdown and LaTeX (booktabs) twins, which can go straight into a paper.

A CSV table of ``evaluate.tables`` states for every measured row how it came about; the twins show reported and measured
figures side by side and say the rest in notes below.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluate.tables import STATED
from extract.base import command
from extract.base.csv_table import read_csv
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.printable import printable

NOT_RUN = "-"
_FIGURE = re.compile(r"reported_(?P<figure>.+)")
_MEASURED = re.compile(r"measured_(?P<figure>.+)_mean")
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "*": r"$^{*}$",
    }
)


@dataclass(frozen=True)
class Laid:
    """A table as both twins show it.

    Attributes:
        columns: Headings.
        rows: Cells, one list for each row.
        notes: What the measured rows say of themselves, one line each.
    """

    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.twins", __doc__, writes="--markdown and --latex")
    parser.add_argument("table", type=Path, help="CSV file of evaluate.tables")
    parser.add_argument("--markdown", type=Path, required=True, help="twin to write (.md)")
    parser.add_argument("--latex", type=Path, required=True, help="twin to write (.tex)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write both twins."""
    arguments = parser().parse_args(argv)
    laid = lay_out(read_rows(arguments.table), arguments.table)
    write_text(arguments.markdown, markdown(laid))
    write_text(arguments.latex, latex(laid))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV table.

    Raises:
        InputError: If the file is absent, its rows have not as many cells as its header, or a figure is reported that
            has no columns of what was measured.
    """
    names, rows = read_csv(path, "a CSV table")
    for match in filter(None, map(_FIGURE.fullmatch, names)):
        for column in (f"measured_{match['figure']}_mean", f"measured_{match['figure']}_std"):
            if column not in names:
                raise InputError(
                    f"{path}: has {match[0]} and no column {column}; give a table that evaluate.tables made"
                )
    return [row for _, row in rows]


def lay_out(rows: Sequence[Mapping[str, str]], source: Path) -> Laid:
    """Choose what a reader sees: description, then each figure reported and measured, then notes.

    A table of measured rows alone, of videos that no paper has measured, shows what was read and the measured figures.

    Args:
        rows: Rows of a table of ``evaluate.tables``.
        source: Its file, for the message.

    Raises:
        InputError: If it has neither a ``reported_*`` nor a ``measured_*_mean`` column.
    """
    names = list(rows[0]) if rows else []
    own = [match["figure"] for match in map(_MEASURED.fullmatch, names) if match]
    if own and not any(map(_FIGURE.fullmatch, names)):
        return _own(rows, names[: names.index("measured_modality")], own)
    figures = [match["figure"] for match in map(_FIGURE.fullmatch, names) if match]
    if not figures:
        raise InputError(f"{source}: has no column reported_*; give a table that evaluate.tables made")
    describing = names[: names.index(f"reported_{figures[0]}")]
    headings = [f"{figure} {kind}" for figure in figures for kind in ("reported", "measured")]
    cells = [
        [row[name] for name in describing]
        + [cell for figure in figures for cell in (row[f"reported_{figure}"] or NOT_RUN, measured(row, figure))]
        for row in rows
    ]
    return Laid([*describing, *headings], cells, [note for row in rows if (note := _note(row, describing))])


def _own(rows: Sequence[Mapping[str, str]], describing: Sequence[str], figures: Sequence[str]) -> Laid:
    cells = [
        [*(row[name] for name in describing), row["measured_modality"], *(measured(row, figure) for figure in figures)]
        for row in rows
    ]
    headings = [*describing, "modality", *(f"{figure} measured" for figure in figures)]
    return Laid(headings, cells, [note for row in rows if (note := _note(row, describing))])


def markdown(laid: Laid) -> str:
    """Spell a table in Markdown, notes as a list below; what names and notes hold is text there, never markup."""
    cells = [[_plain(cell).replace("|", r"\|") for cell in line] for line in (laid.columns, *laid.rows)]
    lines = [cells[0], ["---"] * len(laid.columns), *cells[1:]]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return table + "".join(["\n", *(f"- {_plain(note)}\n" for note in laid.notes)] if laid.notes else [])


def latex(laid: Laid) -> str:
    """Spell a table in LaTeX with booktabs rules, notes in small print below."""
    numbers = sum(" " in column for column in laid.columns)
    layout = "l" * (len(laid.columns) - numbers) + "r" * numbers
    body = "".join(f"{' & '.join(_escape(cell) for cell in row)} \\\\\n" for row in laid.rows)
    notes = "".join(f"\n\\par{{\\footnotesize {_escape(note)}}}" for note in laid.notes)
    return (
        f"\\begin{{tabular}}{{{layout}}}\n\\toprule\n{' & '.join(map(_escape, laid.columns))} \\\\\n\\midrule\n"
        f"{body}\\bottomrule\n\\end{{tabular}}{notes}\n"
    )


def measured(row: Mapping[str, str], figure: str) -> str:
    """Spell a measured figure of a row; ``-`` if the row was not run."""
    return spelled(row, f"measured_{figure}") or NOT_RUN


def spelled(row: Mapping[str, str], figure: str) -> str:
    """Spell a figure, ``86.04 ± 0.31 [84.9, 87.1]``: mean, deviation over seeds, interval over videos.

    Args:
        row: Has ``<figure>_mean`` and ``<figure>_std``, and ``<figure>_low`` and ``<figure>_high`` where intervals are.
        figure: Its name.
    """
    mean, spread = row[f"{figure}_mean"], row[f"{figure}_std"]
    low, high = row.get(f"{figure}_low"), row.get(f"{figure}_high")
    ends = f"[{_coarse(low)}, {_coarse(high)}]" if low and high else ""
    return " ".join(word for word in (mean, f"± {spread}" if spread else "", ends) if word)


def _coarse(end: str) -> str:
    try:
        return f"{float(end):.1f}"
    except ValueError:
        return end


def _note(row: Mapping[str, str], describing: Sequence[str]) -> str:
    if not row.get("seeds"):
        return ""
    parts = [f"{name}: {row[name]}" for name in STATED if row.get(name)]
    return f"{' / '.join(row[name] for name in describing)}: {'; '.join(parts)}"


def _plain(text: str) -> str:
    # Of a list's item too, the beginning could be a heading's or another list's.
    text = re.sub(r"[\\`\[<]", r"\\\g<0>", printable(text))
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return re.sub(r"^(#+|>|[+-]|\d+[.)])(?=\s)", r"\\\1", text)


def _escape(text: str) -> str:
    return text.translate(_LATEX)


if __name__ == "__main__":
    command.run(main)
