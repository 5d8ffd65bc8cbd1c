"""``python -m evaluate.report.confusion``: every method's frame-level confusion of classes, summed over its runs.

``METHOD.all.svg`` compares all classes. ``METHOD.events.svg`` takes the annotated events alone and the likeliest class
but the normal one: a method may tell classes apart and yet find every frame more likely normal than any of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.report.runs import add_scored_runs, scored_runs
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.catalog import Segment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.annotated import Annotated

# Inches; no drawing becomes taller than a screen.
CELL = 0.52
TALLEST = 4.4
MARGIN = 2.2
SEVERAL = -1


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser(
        "evaluate.report.confusion", __doc__, writes="METHOD.all.svg and METHOD.events.svg into --out"
    )
    add_scored_runs(parser, "which frames count", branch=False)
    parser.add_argument("--out", type=Path, required=True, help="folder for METHOD.all.svg and METHOD.events.svg")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw every method."""
    arguments = parser().parse_args(argv)
    from evaluate.annotated import counted_frames

    for method, runs in scored_runs(arguments):
        codes: tuple[str, ...] = ()
        names: list[str] = []
        every, events = [], []
        for run, path, scored in runs:
            header, videos = scored.header, scored.videos
            if not header.tells_classes:
                raise InputError(f"{path}: {method} {run} tells no classes apart; leave it out")
            if codes not in ((), header.classes):
                raise InputError(f"{path}: has other classes than the method's first run; score both alike")
            codes, names = header.classes, header.names
            frames = counted_frames(scored, arguments.protocol)
            every.append(confusion(videos, [likeliest(one) for one in videos], codes, header.stride, frames))
            told = [likeliest_event(one) for one in videos]
            events.append(confusion(videos, told, codes, header.stride, frames)[1:, 1:])
        draw(arguments.out / f"{method}.all.svg", method, names, sum(every[1:], start=every[0]))
        draw(arguments.out / f"{method}.events.svg", f"{method}, events", names[1:], sum(events[1:], start=events[0]))


def likeliest(video: Annotated) -> NDArray[np.int64]:
    """Give each snippet's likeliest class, the first of equals: [T] int64."""
    told: NDArray[np.int64] = video.scores.classes.argmax(axis=1)
    return told


def likeliest_event(video: Annotated) -> NDArray[np.int64]:
    """Give each snippet's likeliest class but the normal one, the first of equals: [T] int64."""
    told: NDArray[np.int64] = 1 + video.scores.classes[:, 1:].argmax(axis=1)
    return told


def confusion(
    videos: Sequence[Annotated],
    told: Sequence[NDArray[np.int64]],
    codes: Sequence[str],
    stride: int,
    frames: Sequence[int],
) -> NDArray[np.int64]:
    """Count frames by annotated class and by the one told.

    A frame outside every event is normal; one inside events of several classes has no one answer and is left out.

    Args:
        videos: Annotated videos.
        told: Class of each snippet [T] of every video, a position in ``codes``.
        codes: Label codes of the C classes; the first is normal.
        stride: Frames a snippet.
        frames: Frames of each video that count.

    Returns:
        [C annotated, C told] int64.
    """
    import numpy as np

    total = np.zeros(len(codes) ** 2, dtype=np.int64)
    for video, snippets, length in zip(videos, told, frames, strict=True):
        true = annotated_class(video.segments, codes, length)
        one = true != SEVERAL
        pairs = true[one] * len(codes) + np.repeat(snippets, stride)[:length][one]
        total += np.bincount(pairs, minlength=len(total))
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

    from evaluate.report.class_names import short
    from evaluate.report.drawing import drawn

    of_row = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100.0 * counts, of_row, out=np.zeros(counts.shape), where=of_row > 0)
    side = min(CELL * len(names), TALLEST)
    with drawn(path, side + MARGIN + 0.6, side + MARGIN, f"{method}: confusion of classes", names) as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (row, column), share in np.ndenumerate(shares):
            shown = f"{share:.0f}" if of_row[row, 0] else "-"
            axes.text(
                column, row, shown, ha="center", va="center", fontsize=8, color="white" if share > 60 else "black"
            )
        ticks, shown_names = range(len(names)), short(names)
        axes.set_xticks(ticks, shown_names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(ticks, [f"{name} ({total:,})" for name, total in zip(shown_names, of_row[:, 0], strict=True)])
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            label.set_parse_math(False)
        axes.set(xlabel="likeliest class", ylabel="annotated class (frames)")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)


if __name__ == "__main__":
    command.run(main)
