"""``python -m evaluate.report.transfer_matrix``: the table of evaluate.transfer as a picture, one matrix a method."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base import command
from extract.base.csv_table import read_csv
from extract.base.errors import InputError
from extract.base.help import command_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = {"auc": "AUC", "ap": "AP", "map": "mAP"}
NEEDED = ("trained_on", "method", "scored_on", "videos")
# Inches.
CELL = 0.85
MARGIN = 1.9

Row = Mapping[str, str]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.transfer_matrix", __doc__, writes="--out (SVG)")
    parser.add_argument("table", type=Path, help="CSV file of evaluate.transfer")
    parser.add_argument("--measure", choices=tuple(MEASURES), default="auc", help="what the cells show, in percent")
    parser.add_argument("--out", type=Path, required=True, help="picture to write (SVG)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the table."""
    arguments = parser().parse_args(argv)
    draw(arguments.out, read_cells(arguments.table, arguments.measure), arguments.measure)


def read_cells(path: Path, measure: str) -> Sequence[Row]:
    """Read the table.

    Raises:
        InputError: If it is none of evaluate.transfer, or a figure is no number.
    """
    column = f"{measure}_mean"
    header, rows = read_csv(path, "a CSV table")
    lacking = [name for name in (*NEEDED, column) if name not in header]
    if lacking:
        raise InputError(f"{path}: lacks the columns {', '.join(lacking)}; give evaluate.transfer's table")
    for number, row in rows:
        if row[column] and not row[column].replace(".", "", 1).isdecimal():
            raise InputError(f"{path}, line {number}: {column} is {row[column]!r:.40}, no number")
    if not rows:
        raise InputError(f"{path}: has no row; give evaluate.transfer's table")
    return [row for _, row in rows]


def draw(path: Path, rows: Sequence[Row], measure: str) -> None:
    """Draw the matrices beside one another: rows are training sets, columns test sets, each with its videos below."""
    from evaluate.report.drawing import drawn

    methods, trained, scored = (
        list(dict.fromkeys(row[name] for row in rows)) for name in ("method", "trained_on", "scored_on")
    )
    width = len(methods) * (CELL * len(scored) + MARGIN)
    title = f"Trained on one set, scored on another: {MEASURES[measure]}"
    with drawn(path, width, CELL * len(trained) + MARGIN, title) as figure:
        for axes, method in zip(figure.subplots(1, len(methods), squeeze=False)[0], methods, strict=True):
            cells = {(row["trained_on"], row["scored_on"]): row for row in rows if row["method"] == method}
            axes.set_title(method, parse_math=False)
            _draw_method(axes, cells, trained, scored, f"{measure}_mean")


def _draw_method(
    axes: "Axes", cells: Mapping[tuple[str, str], Row], trained: Sequence[str], scored: Sequence[str], column: str
) -> None:
    import numpy as np

    texts = [[cells.get((row, name), {}).get(column, "") for name in scored] for row in trained]
    values = np.array([[float(text) if text else np.nan for text in row] for row in texts])
    axes.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=100)
    for (row, place), value in np.ndenumerate(values):
        videos = cells.get((trained[row], scored[place]), {}).get("videos", "")
        shown = f"{value:.1f}\n({videos})" if np.isfinite(value) else "-"
        axes.text(place, row, shown, ha="center", va="center", fontsize=8, color="white" if value > 60 else "black")
    axes.set_xticks(range(len(scored)), scored, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(range(len(trained)), trained, parse_math=False)
    axes.set(xlabel="scored on (videos that count)", ylabel="trained on")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


if __name__ == "__main__":
    command.run(main)
