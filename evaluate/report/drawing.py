"""What the report's drawings share: their look, and SVG files that are equal where the drawings are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from evaluate.report.class_names import fonts_for
from evaluate.report.timeline import PLAIN_SVG, STYLE
from extract.base.files import atomic_path

# Okabe and Ito's colours, told apart by colour-blind readers; further runs begin anew.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
QUIET = "#777777"


@contextmanager
def drawn(path: Path, width: float, height: float, title: str, names: Sequence[str] = ()) -> Iterator[Figure]:
    """Give a figure, and write it once the block has drawn it.

    Args:
        path: The SVG file; letters are outlines, so that it looks alike without the font.
        width: In inches.
        height: In inches.
        title: Above everything.
        names: Further texts that may be of any script.
    """
    with style.context(["default", STYLE | {"font.family": fonts_for([title, *names])}]):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, parse_math=False)
        yield figure
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata=PLAIN_SVG)


def colour(number: int) -> str:
    """Give the colour of a run."""
    return COLOURS[number % len(COLOURS)]


def open_frame(axes: Axes) -> None:
    """Leave the frame's upper and right line out, and draw a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
