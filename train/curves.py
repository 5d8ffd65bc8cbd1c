"""``python -m train.curves``: what a training run reported of every epoch, from TensorBoard's event files to CSV.

The CSV has the column ``epoch`` (from 1) and one for each scalar, in the order in which the run reported them: the
loss terms and their weighted ``total`` (means over the epoch's steps), ``selection_score`` where a judge chose the
epoch, and ``learning_rate`` (of the epoch that follows). What was not reported of an epoch is an empty cell.
"""

import argparse
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("train.curves", __doc__, writes="--out (CSV)")
    parser.add_argument("events", type=Path, help="folder of event files, what train.run was given as --curves")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the curves of one run."""
    arguments = parser().parse_args(argv)
    write_text(arguments.out, spell(read_events(arguments.events)))


def read_events(folder: Path) -> dict[str, dict[int, float]]:
    """Read the scalars of one run; of an epoch that was trained twice, after a kill, the last time counts.

    Args:
        folder: Its event files.

    Returns:
        Values by epoch by name.

    Raises:
        InputError: If there are none.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # 0 keeps every value, where TensorBoard would show a sample.
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    if folder.is_dir():
        events.Reload()
    names = events.Tags()["scalars"] if folder.is_dir() else []
    if not names:
        raise InputError(f"{folder}: has no TensorBoard event file with scalars; train this run again")
    return {name: {point.step: point.value for point in events.Scalars(name)} for name in names}


def spell(curves: Mapping[str, Mapping[int, float]]) -> str:
    """Spell curves as CSV, one line for each epoch."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *curves])
    for epoch in sorted({epoch for curve in curves.values() for epoch in curve}):
        writer.writerow([epoch, *(f"{curve[epoch]:.9g}" if epoch in curve else "" for curve in curves.values())])
    return text.getvalue()


if __name__ == "__main__":
    command.run(main)
