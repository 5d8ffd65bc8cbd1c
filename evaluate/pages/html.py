"""What the pages of detections spell alike: times, shares, addresses, data."""

import base64
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

# The page that leads to all others of a folder.
INDEX = "index.html"


def in_script(values: Any) -> str:
    """Spell JSON for a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def address(file: Path, page: Path) -> str:
    """Spell where a file lies as seen from a page, as an address: any name is one, with ``#``, ``?`` or spaces too.

    Args:
        file: The file; it need not exist.
        page: The page, which need not exist yet.
    """
    relative = os.path.relpath(Path(file).absolute(), Path(page).absolute().parent)
    # Without the dot, a colon in the first name would make a scheme of what stands before it.
    return "./" + quote(os.fsencode(Path(relative).as_posix()))


def held(kind: str, content: bytes) -> str:
    """Give a data address of a picture that the page itself holds; ``kind`` as in image/png."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def clock(seconds: float) -> str:
    """Spell a time since the beginning, to a tenth of a second: 0:07.5, 1:02:03.0."""
    tenths = round(seconds * 10)
    hours, minutes = divmod(tenths // 600, 60)
    rest = f"{tenths % 600 / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def stretch(start: float, end: float, unit: str) -> str:
    """Spell from when to when something lasts."""
    return f"{clock(start)} to {clock(end)}" if unit == "seconds" else f"frame {start:.0f} to {end:.0f}"


def percent(share: float) -> str:
    """Spell a probability."""
    return f"{100 * share:.0f}%"
