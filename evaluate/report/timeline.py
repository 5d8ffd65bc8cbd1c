"""Draws what a model says of one video: pictures, anomaly scores, sound, a map of its classes, over one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from evaluate.report.class_names import FONT, fonts_for, short
from evaluate.report.heard import DEPTH, Spectrogram, kilohertz_rows
from extract.base.files import atomic_path

DPI = 150
# Okabe and Ito's colours, told apart by colour-blind readers; the second line is dashed for print without colours.
COLOURS = ("#0072B2", "#D55E00")
DASHES: tuple[Literal["solid", "dashed"], ...] = ("solid", "dashed")
MARK = "#E69F00"
SHADE = 0.3
MAP = "Blues"
HEARD = "magma"
LONGEST_TITLE = 88
SIZE = 10.0
TITLE_SIZE = 12.0
# A fixed salt and no date: equal figures are equal bytes.
STYLE = {"svg.hashsalt": "avadclip", "svg.fonttype": "path", "font.family": FONT, "font.size": SIZE}
PLAIN_SVG = {"Date": None, "Creator": None}

# Inches.
WIDTH = 10.0
CHARACTER = 0.08
RIGHT = 0.95
TOP = 0.45
WARNING = 0.25
LINES = 1.9
LEGEND = 0.36
GAP = 0.14
ROW = 0.27
LEAST_MAP = 0.9
SOUND = 0.75
KILOHERTZ = (0.5, 2, 8)
BOTTOM = 0.58
TALLEST_PICTURE = 1.2
BETWEEN_PICTURES = 0.04
BAR = 0.14


@dataclass(frozen=True, eq=False)
class ScoreLine:
    """One line of anomaly scores.

    Attributes:
        name: As the legend has it.
        edges: [T + 1] float64, where each snippet begins and the last one ends, in the figure's unit.
        values: [T] in 0..1.
    """

    name: str
    edges: NDArray[np.float64]
    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ClassMap:
    """Probability of every class over time.

    Attributes:
        names: What each of the C rows is called; the first row is drawn on top.
        edges: [T + 1] float64, as a score line's.
        values: [T, C] in 0..1.
    """

    names: Sequence[str]
    edges: NDArray[np.float64]
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Mark:
    """A stretch of time: shaded under the lines and framed in its class's row.

    Attributes:
        start: Begin in the figure's unit.
        end: End, likewise.
        row: Row of the map; ``None`` if the map has none for it.
    """

    start: float
    end: float
    row: int | None


@dataclass(frozen=True, eq=False)
class Drawing:
    """Everything one figure shows.

    Attributes:
        title: Name of the video.
        unit: What the time axis counts, ``seconds`` or ``frames``.
        end: Where the axis ends; it begins at 0.
        lines: One or two.
        class_map: The map below them.
        marks: Stretches to mark.
        marks_are: What they are, for the legend, for example ``ground truth``.
        thumbnails: RGB pictures [H, W, 3] uint8, each from the middle of one of as many equal parts of the time;
            may be empty.
        threshold: Height of a line across the plot, from which on the marks begin; ``None`` for none.
        warning: What a reader must know before believing it, below the title; empty for nothing.
        sound: Of the whole time, from 0 to the end; ``None`` for no panel.
    """

    title: str
    unit: str
    end: float
    lines: Sequence[ScoreLine]
    class_map: ClassMap
    marks: Sequence[Mark]
    marks_are: str
    thumbnails: Sequence[NDArray[np.uint8]]
    threshold: float | None = None
    warning: str = ""
    sound: Spectrogram | None = None


def draw(drawing: Drawing, png: Path, svg: Path) -> None:
    """Write a figure as PNG and SVG, each whole or not at all; equal drawings give equal files.

    Args:
        drawing: What to show.
        png: The picture of pixels.
        svg: The picture of lines; letters are outlines, so that it looks alike without the font.
    """
    fonts = {"font.family": fonts_for([drawing.title, *drawing.class_map.names])}
    with style.context(["default", STYLE | fonts]):
        figure = _figure(drawing)
        FigureCanvasAgg(figure)
        with atomic_path(png) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
        with atomic_path(svg) as temporary:
            figure.savefig(temporary, format="svg", dpi=DPI, metadata=PLAIN_SVG)


def _figure(drawing: Drawing) -> Figure:
    left = max(0.75, 0.3 + CHARACTER * max(len(name) for name in short(drawing.class_map.names)))
    wide = WIDTH - left - RIGHT
    map_height = max(LEAST_MAP, ROW * len(drawing.class_map.names))
    strip = _strip_height(drawing.thumbnails, wide)
    top = TOP + (WARNING if drawing.warning else 0)
    sound = SOUND + GAP if drawing.sound else 0.0
    height = BOTTOM + map_height + GAP + sound + LINES + LEGEND + strip + top
    figure = Figure(figsize=(WIDTH, height))

    def box(x: float, y: float, width: float, tall: float) -> Axes:
        return figure.add_axes((x / WIDTH, y / height, width / WIDTH, tall / height))

    map_axes = box(left, BOTTOM, wide, map_height)
    mesh = _draw_map(map_axes, drawing)
    lines_bottom = BOTTOM + map_height + GAP + sound
    if drawing.sound is not None:
        _draw_sound(box(left, BOTTOM + map_height + GAP, wide, SOUND), drawing.sound, drawing.end)
    _draw_lines(box(left, lines_bottom, wide, LINES), drawing)
    bar = figure.colorbar(mesh, cax=box(left + wide + GAP, BOTTOM, BAR, map_height), ticks=[0, 0.5, 1])
    bar.set_label("probability")

    tile = (wide + BETWEEN_PICTURES) / max(1, len(drawing.thumbnails))
    for index, picture in enumerate(drawing.thumbnails):
        axes = box(left + index * tile, lines_bottom + LINES + LEGEND, tile - BETWEEN_PICTURES, strip)
        axes.imshow(picture)
        axes.set_axis_off()
    title = figure.text(left / WIDTH, 1 - 0.15 / height, _shortened(drawing.title), va="top", parse_math=False)
    title.set_fontsize(_fitting(TITLE_SIZE, title.get_window_extent().width / figure.dpi * TITLE_SIZE / SIZE, wide))
    if drawing.warning:
        figure.text(
            left / WIDTH, 1 - TOP / height, drawing.warning, va="top", color=COLOURS[1], weight="bold", parse_math=False
        )
    return figure


def _strip_height(thumbnails: Sequence[NDArray[np.uint8]], wide: float) -> float:
    if not thumbnails:
        return 0.0
    height, width = thumbnails[0].shape[:2]
    return min(TALLEST_PICTURE, float(wide / len(thumbnails) * height / width))


def _draw_sound(axes: Axes, sound: Spectrogram, end: float) -> None:
    rows = np.arange(len(sound.decibels) + 1) - 0.5
    axes.pcolormesh(sound.edges, rows, sound.decibels, cmap=HEARD, vmin=-DEPTH, vmax=0, rasterized=True)
    axes.set_xlim(0, end)
    axes.set_yticks([kilohertz_rows(one) for one in KILOHERTZ], [f"{one:g}" for one in KILOHERTZ])
    axes.tick_params(labelbottom=False, bottom=False)
    axes.set_ylabel("kHz")


def _draw_lines(axes: Axes, drawing: Drawing) -> None:
    for start, end in _united(drawing.marks):
        axes.axvspan(start, end, color=MARK, alpha=SHADE, linewidth=0)
    for line, colour, dashes in zip(drawing.lines, COLOURS, DASHES, strict=False):
        axes.stairs(line.values, line.edges, baseline=None, color=colour, linestyle=dashes, linewidth=1.6)
    if drawing.threshold is not None:
        axes.axhline(drawing.threshold, color="black", linestyle="dotted", linewidth=1)
    axes.set_xlim(0, drawing.end)
    # Room for lines that lie on 0 or 1.
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.5, 1])
    axes.tick_params(labelbottom=False)
    axes.set_ylabel("anomaly")
    axes.spines[["top", "right"]].set_visible(False)
    legend = _add_legend(axes, drawing, SIZE)
    occupied, available = legend.get_window_extent().width, axes.get_window_extent().width
    if occupied > available:
        _add_legend(axes, drawing, _fitting(SIZE, occupied, available))


def _add_legend(axes: Axes, drawing: Drawing, size: float) -> Legend:
    """Put the legend above the lines, in one line; a second call replaces the first one's."""
    handles: list[Artist] = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=1.6)
        for _, colour, dashes in zip(drawing.lines, COLOURS, DASHES, strict=False)
    ]
    names = [line.name for line in drawing.lines]
    if drawing.threshold is not None:
        handles.append(Line2D([], [], color="black", linestyle="dotted", linewidth=1))
        names.append(f"threshold {drawing.threshold:g}")
    if drawing.marks:
        handles.append(Patch(facecolor=MARK, alpha=SHADE))
        names.append(drawing.marks_are)
    legend = axes.legend(
        handles, names, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(names), frameon=False, fontsize=size,
        borderaxespad=0.2, borderpad=0.1,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


def _draw_map(axes: Axes, drawing: Drawing) -> QuadMesh:
    shown = drawing.class_map
    rows = np.arange(len(shown.names) + 1) - 0.5
    mesh = axes.pcolormesh(shown.edges, rows, shown.values.T, cmap=MAP, vmin=0, vmax=1, rasterized=True)
    for mark in drawing.marks:
        if mark.row is not None:
            corner, length = (mark.start, mark.row - 0.5), mark.end - mark.start
            axes.add_patch(
                Rectangle(corner, length, 1, fill=False, edgecolor=MARK, linewidth=1.8, clip_on=False, zorder=3)
            )
    axes.set_xlim(0, drawing.end)
    axes.set_ylim(len(shown.names) - 0.5, -0.5)
    axes.set_yticks(range(len(shown.names)), short(shown.names))
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"time in {drawing.unit}")
    return mesh


def _united(marks: Sequence[Mark]) -> list[tuple[float, float]]:
    """Join stretches that overlap, so that none is shaded twice."""
    united: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda mark: (mark.start, mark.end)):
        if united and mark.start <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], mark.end))
        else:
            united.append((mark.start, mark.end))
    return united


def _fitting(size: float, occupied: float, available: float) -> float:
    """Give the size of letters at which a text that takes ``occupied`` at ``size`` takes what is available."""
    return size * min(1.0, available / occupied)


def _shortened(title: str) -> str:
    half = LONGEST_TITLE // 2
    return title if len(title) <= LONGEST_TITLE else f"{title[:half]}…{title[-half:]}"
