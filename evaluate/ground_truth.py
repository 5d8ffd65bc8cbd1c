"""``python -m evaluate.ground_truth``: make, or check, a ``gt.npy``: 1 for each abnormal frame of all test videos.

The videos follow each other in the order of a list, as other repositories' tests read them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.arrays.placing import Placing, add_placing, read_placing
from evaluate.arrays.rules import AUTO, FRAMES, UP, rate_of
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import atomic_path
from extract.base.help import command_parser
from extract.labels.flags import add_classes, chosen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.arrays.rows import Clue


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.ground_truth", __doc__, writes="--out (.npy, float32, 0 or 1 a frame)")
    add_placing(parser)
    add_classes(parser)
    parser.add_argument(
        "--protocol",
        choices=("released", "exact"),
        default="released",
        help="whose truth of a frame counts: released_frames of the catalog where it has them, or always its segments",
    )
    parser.add_argument("--out", type=Path, help="array to make; --rows auto then fills up the last snippet")
    parser.add_argument("--check", type=Path, help="array to check against the catalog")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Make or check an array."""
    arguments = parser().parse_args(argv)
    if (arguments.out is None) == (arguments.check is None):
        raise InputError(f"{arguments.catalog}: give either --out, to make an array, or --check, to check one")
    if arguments.rows != AUTO and rate_of(arguments.rows) != FRAMES:
        raise InputError(f"--rows: {arguments.rows} counts snippets; ground truth has a row a frame")
    placing = read_placing(arguments)
    if arguments.check is None:
        _make(arguments, placing)
    else:
        _check(arguments, placing)


def _make(arguments: argparse.Namespace, placing: Placing) -> None:
    import numpy as np

    from evaluate.arrays.rows import rows_of

    rule = f"{FRAMES}-{UP}" if arguments.rows == AUTO else arguments.rows
    rows = rows_of(placing.order, placing.lengths, arguments.stride, rule, str(placing.where))
    joined = _truth(arguments, placing, placing.order, rows.tolist())
    with atomic_path(arguments.out) as temporary, temporary.open("wb") as file:
        np.save(file, joined.astype(np.float32), allow_pickle=False)
    print(f"{arguments.out}: {len(joined)} frames of {len(placing.order)} videos, {int(joined.sum())} of them abnormal")


def _check(arguments: argparse.Namespace, placing: Placing) -> None:
    import numpy as np

    from evaluate.arrays.number_file import read_numbers
    from evaluate.arrays.rows import split_rows

    path, where = arguments.check, f"{arguments.check} by {placing.where}"
    values = read_numbers(path).values
    if values.shape[1] != 1 or not np.isin(values, (0, 1)).all():
        raise InputError(f"{path}: must hold one number a frame, 0 or 1")
    parts, rule = split_rows(
        values, placing.order, placing.lengths, arguments.stride, arguments.rows, where, _clue(arguments, placing)
    )
    differing, without = {}, []
    for video_id, labels in parts.items():
        truth = _truth(arguments, placing, [video_id], [len(labels)])
        if truth.any() and not labels.any():
            without.append(video_id)
        if different := int((truth != labels[:, 0]).sum()):
            differing[video_id] = different
    if without:
        raise InputError(
            f"{where}: {len(without)} videos have abnormal frames in {arguments.catalog} and none there, first "
            f"{without[0]!r}; is the list in the array's order?"
        )
    if differing:
        worst = max(differing, key=lambda video_id: differing[video_id])
        raise InputError(
            f"{where}: {sum(differing.values())} frames of {len(differing)} videos differ from {arguments.catalog}, "
            f"first of {next(iter(differing))!r}, most of {worst!r} ({differing[worst]})"
        )
    print(f"{path}: {len(values)} frames (--rows {rule}) of {len(parts)} videos, each as {arguments.catalog} has it")


def _truth(
    arguments: argparse.Namespace, placing: Placing, order: Sequence[str], rows: Sequence[int]
) -> "NDArray[np.bool_]":
    """Give whether each frame is abnormal, all videos joined: [rows] bool."""
    import numpy as np

    from extract.catalog import ground_truth, released_truth
    from train.frame_ap import frame_labels

    normal = chosen(arguments).normal
    truth_of = released_truth if arguments.protocol == "released" else ground_truth
    try:
        return np.concatenate(
            [
                frame_labels(truth_of(placing.tests[video_id], normal, count), normal, count)
                for video_id, count in zip(order, rows, strict=True)
            ]
        )
    except InputError as error:
        raise InputError(f"{arguments.catalog}: {error}") from None


def _clue(arguments: argparse.Namespace, placing: Placing) -> "Clue":
    """Make the clue for an array of the wrong length: where it first differs from the catalog."""
    import numpy as np

    def find(values: "NDArray[np.float64]", order: Sequence[str], rows: "NDArray[np.int64]") -> str:
        truth = _truth(arguments, placing, order, rows.tolist())
        both = min(len(truth), len(values))
        different = np.flatnonzero(truth[:both] != values[:both, 0])
        if not len(different):
            return ""
        first = int(different[0])
        video = int(np.searchsorted(np.cumsum(rows), first, side="right"))
        return f"from {order[video]!r} (row {first}) on it differs from {arguments.catalog}"

    return find


if __name__ == "__main__":
    command.run(main)
