"""``python -m evaluate.report.forest``: a table's measured figures with their intervals, reported ones as marks.

A panel for the frame-level figure and one for the mean mAP, as far as the table has them; a line for each row that was
measured or that the paper reports.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.paper_tables import IOU_THRESHOLDS
from evaluate.twins import read_rows
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

if TYPE_CHECKING:
    from matplotlib.artist import Artist

PANEL, ROW, MARGIN, LABELS = 5.6, 0.32, 1.9, 2.6
OVER_VIDEOS = "95% interval over test videos"
# Columns that tell nothing of which row it is.
BESIDE = ("reference", "modality")


@dataclass(frozen=True)
class Line:
    """One row of a table by one figure, in percent.

    Attributes:
        name: What names the row.
        reported: The paper's value.
        mean: The measured value, over seeds.
        deviation: Its standard deviation over seeds.
        ends: Its interval over test videos.
    """

    name: str
    reported: float | None
    mean: float | None
    deviation: float | None
    ends: tuple[float, float] | None


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.forest", __doc__, writes="--out (SVG)")
    parser.add_argument("table", type=Path, help="CSV file of evaluate.tables")
    parser.add_argument("--title", required=True, help="heading of the drawing")
    parser.add_argument("--out", type=Path, required=True, help="drawing to write (SVG)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw a table."""
    arguments = parser().parse_args(argv)
    draw(arguments.out, arguments.title, panels(read_rows(arguments.table), arguments.table))


def panels(rows: Sequence[Mapping[str, str]], source: Path) -> dict[str, list[Line]]:
    """Choose what is drawn.

    Args:
        rows: Rows of a table of ``evaluate.tables``.
        source: Its file, for messages.

    Returns:
        The lines of each figure. The single thresholds of mAP, whose mean is drawn, are left out.

    Raises:
        InputError: If the table has no measured column, or a cell is no number.
    """
    names = list(rows[0]) if rows else []
    thresholds = {f"map_{threshold}" for threshold in IOU_THRESHOLDS}
    figures = [
        figure
        for name in names
        if name.startswith("measured_") and name.endswith("_mean")
        if (figure := name.removeprefix("measured_").removesuffix("_mean")) not in thresholds
    ]
    if not figures:
        raise InputError(f"{source}: has no column measured_*_mean; give a table that evaluate.tables made")
    first_number = next(i for i, name in enumerate(names) if name.startswith(("reported_", "measured_")))
    describing = [name for name in names[:first_number] if name not in BESIDE]
    return {figure: [_line(row, describing, figure, source) for row in rows] for figure in figures}


def _line(row: Mapping[str, str], describing: Sequence[str], figure: str, source: Path) -> Line:
    def number(column: str) -> float | None:
        # A star marks a mean that does not cover all videos.
        text = row.get(column, "").removesuffix("*")
        try:
            return float(text) if text else None
        except ValueError:
            raise InputError(f"{source}: column {column}: {text!r} is no number") from None

    low, high = number(f"measured_{figure}_low"), number(f"measured_{figure}_high")
    return Line(
        " / ".join(row[name] for name in describing),
        number(f"reported_{figure}"),
        number(f"measured_{figure}_mean"),
        number(f"measured_{figure}_std"),
        None if low is None or high is None else (low, high),
    )


def draw(path: Path, title: str, figures: Mapping[str, Sequence[Line]]) -> None:
    """Draw a table as SVG."""
    from evaluate.report.drawing import COLOURS, QUIET, drawn, open_frame

    measured, reported = COLOURS[0], COLOURS[1]
    kept = {name: [one for one in lines if (one.mean, one.reported) != (None, None)] for name, lines in figures.items()}
    rows = max(len(lines) for lines in kept.values())
    with drawn(path, LABELS + PANEL * len(kept), ROW * rows + MARGIN, title) as figure:
        for axes, (name, lines) in zip(figure.subplots(1, len(kept), squeeze=False)[0], kept.items(), strict=True):
            open_frame(axes)
            for row, one in enumerate(lines):
                if one.ends:
                    axes.plot(one.ends, (row, row), color=measured, linewidth=1.4, label=OVER_VIDEOS)
                if one.mean is not None and one.deviation is not None:
                    spread = (one.mean - one.deviation, one.mean + one.deviation)
                    axes.plot(spread, (row, row), color=measured, linewidth=5, alpha=0.35, label="± over seeds")
                if one.mean is not None:
                    axes.plot(one.mean, row, "o", color=measured, markersize=5.5, label="measured")
                if one.reported is not None:
                    axes.plot(one.reported, row, "D", color=reported, fillstyle="none", markersize=6, label="reported")
            axes.set_yticks(range(len(lines)), [one.name for one in lines], parse_math=False)
            axes.tick_params(axis="y", length=0, labelcolor="black")
            axes.set(xlabel=f"{'mean mAP' if name == 'avg' else name.upper()} in percent", ylim=(-0.7, rows - 0.3))
            axes.invert_yaxis()
            if not lines:
                axes.text(0.5, 0.5, "nothing measured", transform=axes.transAxes, ha="center", color=QUIET)
        known: dict[str, Artist] = {}
        for axes in figure.axes:
            handles, labels = axes.get_legend_handles_labels()
            known |= dict(zip(labels, handles, strict=True))
        figure.legend(list(known.values()), list(known), loc="outside lower center", ncols=4, frameon=False)


if __name__ == "__main__":
    command.run(main)
