from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.alarms.counting import counts_of, false_alarm_steps, least_thresholds, merged
from evaluate.alarms.footage import Footage
from tests.evaluate.alarms.made import drawn_videos, video

THRESHOLDS = np.arange(-1, 8, dtype=np.float32) / 8


def counted_by_hand(one: Footage, threshold: float, merge: float) -> int:
    """Walk through the snippets and count the false alarms, as README defines them."""
    alarms: list[list[int]] = []
    for snippet, score in enumerate(one.scores.tolist()):
        if score < threshold:
            continue
        if alarms and (
            snippet - alarms[-1][1] - 1 == 0 or (snippet - alarms[-1][1] - 1) * one.stride / one.fps < merge
        ):
            alarms[-1][1] = snippet
        else:
            alarms.append([snippet, snippet])
    false = 0
    for first, last in alarms:
        frames = set(range(first * one.stride, (last + 1) * one.stride))
        false += not any(frames & set(range(start, end)) for start, end in one.events)
    return false


@settings(max_examples=60)
@given(drawn_videos(), st.sampled_from([0.0, 1.5, 4.0]))
def test_all_thresholds_at_once_count_what_a_walk_at_each_does(videos: list[Footage], merge: float) -> None:
    expected = [sum(counted_by_hand(one, threshold, merge) for one in videos) for threshold in THRESHOLDS.tolist()]
    assert counts_of(false_alarm_steps(videos, merge), THRESHOLDS).tolist() == expected


@settings(max_examples=60)
@given(drawn_videos(), st.data())
def test_a_weight_counts_a_video_so_often(videos: list[Footage], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(videos), max_size=len(videos)))
    repeated = [one for one, weight in zip(videos, weights, strict=True) for _ in range(weight)]
    found = counts_of(false_alarm_steps(videos), THRESHOLDS, np.array([weights], float))
    assert found[0].tolist() == counts_of(false_alarm_steps(repeated), THRESHOLDS).tolist()


@settings(max_examples=60)
@given(drawn_videos(), st.integers(0, 6))
def test_the_least_threshold_keeps_the_budget_from_there_on_and_no_lower_one_does(
    videos: list[Footage], allowed: int
) -> None:
    steps = false_alarm_steps(videos)
    (least,) = least_thresholds(steps, np.array([float(allowed)])).tolist()
    levels = np.unique(np.concatenate([one.scores for one in videos])).tolist()

    def count(threshold: float) -> int:
        return sum(counted_by_hand(one, threshold, 0) for one in videos)

    def kept(threshold: float) -> bool:
        return all(count(level) <= allowed for level in levels if level >= threshold)

    assert kept(least)
    lower = [level for level in levels if level < least]
    if not kept(levels[0]):
        assert not kept(lower[-1])
    elif lower:
        # Never exceeded: there are the most alarms here, and fewer wherever lower scores change their number.
        most = max(map(count, levels))
        assert count(least) == most
        assert all(count(level) < most for level in lower if level >= steps.values[-1])


def test_draws_of_videos_have_thresholds_of_their_own() -> None:
    videos = [video([0.1, 0.9, 0.1]), video([0.1, 0.5, 0.1])]
    steps = false_alarm_steps(videos)
    weights = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    found = least_thresholds(steps, np.array([[1.0], [1.0], [1.0]]), weights)[:, 0]
    lower, higher = (np.nextafter(np.float32(value), np.float32(1)) for value in (0.5, 0.9))
    assert found.tolist() == [lower, higher, lower]


def test_the_worked_example_of_an_hour() -> None:
    # 3,600 normal frames at 30 fps are two minutes; two runs in them are 60 alarms an hour.
    scores = np.zeros(225)
    scores[[10, 11, 100]] = 0.9
    quiet = video(scores.tolist(), stride=16, fps=30.0)
    (count,) = counts_of(false_alarm_steps([quiet]), np.array([0.5], np.float32)).tolist()
    assert count / quiet.hours == pytest.approx(60)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, 3), (1.0, 3), (1.5, 2), (2.0, 2), (2.1, 1)]
)  # fmt: skip
def test_runs_less_than_so_many_seconds_apart_are_one(seconds: float, expected: int) -> None:
    # Gaps of one and of two snippets of a second.
    quiet = video([0, 9, 0, 9, 0, 0, 9, 0])
    assert counts_of(false_alarm_steps([quiet], seconds), np.array([1.0], np.float32)).tolist() == [expected]


def test_filling_gaps_never_reaches_beyond_the_first_and_last_alarm() -> None:
    scores = np.array([0, 3, 1, 2, 0, 0], np.float32)
    assert merged(scores, 1, 1.0, 2.0).tolist() == [0, 3, 2, 2, 0, 0]


def walks(videos: Sequence[Footage]) -> list[int]:
    return [sum(counted_by_hand(one, threshold, 0) for one in videos) for threshold in THRESHOLDS.tolist()]


def test_an_alarm_that_touches_an_event_by_one_frame_is_none_of_the_false_ones() -> None:
    one = video([0.9, 0.9, 0.1, 0.9], (5, 6), stride=3)
    assert walks([one])[4] == 1
    assert counts_of(false_alarm_steps([one]), np.array([0.5], np.float32)).tolist() == [1]
