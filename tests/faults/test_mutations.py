"""A sample of the damaged and spoiled files that `make faults` reads by the thousand."""

import pytest

from tests.faults.mutations import KINDS, try_kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_or_spoiled_file_is_read_or_refused_with_its_name(kind: str) -> None:
    outcomes = try_kind(kind, count=60, seed=0, sample=True)
    assert [example for outcome in outcomes.values() for example in outcome.examples] == []
    assert outcomes[kind].refused > 0
    assert outcomes[kind].read + outcomes[kind].refused == 60
    assert sum(outcome.tried for outcome in outcomes.values()) > 60
