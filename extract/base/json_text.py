"""JSON of strangers: read so that nothing in it is dropped."""

import json
import math
import re
from typing import Any

_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: If it is none, has a key twice (of which Python would keep the last) or half of a character, is
            nested too deeply, or a number has thousands of digits.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
        # As UTF-16 spells characters; a half alone could be written to no file.
        if _HALF.search(text if isinstance(text, str) else text.decode(json.detect_encoding(text))):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object[error.start]!r} is half of a character; write it whole") from None
    return value


def is_finite(value: Any) -> bool:
    """Whether a value that was read is a number that can be computed with; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what floating point holds
        return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {doubled!r} stands there twice in one object; keep one")
    return made
