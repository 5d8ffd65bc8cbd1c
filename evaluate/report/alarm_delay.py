"""``python -m evaluate.report.alarm_delay``: what a budget of false alarms an hour finds, and how late, a line a run.

Above, the share of events that are found; below, the delay within which half of all events are.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.report.runs import add_scored_runs, scored_runs
from extract.base import command
from extract.base.help import command_parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluate.alarms.budget import Point

WIDTH = 6.4
HEIGHT = 6.6
ONE_AN_HOUR = 1.0
# An hour's budget where no alarm is false at all; a logarithm has no 0.
LEAST = 0.01


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.alarm_delay", __doc__, writes="METHOD.svg into --out")
    add_scored_runs(parser, "which frames are abnormal")
    parser.add_argument("--out", type=Path, required=True, help="folder for METHOD.svg")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw every method."""
    arguments = parser().parse_args(argv)
    from evaluate.alarms.budget import points_of_budgets, points_of_every_budget, watch
    from evaluate.alarms.footage import footage

    for method, runs in scored_runs(arguments):
        lines: dict[str, list[Point]] = {}
        hours = 0.0
        for run, _, scored in runs:
            videos = footage(scored, arguments.branch, arguments.protocol)
            watched = watch(videos)
            hours = watched.quiet
            at = points_of_budgets(watched, [ONE_AN_HOUR])
            lines[run if at is None else f"{run}: {spelled(at[0])}"] = points_of_every_budget(watched)
        draw(arguments.out / f"{method}.svg", f"{method}: {arguments.branch} branch", lines, hours)


def spelled(point: Point) -> str:
    """Say what one false alarm an hour buys."""
    late = "half of all never" if math.isinf(point.delay) else f"half within {point.delay:.1f} s"
    return f"{100 * point.found:.0f} % found, {late}"


def draw(path: Path, title: str, lines: Mapping[str, Sequence[Point]], hours: float) -> None:
    """Draw one method as SVG.

    Args:
        path: The SVG file.
        title: Above everything.
        lines: Points of each run, budgets rising; none where they cannot be told.
        hours: How long the normal videos last together.
    """
    from evaluate.report.drawing import QUIET, colour, drawn, open_frame

    with drawn(path, WIDTH, HEIGHT, title) as figure:
        found, late = figure.subplots(2, sharex=True)
        for axes in (found, late):
            open_frame(axes)
            axes.axvline(ONE_AN_HOUR, color=QUIET, linestyle="dotted")
        for number, (run, points) in enumerate(lines.items()):
            budgets = [max(point.alarms_per_hour, LEAST) for point in points]
            _line(found, budgets, [100 * point.found for point in points], colour(number), run)
            delays = [math.nan if math.isinf(point.delay) else point.delay for point in points]
            _line(late, budgets, delays, colour(number), None)
        found.set(ylim=(0, 102), ylabel="events found, %")
        late.set(ylabel="half of all events\nfound within, seconds", xlabel=_axis(hours))
        late.set_ylim(bottom=0)
        late.set_xscale("log")
        late.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        if any(lines.values()):
            figure.legend(loc="outside lower center", ncols=1, frameon=False, title="at one false alarm an hour")
        else:
            why = "no normal video or no event\nwhose frame rate is known"
            found.text(0.5, 0.5, why, ha="center", va="center", transform=found.transAxes, color=QUIET)


def _line(axes: Axes, budgets: Sequence[float], values: Sequence[float], shade: str, label: str | None) -> None:
    axes.plot(budgets, values, drawstyle="steps-post", color=shade, linewidth=1.4, label=label)


def _axis(hours: float) -> str:
    return f"false alarms an hour ({hours:.2f} hours of normal videos; none is drawn at {LEAST:g})"


if __name__ == "__main__":
    command.run(main)
