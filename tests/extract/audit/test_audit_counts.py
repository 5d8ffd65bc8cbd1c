import numpy as np
import pytest

from extract.audit.counts import possible_strides, row_rule

LENGTHS = {f"v{number}": int(frames) for number, frames in enumerate(np.random.default_rng(0).integers(90, 4000, 40))}
RULES = {
    "as expected": lambda frames, stride: -(-frames // stride),
    "last snippet absent": lambda frames, stride: frames // stride,
    "one snippet extra": lambda frames, stride: -(-frames // stride) + 1,
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("stride", [1, 4, 15, 16, 24])
def test_long_videos_give_away_stride_and_rule(name: str, stride: int) -> None:
    rows = {video_id: RULES[name](frames, stride) for video_id, frames in LENGTHS.items()}
    assert possible_strides(list(LENGTHS.values()), list(rows.values())) == [stride]
    rule = row_rule(LENGTHS, rows, stride, 0)
    assert rule.videos == 40
    if stride > 1:
        assert (rule.name, rule.fitting) == (name, 40)


def test_a_few_videos_of_other_lengths_change_nothing() -> None:
    rows = {video_id: -(-frames // 16) for video_id, frames in LENGTHS.items()}
    rows |= {"v0": 3, "v7": 900}
    assert possible_strides(list(LENGTHS.values()), list(rows.values())) == [16]
    assert row_rule(LENGTHS, rows, 16, 0).fitting == 38


def test_one_short_video_leaves_a_choice_of_strides() -> None:
    assert possible_strides([30], [8]) == [4]
    assert {6, 7, 8} <= set(possible_strides([30], [4]))
    assert possible_strides([1], [1]) == [1]


@pytest.mark.parametrize("offset", [-3, 3, 8])
def test_rows_may_be_fewer_or_not_for_a_late_start(offset: int) -> None:
    for late in (offset, 0):
        rows = {video_id: -(-(frames - late) // 16) for video_id, frames in LENGTHS.items()}
        assert row_rule(LENGTHS, rows, 16, offset).name == "as expected"


def test_rows_that_fit_no_rule_are_counted() -> None:
    rows = {video_id: frames // 16 + 5 for video_id, frames in LENGTHS.items()}
    rule = row_rule(LENGTHS, rows, 16, 0)
    assert (rule.name, rule.fitting, rule.videos) == ("no rule fits", 0, 40)
