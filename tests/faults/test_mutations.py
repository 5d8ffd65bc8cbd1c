"""A sample of the damaged files that `make faults` reads by the thousand."""

import pytest

from tests.faults.mutations import KINDS, try_kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_with_its_name(kind: str) -> None:
    outcomes = try_kind(kind, count=60, seed=0)
    assert outcomes.examples == []
    assert outcomes.refused > 0
    assert outcomes.read + outcomes.refused == 60
