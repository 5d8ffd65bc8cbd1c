import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.alarms.delays import delays_at, events_of, found_share, median_delay
from evaluate.alarms.footage import Footage
from tests.evaluate.alarms.made import drawn_videos, video

THRESHOLDS = np.arange(-1, 8, dtype=np.float32) / 8


def by_hand(one: Footage, event: tuple[int, int], threshold: float) -> float:
    start, end = event
    for snippet, score in enumerate(one.scores.tolist()):
        frames = range(snippet * one.stride, (snippet + 1) * one.stride)
        if score >= threshold and any(start <= frame < end for frame in frames):
            return (frames[-1] + 1 - start) / one.fps
    return math.inf


@settings(max_examples=60)
@given(drawn_videos())
def test_all_thresholds_at_once_give_the_delays_that_a_walk_at_each_does(videos: list[Footage]) -> None:
    found = delays_at(events_of(videos), THRESHOLDS)
    expected = [
        [by_hand(one, event, threshold) for threshold in THRESHOLDS.tolist()] for one in videos for event in one.events
    ]
    np.testing.assert_allclose(found, np.array(expected).reshape(-1, len(THRESHOLDS)))


def test_the_worked_example() -> None:
    # An event from frame 320 at 25 fps, told first by snippet 23, frames 368 to 383: 64 frames.
    scores = [0.0] * 40
    scores[23] = scores[30] = 0.9
    one = video(scores, (320, 600), stride=16, fps=25.0)
    assert delays_at(events_of([one]), np.array([0.5, 0.95], np.float32)).tolist() == [[2.56, math.inf]]


def test_a_snippet_is_known_only_when_it_is_over_and_ends_with_its_video() -> None:
    running = video([0.9, 0.9], (10, 30), stride=16, fps=1.0, frames=30)
    assert delays_at(events_of([running]), np.array([0.5], np.float32)).tolist() == [[6.0]]
    late = video([0.1, 0.9], (10, 30), stride=16, fps=1.0, frames=30)
    assert delays_at(events_of([late]), np.array([0.5], np.float32)).tolist() == [[20.0]]


def test_an_alarm_after_the_event_finds_nothing() -> None:
    one = video([0.1, 0.1, 0.9], (0, 20), stride=16)
    assert delays_at(events_of([one]), np.array([0.5], np.float32)).tolist() == [[math.inf]]


@pytest.mark.parametrize(
    ("delays", "expected"),
    [([1.0, 2.0, 9.0], 2.0), ([1.0, math.inf], 1.0), ([1.0, math.inf, math.inf], math.inf), ([3.0], 3.0)],
)
def test_the_median_counts_missed_events_as_never_found(delays: list[float], expected: float) -> None:
    assert median_delay(np.array(delays)) == expected


def test_without_events_nothing_is_defined() -> None:
    assert math.isnan(median_delay(np.zeros(0)))
    assert math.isnan(found_share(np.zeros(0)))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 5.0, math.inf]), st.integers(0, 3)), min_size=1, max_size=8))
def test_a_weight_counts_an_event_so_often(pairs: list[tuple[float, int]]) -> None:
    delays, weights = (np.array(values, float) for values in zip(*pairs, strict=True))
    repeated = np.repeat(delays, weights.astype(int))
    np.testing.assert_equal(median_delay(delays, weights), median_delay(repeated))
    np.testing.assert_equal(found_share(delays, weights), found_share(repeated))
