"""``python -m evaluate.report.training_curves``: every method's losses and selection score by epoch, a line a run."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluate.report.runs import METAVAR, runs_by_method
from extract.base import command
from extract.base.csv_table import read_csv
from extract.base.errors import InputError
from extract.base.help import command_parser

# Columns of the curves that are no loss term.
EPOCH = "epoch"
SCORE = "selection_score"
LEARNING_RATE = "learning_rate"
COLUMNS = 3
WIDTH = 10.5
PANEL_HEIGHT = 2.1

Curve = dict[int, float]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.training_curves", __doc__, writes="METHOD.svg into --out")
    parser.add_argument(
        "--curves",
        nargs=3,
        action="append",
        required=True,
        metavar=METAVAR,
        help="curves of one run (CSV of train.curves); repeat for every run",
    )
    parser.add_argument("--score", default="score", help="what the selection score measures, for its axis")
    parser.add_argument("--out", type=Path, required=True, help="folder for METHOD.svg")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw every method."""
    arguments = parser().parse_args(argv)
    for method, files in runs_by_method(arguments.curves, "--curves").items():
        runs = {run: read_curves(path) for run, path in files.items()}
        draw(arguments.out / f"{method}.svg", method, runs, arguments.score)


def read_curves(path: Path) -> dict[str, Curve]:
    """Read the curves of one run.

    Returns:
        By column in the file's order, the value of every epoch that has one.

    Raises:
        InputError: If the file is absent, no curves, or a cell is no number.
    """
    header, rows = read_csv(path, "training curves (CSV)")
    if not rows or EPOCH not in header:
        raise InputError(f"{path}: needs the column {EPOCH} and a line for each epoch; make it with train.curves")
    curves: dict[str, Curve] = {name: {} for name in header if name != EPOCH}
    for number, row in rows:
        try:
            for name, curve in curves.items():
                if row[name]:
                    curve[int(row[EPOCH])] = float(row[name])
        except ValueError:
            raise InputError(
                f"{path}, line {number}: has a cell that is no number; make it with train.curves"
            ) from None
    return curves


def panels(runs: Mapping[str, Mapping[str, Curve]]) -> dict[str, dict[str, Curve]]:
    """Sort curves by what they show.

    Args:
        runs: Curves by name by run.

    Returns:
        Curves by run by panel: the loss terms in the order reported, then the selection score where there is one.
    """
    names = dict.fromkeys(name for curves in runs.values() for name in curves)
    shown = [name for name in names if name not in (SCORE, LEARNING_RATE)] + [name for name in names if name == SCORE]
    return {name: {run: curves[name] for run, curves in runs.items() if name in curves} for name in shown}


def draw(path: Path, method: str, runs: Mapping[str, Mapping[str, Curve]], score: str) -> None:
    """Draw one method as SVG.

    Args:
        path: File to write.
        method: Name of the method, for the title.
        runs: Curves by name by run.
        score: What the selection score measures.
    """
    from evaluate.report.drawing import colour, drawn, open_frame

    shown = panels(runs)
    rows = math.ceil(len(shown) / COLUMNS)
    with drawn(path, WIDTH, rows * PANEL_HEIGHT + 0.7, f"{method}: training") as figure:
        grid = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
        for axes, (name, by_run) in zip(grid, shown.items(), strict=False):
            open_frame(axes)
            for number, (run, curve) in enumerate(by_run.items()):
                axes.plot(list(curve), list(curve.values()), color=colour(number), label=run, marker=".", linewidth=1.4)
            axes.set_title(score if name == SCORE else f"loss: {name.replace('_', ' ')}", fontsize="medium")
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=8, frameon=False)


if __name__ == "__main__":
    command.run(main)
