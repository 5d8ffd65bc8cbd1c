"""``python -m evaluate.report.per_class``: every method's instance-level AP of each class, a bar for its runs' mean."""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluate.report.runs import METAVAR, runs_by_method
from evaluate.tables import read_run
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

WIDTH = 7.5
ROW = 0.36
MARGIN = 1.7


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.per_class", __doc__, writes="METHOD.svg into --out")
    parser.add_argument(
        "--metrics", nargs=3, action="append", required=True, metavar=METAVAR, help="metrics of one run; repeat"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for METHOD.svg")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw every method."""
    arguments = parser().parse_args(argv)
    for method, files in runs_by_method(arguments.metrics, "--metrics").items():
        runs = {run: per_class(read_run(path).metrics, path) for run, path in files.items()}
        draw(arguments.out / f"{method}.svg", method, runs)


def per_class(metrics: Mapping[str, Any], path: Path) -> dict[str, float | None]:
    """Read the AP of each class, averaged over the IoU thresholds.

    Args:
        metrics: A metrics file's content.
        path: The file, for the message.

    Returns:
        Percent by label code; ``None`` where the class has no annotated event.

    Raises:
        InputError: If there are none, as of a method that tells no classes apart.
    """
    found = metrics.get("per_class")
    if not isinstance(found, dict) or not found:
        raise InputError(f"{path}: field per_class is empty: this method tells no classes apart; leave it out")
    if not all(isinstance(values, dict) and "avg" in values for values in found.values()):
        raise InputError(f"{path}: field per_class must give avg for every class; measure again")
    return {code: values["avg"] for code, values in found.items()}


def draw(path: Path, method: str, runs: Mapping[str, Mapping[str, float | None]]) -> None:
    """Draw one method as SVG."""
    from evaluate.report.drawing import QUIET, colour, drawn, open_frame
    from extract.datasets import class_names

    codes = list(next(iter(runs.values())))
    with drawn(path, WIDTH, ROW * len(codes) + MARGIN, f"{method}: AP of each class") as figure:
        axes = figure.subplots()
        open_frame(axes)
        for row, code in enumerate(codes):
            values = [value for of_run in runs.values() if (value := of_run[code]) is not None]
            if values:
                mean = statistics.fmean(values)
                axes.barh(row, mean, height=0.62, color="#cfe2f3")
                axes.annotate(f"{mean:.1f}", (102, row), va="center", annotation_clip=False)
            else:
                axes.text(0.5, row, "no annotated event", va="center", color=QUIET)
        for number, (run, of_run) in enumerate(runs.items()):
            shown = [(value, row) for row, code in enumerate(codes) if (value := of_run[code]) is not None]
            axes.scatter(
                [value for value, _ in shown],
                [row for _, row in shown],
                s=18,
                color=colour(number),
                label=run,
                zorder=3,
            )
        axes.set_yticks(range(len(codes)), class_names(codes))
        axes.set(xlim=(0, 100), xlabel="AP in percent, mean over IoU 0.1 to 0.5")
        axes.invert_yaxis()
        figure.legend(loc="outside lower center", ncols=8, frameon=False)


if __name__ == "__main__":
    command.run(main)
