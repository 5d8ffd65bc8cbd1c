"""``python -m evaluate.report.precision_recall``: every method's precision-recall curves over frames, a line a run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate.branches import BRANCHES
from evaluate.report.runs import add_scored_runs, scored_runs
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from train.frame_ap import JoinedFrames

POINTS = 400
WIDTH = 6.4
HEIGHT = 5.2


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A run's precision-recall curve.

    Attributes:
        recall: [n] float64 from 1 down to 0, one point for each distinct score and the end (0, 1).
        precision: [n] float64.
        ap: The area under its steps, average precision in 0..1.
        chance: Share of abnormal frames, the precision that random scores reach.
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    ap: float
    chance: float


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.precision_recall", __doc__, writes="METHOD.svg into --out")
    add_scored_runs(parser, "which frames count")
    parser.add_argument("--out", type=Path, required=True, help="folder for METHOD.svg")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw every method."""
    arguments = parser().parse_args(argv)
    from evaluate.annotated import joined_frames

    for method, runs in scored_runs(arguments):
        lines = {}
        for run, _, scored in runs:
            try:
                lines[run] = compute(joined_frames(scored, BRANCHES[arguments.branch], arguments.protocol))
            except InputError as error:
                raise InputError(f"{arguments.catalog}: {error}") from None
        draw(arguments.out / f"{method}.svg", f"{method}: {arguments.branch} branch", lines)


def compute(joined: JoinedFrames) -> PrecisionRecall:
    """Compute the precision-recall curve over the frames of all videos.

    Raises:
        InputError: If no frame is abnormal, because recall is then undefined.
    """
    from sklearn.metrics import precision_recall_curve

    from train.frame_ap import average_precision

    if not joined.labels.any():
        raise InputError("no frame of the scored test videos is abnormal; a precision-recall curve needs some")
    precision, recall, _ = precision_recall_curve(joined.labels, joined.scores, sample_weight=joined.counts)
    chance = joined.counts[joined.labels].sum() / joined.counts.sum()
    return PrecisionRecall(recall, precision, average_precision(*joined), float(chance))


def thinned(full: PrecisionRecall, points: int = POINTS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Choose the points to draw: the first of each of ``points`` equal steps of recall, and both ends.

    Returns:
        Recall and precision, each [at most points + 2] float64.
    """
    import numpy as np

    steps: NDArray[Any] = np.floor(full.recall * points)
    kept = np.unique(steps, return_index=True)[1]
    chosen = np.union1d(kept, [0, len(steps) - 1])
    return full.recall[chosen], full.precision[chosen]


def draw(path: Path, title: str, lines: Mapping[str, PrecisionRecall]) -> None:
    """Draw one method as SVG."""
    from evaluate.report.drawing import QUIET, colour, drawn, open_frame

    with drawn(path, WIDTH, HEIGHT, title) as figure:
        axes = figure.subplots()
        open_frame(axes)
        for number, (run, line) in enumerate(lines.items()):
            recall, precision = thinned(line)
            label = f"{run}: AP {100 * line.ap:.2f}"
            axes.step(recall, precision, where="post", color=colour(number), linewidth=1.4, label=label)
        chance = next(iter(lines.values())).chance
        axes.axhline(chance, color=QUIET, linestyle="dotted", label=f"chance: {100 * chance:.2f}")
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall (abnormal frames found)", ylabel="precision")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)


if __name__ == "__main__":
    command.run(main)
