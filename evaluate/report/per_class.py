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
        read = {run: read_run(path).metrics for run, path in files.items()}
        runs = {run: per_class(metrics, files[run]) for run, metrics in read.items()}
        first = next(iter(read))
        draw(arguments.out / f"{method}.svg", method, runs, names_of(read[first], files[first]))


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


def names_of(metrics: Mapping[str, Any], path: Path) -> list[str]:
    """Give each class of ``per_class`` in words; metrics without ``prompts`` are of a built-in data set.

    Raises:
        InputError: If there are not as many prompts as classes.
    """
    from extract.datasets import class_names

    prompts, codes = metrics.get("prompts"), list(metrics["per_class"])
    if prompts is None:
        return class_names(codes)
    if not isinstance(prompts, list) or len(prompts) != len(codes) or not all(isinstance(one, str) for one in prompts):
        raise InputError(f"{path}: field prompts must be a text for each of the {len(codes)} classes; measure again")
    return prompts


def draw(path: Path, method: str, runs: Mapping[str, Mapping[str, float | None]], names: Sequence[str]) -> None:
    """Draw one method as SVG, its classes named by ``names``."""
    from evaluate.report.class_names import short
    from evaluate.report.drawing import QUIET, colour, drawn, open_frame

    codes = list(next(iter(runs.values())))
    with drawn(path, WIDTH, ROW * len(codes) + MARGIN, f"{method}: AP of each class", names) as figure:
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
        axes.set_yticks(range(len(codes)), short(names))
        for label in axes.get_yticklabels():
            label.set_parse_math(False)
        axes.set(xlim=(0, 100), xlabel="AP in percent, mean over IoU 0.1 to 0.5")
        axes.invert_yaxis()
        figure.legend(loc="outside lower center", ncols=8, frameon=False)


if __name__ == "__main__":
    command.run(main)
