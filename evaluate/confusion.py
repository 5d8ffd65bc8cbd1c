"""``python -m evaluate.confusion``: every method's frame-level confusion of classes, summed over its runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.runs import METAVAR, runs_by_method
from extract import command
from extract.catalog import Segment
from extract.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.annotated import Annotated

CELL = 0.52
MARGIN = 2.4
SEVERAL = -1


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluate.confusion", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--scores", nargs=3, action="append", required=True, metavar=METAVAR, help="scores of one run; repeat"
    )
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos' segments")
    parser.add_argument("--protocol", choices=("released", "exact"), required=True, help="which frames count")
    parser.add_argument("--out", type=Path, required=True, help="folder for METHOD.svg")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw every method."""
    arguments = parser().parse_args(argv)
    methods = runs_by_method(arguments.scores, "--scores")

    from evaluate.annotated import counted_frames, read_annotated, read_test_videos
    from evaluate.class_names import class_names

    tests = read_test_videos(arguments.catalog)
    for method, files in methods.items():
        counts = []
        codes: tuple[str, ...] = ()
        for run, path in files.items():
            header, videos = read_annotated(path, tests, arguments.catalog)
            if not header.tells_classes:
                raise InputError(f"{path}: {method} {run} tells no classes apart; leave it out")
            if codes not in ((), header.classes):
                raise InputError(f"{path}: has other classes than the method's first run; score both alike")
            codes = header.classes
            frames = counted_frames(videos, header.stride, arguments.protocol, path)
            counts.append(confusion(videos, codes, header.stride, frames))
        draw(arguments.out / f"{method}.svg", method, class_names(codes), sum(counts[1:], start=counts[0]))


def confusion(
    videos: Sequence[Annotated], codes: Sequence[str], stride: int, frames: Sequence[int]
) -> NDArray[np.int64]:
    """Count frames by annotated and by likeliest class.

    A frame outside every event is normal; one inside events of several classes has no one answer and is left out. The
    likeliest class of a frame is that of its snippet, the first of equals.

    Args:
        videos: Scored and annotated videos.
        codes: Label codes of the C columns; the first is normal.
        stride: Frames a snippet.
        frames: Frames of each video that count.

    Returns:
        [C annotated, C likeliest] int64.
    """
    import numpy as np

    total = np.zeros(len(codes) ** 2, dtype=np.int64)
    for video, length in zip(videos, frames, strict=True):
        told = np.repeat(video.scores.classes.argmax(axis=1), stride)[:length]
        true = annotated_class(video.segments, codes, length)
        one = true != SEVERAL
        total += np.bincount(true[one] * len(codes) + told[one], minlength=len(codes) ** 2)
    return total.reshape(len(codes), len(codes))


def annotated_class(segments: Sequence[Segment], codes: Sequence[str], frames: int) -> NDArray[np.int64]:
    """Give each frame's annotated class.

    Args:
        segments: Annotated events.
        codes: Label codes; the first is normal.
        frames: Length of the result.

    Returns:
        [frames] int64, a position in ``codes``, or -1 inside events of several classes.
    """
    import numpy as np

    inside = np.zeros((len(codes), frames), dtype=np.bool_)
    for segment in segments:
        inside[codes.index(segment.label), segment.start : segment.end] = True
    abnormal = inside[1:]
    several = abnormal.sum(axis=0) > 1
    return np.where(several, SEVERAL, np.where(abnormal.any(axis=0), 1 + abnormal.argmax(axis=0), 0))


def draw(path: Path, method: str, names: Sequence[str], counts: NDArray[np.int64]) -> None:
    """Draw one method as SVG: each row's shares in percent, beside it how many frames it has."""
    import numpy as np

    from evaluate.drawing import drawn

    of_row = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100.0 * counts, of_row, out=np.zeros(counts.shape), where=of_row > 0)
    side = CELL * len(names)
    with drawn(path, side + MARGIN + 0.6, side + MARGIN, f"{method}: confusion of classes") as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (row, column), share in np.ndenumerate(shares):
            shown = f"{share:.0f}" if of_row[row, 0] else "-"
            axes.text(
                column, row, shown, ha="center", va="center", fontsize=8, color="white" if share > 60 else "black"
            )
        ticks = range(len(names))
        axes.set_xticks(ticks, [*names], rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(ticks, [f"{name} ({total:,})" for name, total in zip(names, of_row[:, 0], strict=True)])
        axes.set(xlabel="likeliest class", ylabel="annotated class (frames)")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)


if __name__ == "__main__":
    command.run(main)
