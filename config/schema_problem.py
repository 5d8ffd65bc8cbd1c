"""What is wrong with a configuration's keys and values, in one line that says what to write instead."""

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import jsonschema
from jsonschema.exceptions import ValidationError

_POWER = re.compile(r"([-+]?\d+)(?:\.(\d*))?[eE]([-+]?)(\d+)")
Problem = tuple[str, str]


def problem(settings: Any, schema: Mapping[str, Any]) -> Problem | None:
    """Hold a configuration to its schema.

    Args:
        settings: As YAML gave it.
        schema: The JSON schema.

    Returns:
        The key, and what is wrong with it and how to mend that; ``None`` if nothing is.
    """
    for key, value in _values(settings, ""):
        if isinstance(value, float) and not math.isfinite(value):
            return key, f"{value} is no finite number"
        if isinstance(value, dict) and (odd := [name for name in value if not isinstance(name, str)]):
            return f"{key}.{odd[0]}" if key else str(odd[0]), f"{odd[0]!r} is no text; put the key in quotes"
    errors = list(_validator(schema).iter_errors(settings))
    misspelt = next(filter(None, map(_misspelt, sorted(errors, key=_is_key_error, reverse=True))), None)
    if misspelt:
        return misspelt
    # best_match wants them as an iterator of its own.
    error = jsonschema.exceptions.best_match(iter(errors))
    if error is None:
        return None
    described = _rule(error).get("description")
    return _path(error), f"{error.message}{_remedy(error)}{f' ({described})' if described else ''}"


def did_you_mean(word: object, choices: Iterable[object]) -> str:
    """Name the choice that a misspelt word is nearest to, or nothing if none is near."""
    spelled = {str(choice).lower(): str(choice) for choice in choices}
    near = difflib.get_close_matches(str(word).lower(), spelled, 1)
    return f"; did you mean {spelled[near[0]]}?" if near else ""


def _validator(schema: Mapping[str, Any]) -> Any:
    draft = jsonschema.Draft202012Validator
    # A schema takes 16.0 for a whole number; spelled into a command, it is none.
    whole = draft.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return jsonschema.validators.extend(draft, type_checker=whole)(schema)  # type: ignore[no-untyped-call]


def _is_key_error(error: ValidationError) -> bool:
    return error.validator == "additionalProperties"


def _misspelt(error: ValidationError) -> Problem | None:
    """Give a key that is nearly another one, whatever else is wrong, for that one is then missing."""
    if error.validator in ("oneOf", "anyOf"):
        # Of several alternatives, that which the fewest keys speak against is meant.
        found = [
            (len(_strangers(inner)), problem)
            for inner in error.context or ()
            if _is_key_error(inner) and (problem := _misspelt(inner))
        ]
        return min(found, key=lambda counted: counted[0])[1] if found else None
    if not _is_key_error(error):
        return None
    known = _rule(error).get("properties", {})
    for name in _strangers(error):
        suggestion = did_you_mean(name, known)
        if suggestion:
            return _path(error), f"{error.message}{suggestion}"
    return None


def _rule(error: ValidationError) -> Mapping[str, Any]:
    """Give the part of the schema that an error is about."""
    return error.schema if isinstance(error.schema, Mapping) else {}


def _strangers(error: ValidationError) -> list[str]:
    known, patterns = _rule(error).get("properties", {}), _rule(error).get("patternProperties", {})
    instance: Any = error.instance
    return [
        str(name)
        for name in instance
        if name not in known and not any(re.search(pattern, str(name)) for pattern in patterns)
    ]


def _remedy(error: ValidationError) -> str:
    value, wanted = cast(Any, error.instance), cast(Any, error.validator_value)
    if error.validator == "enum":
        return did_you_mean(value, wanted)
    if error.validator == "additionalProperties":
        there = ", ".join(_rule(error).get("properties", {}))
        return f"; there are {there}" if there else ""
    if error.validator != "type":
        return ""
    if wanted == "string":
        return "; put it in quotes" if not isinstance(value, list | dict) else ""
    if wanted == "integer" and (number := _number(value)) is not None and number.is_integer():
        return f"; write {int(number)}"
    if wanted == "number" and isinstance(value, str) and _number(value) is not None:
        return f"; write {_as_yaml(value)}"
    return ""


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str | float) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _as_yaml(text: str) -> str:
    """Spell a number so that YAML 1.1 takes it for one: with a point before the power, and the power with a sign."""
    power = _POWER.fullmatch(text.strip())
    if power is None:
        return f"{text.strip()} without quotes"
    whole, fraction, sign, exponent = power.groups()
    return f"{whole}.{fraction or '0'}e{sign or '+'}{exponent}"


def _values(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield key, value
    for name, member in members:
        yield from _values(member, f"{key}.{name}" if key else str(name))


def _path(error: ValidationError) -> str:
    return ".".join(map(str, error.absolute_path)) or "(top level)"
