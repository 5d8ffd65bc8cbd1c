"""Names of classes as drawings show them: words of any script and of any length, in the room there is."""

from collections.abc import Sequence
from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FONT = "DejaVu Sans"
LONGEST = 30


def short(names: Sequence[str]) -> list[str]:
    """Cut names that are longer than a drawing has room for."""
    return [name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…" for name in names]


def fonts_for(texts: Sequence[str]) -> list[str]:
    """Choose fonts that have the letters of some texts: the usual one, and of those installed what it lacks.

    A letter that no font has is drawn as a box.
    """
    usual = _font(font_manager.findfont(FONT))
    lacking = dict.fromkeys(letter for text in texts for letter in text if not usual.get_char_index(ord(letter)))
    found = (_having(letter) for letter in lacking)
    return [FONT, *dict.fromkeys(name for name in found if name)]


@cache
def _font(path: str) -> FT2Font:
    return FT2Font(path)


@cache
def _having(letter: str) -> str:
    """Name the first installed font, by its name, that has a letter; nothing if none has."""
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda one: (one.name, one.fname)):
        try:
            if _font(entry.fname).get_char_index(ord(letter)):
                return entry.name
        except (OSError, RuntimeError):  # a font that was removed or is broken
            continue
    return ""
