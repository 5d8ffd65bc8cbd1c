"""JSON of strangers: read so that nothing in it is dropped."""

import json
import math
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: If it is none, has a key twice (of which Python would keep the last), is nested too deeply, or a
            number has thousands of digits.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None


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
