from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager

from evaluate.report import confusion, per_class
from evaluate.report.class_names import FONT, LONGEST, fonts_for, short
from evaluate.report.timeline import ClassMap, Drawing, ScoreLine, draw

NAMES = ["normal", "a very long prompt that says in many words what happens when something falls", "火", "$a_{"]


def test_the_usual_font_is_enough_for_latin_greek_and_cyrillic() -> None:
    assert fonts_for(["normal", "Sturz ä", "πυρκαγιά", "пожар"]) == [FONT]


def test_a_font_that_has_the_missing_letters_is_found_if_one_is_installed() -> None:
    having = [
        one.name for one in font_manager.fontManager.ttflist if font_manager.get_font(one.fname).get_char_index(0x706B)
    ]
    found = fonts_for(["火"])
    assert found == [FONT] if not having else found[1] in having


def test_long_names_are_cut() -> None:
    cut = short(NAMES)
    assert cut[0] == "normal"
    assert len(cut[1]) <= LONGEST
    assert cut[1].endswith("…")


@pytest.mark.filterwarnings("ignore:Glyph")
def test_every_drawing_takes_names_of_any_script_and_length(tmp_path: Path) -> None:
    edges, values = np.arange(5.0), np.full((4, 4), 0.25, np.float32)
    drawing = Drawing(
        "火事", "seconds", 4.0, [ScoreLine("a", edges, values[:, 0])], ClassMap(NAMES, edges, values), [], "", []
    )
    draw(drawing, tmp_path / "a.png", tmp_path / "a.svg")
    confusion.draw(tmp_path / "b.svg", "m", NAMES, np.ones((4, 4), np.int64))
    per_class.draw(tmp_path / "c.svg", "m", {"seed0": dict.fromkeys("abcd", 50.0)}, NAMES)
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("a.svg", "b.svg", "c.svg"))
