"""What a setting of a data class means and may be: said once beside its default, used wherever it can be set.

`setting` says it; `check_fields` holds a value to it, `add_flags` makes a command line of it, and `schema_of` the part
of a configuration's JSON schema. A `Literal` is its own list of choices.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from extract.base.errors import InputError

_JSON_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}


def setting(
    default: Any = MISSING,
    *,
    says: str,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Any:
    """Describe a field of a data class of settings.

    Args:
        default: What it is unless set; left out for one that must be set.
        says: What it means, in words.
        choices: What it may be, where its type does not say so.
        least: Smallest number that it, or each of its numbers, may be.
        above: Number that it must be above.
        most: Largest number that it may be.
    """
    bounds = {"least": least, "above": above, "most": most}
    return field(default=default, metadata={"says": says, "choices": choices, **bounds})


def check_fields(settings: Any) -> None:
    """Hold the values of a data class to what its fields say.

    Raises:
        InputError: Naming the field, its value and what it may be.
    """
    for name, (one, hint) in _described(type(settings)).items():
        value = getattr(settings, name)
        choices = _choices(one, hint)
        if choices and value not in choices:
            raise InputError(f"{name}: {value!r} must be one of {', '.join(choices)}")
        for number in value if isinstance(value, tuple) else (value,):
            for bound, words, breaks in _bounds(one):
                if breaks(number, bound):
                    raise InputError(f"{name}: {number} must be {words} {bound:g}")


def add_flags(
    group: argparse._ArgumentGroup,
    settings: type,
    more: dict[str, tuple[str, ...]] | None = None,
    defaults: Any = None,
) -> None:
    """Give a command line a flag for every field of a data class.

    Args:
        group: Where the flags go.
        settings: The data class.
        more: Choices that the command line alone has, by field.
        defaults: One whose values are the flags' defaults; ``None`` for those of the data class.
    """
    for name, (one, hint) in _described(settings).items():
        flag, says = f"--{name.replace('_', '-')}", one.metadata["says"]
        usual = one.default if defaults is None else getattr(defaults, name)
        default: dict[str, Any] = {"required": True} if usual is MISSING else {"default": usual}
        choices = _choices(one, hint)
        if hint is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=says, **default)
        elif choices:
            extra = (more or {}).get(name, ())
            group.add_argument(flag, choices=(*extra, *choices), help=says, **default)
        elif get_origin(hint) is tuple:
            group.add_argument(flag, type=get_args(hint)[0], nargs="*", help=says, **default)
        else:
            group.add_argument(flag, type=hint, help=says, **default)


def schema_of(settings: type, names: Iterable[str], more: dict[str, tuple[str, ...]] | None = None) -> dict[str, Any]:
    """Give the JSON schema of an object that may set some fields of a data class.

    Args:
        settings: The data class.
        names: The fields that may be set.
        more: Choices that the object alone has, by field.
    """
    described = _described(settings)
    properties = {name: _property(*described[name], (more or {}).get(name, ())) for name in names}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(one: "Field[Any]", hint: Any, more: tuple[str, ...]) -> dict[str, Any]:
    choices = _choices(one, hint)
    if choices:
        return {"enum": [*more, *choices], "description": one.metadata["says"]}
    bounds = {"least": "minimum", "above": "exclusiveMinimum", "most": "maximum"}
    kept = {word: one.metadata[name] for name, word in bounds.items() if one.metadata[name] is not None}
    if get_origin(hint) is tuple:
        items = {"type": _JSON_TYPES[get_args(hint)[0]], **kept}
        return {"type": "array", "items": items, "description": one.metadata["says"]}
    return {"type": _JSON_TYPES[hint], **kept, "description": one.metadata["says"]}


def _described(settings: type) -> dict[str, tuple["Field[Any]", Any]]:
    hints = get_type_hints(settings)
    return {one.name: (one, hints[one.name]) for one in fields(settings)}


def _choices(one: "Field[Any]", hint: Any) -> tuple[str, ...]:
    return get_args(hint) if get_origin(hint) is Literal else tuple(one.metadata["choices"])


def _bounds(one: "Field[Any]") -> Iterator[tuple[float, str, Any]]:
    for name, words, breaks in (
        ("least", "at least", lambda number, bound: number < bound),
        ("above", "above", lambda number, bound: number <= bound),
        ("most", "at most", lambda number, bound: number > bound),
    ):
        if one.metadata[name] is not None:
            yield one.metadata[name], words, breaks
