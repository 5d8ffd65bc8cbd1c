"""What is refused in JSON of strangers, and what counts as a number."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.base.json_text import is_finite, parse_json

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(PLAIN)
def test_what_json_can_say_is_read_as_python_reads_it(value: object) -> None:
    text = json.dumps(value)
    assert parse_json(text) == json.loads(text) == value
    assert parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"a": 2}, "a": 3}', "key 'a' stands there twice"),
        (f"[{'9' * 5000}]", "4300 digits"),
        ("[" * 100_000, "nested too deeply"),
        ("{", "Expecting property name"),
    ],
    ids=["doubled", "5000 digits", "nested", "cut"],
)
def test_what_would_be_dropped_or_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_the_same_key_in_another_object_is_no_second_one() -> None:
    assert parse_json('{"a": {"a": 2}}') == {"a": {"a": 2}}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "1", None])
def test_what_cannot_be_computed_with_is_no_finite_number(value: object) -> None:
    assert not is_finite(value)
    assert is_finite(-3)
    assert is_finite(2.5)
