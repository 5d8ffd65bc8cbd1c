from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from evaluate.report.timeline import ClassMap, Drawing, Mark, ScoreLine, draw

EDGES = np.arange(5) * 2.0
VALUES = np.array([0.1, 0.9, 0.8, 0.2], np.float32)
CLASSES = np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.8, 0.2]], np.float32)
GREY = np.full((60, 80, 3), 128, np.uint8)


def drawing(
    title: str = "video", marks: Sequence[Mark] = (Mark(2, 6, 1),), thumbnails: Sequence[np.ndarray] = ()
) -> Drawing:
    lines = [ScoreLine("one", EDGES, VALUES), ScoreLine("two", EDGES, 1 - VALUES)]
    class_map = ClassMap(["normal", "fighting"], EDGES, CLASSES)
    return Drawing(title, "seconds", 8.0, lines, class_map, marks, "ground truth", thumbnails)


def drawn(folder: Path, shown: Drawing) -> np.ndarray:
    """Give the pixels of the PNG, [H, W, 3]."""
    draw(shown, folder / "figure.png", folder / "figure.svg")
    pixels: np.ndarray = imread(folder / "figure.png")[..., :3]
    return pixels


def test_equal_drawings_are_equal_bytes_without_a_date(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        draw(drawing(thumbnails=[GREY] * 8), folder / "figure.png", folder / "figure.svg")
    for name in ("figure.png", "figure.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "date" not in (tmp_path / "a" / "figure.svg").read_text()


def test_the_users_own_matplotlib_style_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = drawn(tmp_path, drawing())
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "black")
    np.testing.assert_array_equal(drawn(tmp_path, drawing()), plain)


@pytest.mark.parametrize("title", ["W" * 200, "$x_1$ \\frac", "W" * 80])
def test_no_title_reaches_the_edge(tmp_path: Path, title: str) -> None:
    pixels = drawn(tmp_path, drawing(title))
    assert (pixels[:, -20:] == 1).all()
    assert (pixels[:40, 60:] < 1).any()


def test_long_names_of_methods_stay_inside_the_curves_width(tmp_path: Path) -> None:
    shown = drawing()
    shown = replace(shown, lines=[replace(line, name=f"_${line.name} " * 20) for line in shown.lines])
    assert (drawn(tmp_path, shown)[:, -20:] == 1).all()


def test_overlapping_marks_are_shaded_once(tmp_path: Path) -> None:
    shade = np.round(np.array([1, 1, 1]) * 0.7 + np.array([0xE6, 0x9F, 0x00]) / 255 * 0.3, 2)
    twice = drawn(tmp_path, drawing(marks=[Mark(1, 5, 1), Mark(3, 7, None)]))
    once = drawn(tmp_path, drawing(marks=[Mark(1, 7, None)]))
    shaded = [np.isclose(pixels, shade, atol=0.01).all(axis=-1).sum() for pixels in (twice, once)]
    assert shaded[0] == pytest.approx(shaded[1], rel=0.01)
    assert shaded[0] > 10_000


def test_a_mark_frames_its_classs_row_only(tmp_path: Path) -> None:
    without, with_row = (drawn(tmp_path, drawing(marks=[Mark(2, 6, row)])) for row in (None, 1))
    changed = np.flatnonzero((without != with_row).any(axis=(1, 2)))
    # The lower of two rows: not even the upper half of the map changes, save for the line between them.
    assert len(changed) > 0
    assert changed.max() - changed.min() < 0.55 * 150 + 2 * 3


def test_thumbnails_make_the_figure_higher_and_are_shown(tmp_path: Path) -> None:
    red = np.zeros((60, 80, 3), np.uint8)
    red[..., 0] = 255
    without, with_pictures = drawn(tmp_path, drawing()), drawn(tmp_path, drawing(thumbnails=[red] * 8))
    assert with_pictures.shape[0] > without.shape[0]
    assert np.isclose(with_pictures, [1, 0, 0]).all(axis=-1).sum() > 8 * 100 * 100
    assert not np.isclose(without, [1, 0, 0]).all(axis=-1).any()


def test_one_snippet_is_drawn(tmp_path: Path) -> None:
    edges = np.array([0.0, 0.5])
    shown = Drawing(
        "one", "frames", 0.5, [ScoreLine("a", edges, VALUES[:1])], ClassMap(["a", "b"], edges, CLASSES[:1]), [], "x", []
    )
    assert drawn(tmp_path, shown).size > 0


def test_the_threshold_is_a_line_across_the_curves(tmp_path: Path) -> None:
    without, with_line = drawn(tmp_path, drawing()), drawn(tmp_path, replace(drawing(), threshold=0.5))
    rows = np.flatnonzero((without != with_line).any(axis=2).mean(axis=1) > 0.2)
    assert 1 <= len(rows) <= 6


def test_a_warning_stands_on_the_picture_below_the_title(tmp_path: Path) -> None:
    plain, warned = drawn(tmp_path, drawing()), drawn(tmp_path, replace(drawing(), warning="random weights"))
    orange = np.isclose(warned, np.array([0xD5, 0x5E, 0x00]) / 255, atol=0.01).all(axis=-1)
    assert orange[: warned.shape[0] // 4].sum() > 100
    assert warned.shape[0] > plain.shape[0]
    assert (warned[:, -20:] == 1).all()
