"""How a comparison is written: as CSV, as Markdown and LaTeX, and as a picture."""

import csv
import io
import statistics
from collections.abc import Sequence
from pathlib import Path

from evaluate.compare.pairs import DEVIATIONS, Comparison, deviation
from evaluate.report.drawing import QUIET, colour, drawn, open_frame
from evaluate.statistics.settings import HOW, Resampling
from evaluate.twins import Laid
from extract.base.printable import cell

COLUMNS = (
    "measure", "first", "second", "first_mean", "first_std", "second_mean", "second_std", "difference_mean",
    "difference_low", "difference_high", "p", "p_holm", "seeds", "videos", "warning", "note",
)  # fmt: skip
NAMES = {"ap": "AP", "auc": "AUC", "avg": "mAP"}
WIDTH, ROW, MARGIN = 8.0, 0.3, 1.3


def how(settings: Resampling, most_swaps: int, comparisons: int) -> str:
    """Say how the numbers came about, for the column ``note``."""
    return (
        f"difference: first minus second, with 95% interval over test videos ({settings.resamples} paired resamples, "
        f"{HOW[settings.interval]}, seed {settings.seed}); p: paired randomisation over videos ({most_swaps} swaps of "
        f"mid-ranks); p_holm: after Holm's correction for {comparisons} comparisons by this measure; the interval "
        f"says nothing of training seeds, a warning compares with {DEVIATIONS} standard deviations over them"
    )


def as_csv(found: Sequence[Comparison], videos: str, notes: Sequence[str]) -> str:
    """Spell comparisons as CSV; ``notes`` has one for each."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one, note in zip(found, notes, strict=True):
        low, high = (f"{end:.2f}" for end in one.ends) if one.ends else ("", "")
        row = {
            "measure": measure_name(one),
            "first": one.first,
            "second": one.second,
            "first_mean": f"{statistics.fmean(one.first_values):.2f}",
            "first_std": _spread(one.first_values),
            "second_mean": f"{statistics.fmean(one.second_values):.2f}",
            "second_std": _spread(one.second_values),
            "difference_mean": f"{one.difference:.2f}",
            "difference_low": low,
            "difference_high": high,
            "p": f"{one.p:.4f}",
            "p_holm": f"{one.p_holm:.4f}",
            "seeds": f"{len(one.first_values)} and {len(one.second_values)}",
            "videos": videos,
            "warning": "; ".join(one.warnings),
            "note": note,
        }
        writer.writerow({name: cell(value) for name, value in row.items()})
    return text.getvalue()


def measure_name(one: Comparison) -> str:
    """Name a measure with its branch and protocol, as captions do."""
    *where, figure = one.measure
    return f"{NAMES[figure]} ({', '.join(part for part in where if part != 'map')})"


def lay_out(rows: Sequence[dict[str, str]]) -> Laid:
    """Choose what a reader sees of the CSV table."""
    headings = [
        "measure",
        "first",
        "second",
        "first value",
        "second value",
        "difference of the two",
        "p Holm",
        "warning",
    ]
    cells = [
        [
            row["measure"],
            row["first"],
            row["second"],
            _with_spread(row, "first"),
            _with_spread(row, "second"),
            f"{row['difference_mean']} [{row['difference_low']}, {row['difference_high']}]"
            if row["difference_low"]
            else row["difference_mean"],
            row["p_holm"],
            row["warning"],
        ]
        for row in rows
    ]
    return Laid(headings, cells, list(dict.fromkeys(f"{row['videos']} test videos; {row['note']}" for row in rows)))


def draw(path: Path, found: Sequence[Comparison]) -> None:
    """Draw every difference with its interval as SVG, a panel for each measure."""
    by_measure: dict[str, list[Comparison]] = {}
    for one in found:
        by_measure.setdefault(measure_name(one), []).append(one)
    rows = max(len(alike) for alike in by_measure.values())
    title = "difference with 95% interval over test videos"
    with drawn(path, WIDTH, len(by_measure) * (ROW * rows + MARGIN), title) as figure:
        panels = figure.subplots(len(by_measure), 1, squeeze=False)[:, 0]
        for axes, (name, alike) in zip(panels, by_measure.items(), strict=True):
            open_frame(axes)
            axes.axvline(0, color=QUIET, linewidth=0.8)
            for row, one in enumerate(alike):
                told_apart = colour(0) if not one.warnings else QUIET
                if one.ends:
                    axes.plot(one.ends, (row, row), color=told_apart, linewidth=1.6)
                axes.plot(one.difference, row, "o", color=told_apart, markersize=5)
            axes.set_yticks(range(len(alike)), [f"{one.first} minus {one.second}" for one in alike], parse_math=False)
            axes.set(title=name, ylim=(-0.6, len(alike) - 0.4))
            axes.invert_yaxis()
        panels[-1].set_xlabel("points; grey: not told apart")


def _spread(values: Sequence[float]) -> str:
    return f"{deviation(values):.2f}" if len(values) > 1 else ""


def _with_spread(row: dict[str, str], side: str) -> str:
    mean, spread = row[f"{side}_mean"], row[f"{side}_std"]
    return f"{mean} ± {spread}" if spread else mean
