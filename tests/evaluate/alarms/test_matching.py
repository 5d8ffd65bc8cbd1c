import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.alarms.matching import MATCHINGS, OPTIMAL, RELEASED, found_events, matched, overlaps, score_events
from tests.evaluate.alarms.made import video

OVERLAPS = (0.2, 0.3, 0.4, 0.5)
# Annotated 10-19 and 40-49, found 12-21, 41-44 and 70-79, last frames included.
TRUE = [(10, 20), (40, 50)]
SCORES = np.zeros(100, np.float32)
for first, after in ((12, 22), (41, 45), (70, 80)):
    SCORES[first:after] = 0.9


def test_the_worked_example_with_and_without_the_released_filter() -> None:
    one = video(SCORES.tolist(), *TRUE)
    found = found_events(one, 0.5)
    np.testing.assert_allclose(overlaps(found, TRUE), [[0.6667, 0, 0], [0, 0.4, 0]], atol=1e-4)
    for matching in MATCHINGS:
        f1 = [score_events([found], [TRUE], overlap, matching).f1 for overlap in OVERLAPS]
        assert f1 == pytest.approx([0.8, 0.8, 0.8, 0.4])
    longer = found_events(one, 0.5, longer_than=6)
    assert longer == [(12, 22), (70, 80)]
    f1 = [score_events([longer], [TRUE], overlap, RELEASED).f1 for overlap in OVERLAPS]
    assert f1 == pytest.approx([0.5] * 4)


def test_the_worked_example_in_which_the_order_costs_a_pair() -> None:
    iou = overlaps([(4, 14), (0, 4)], [(0, 10), (6, 16)])
    assert matched(iou, 0.4, RELEASED) == 1
    assert matched(iou, 0.4, OPTIMAL) == 2
    assert iou[0].round(4).tolist() == [0.4286, 0.4]
    assert iou[1, 0].round(4) == 0.6667


def test_nothing_found_where_nothing_is_has_no_f1() -> None:
    assert all(map(math.isnan, score_events([[]], [[]], 0.5, RELEASED)))
    precision, recall, f1 = score_events([[]], [TRUE], 0.5, RELEASED)
    assert (math.isnan(precision), recall, f1) == (True, 0, 0)


def test_a_found_event_ends_with_its_video_and_a_score_at_the_threshold_counts() -> None:
    assert found_events(video([0.1, 0.5, 0.7], stride=16, frames=40), 0.5) == [(16, 40)]


def test_events_of_other_videos_are_no_pairs() -> None:
    assert score_events([[(0, 10)], []], [[], [(0, 10)]], 0.1, OPTIMAL).f1 == 0


Videos = list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]
spans = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)), max_size=4).map(
    lambda pairs: [(start, start + length) for start, length in pairs]
)


@settings(max_examples=50)
@given(spans, spans, st.sampled_from([0.1, 0.3, 0.5]))
def test_optimal_pairs_are_as_many_as_any_assignment_and_never_fewer_than_released(
    found: list[tuple[int, int]], true: list[tuple[int, int]], overlap: float
) -> None:
    def iou(one: tuple[int, int], other: tuple[int, int]) -> float:
        frames, others = set(range(*one)), set(range(*other))
        return len(frames & others) / len(frames | others)

    most = 0
    shorter, longer = sorted((found, true), key=len)
    for chosen in itertools.permutations(longer, len(shorter)):
        most = max(most, sum(iou(*pair) >= overlap for pair in zip(shorter, chosen, strict=True)))
    table = overlaps(found, true) if found and true else np.zeros((len(true), len(found)))
    assert matched(table, overlap, OPTIMAL) == most
    assert matched(table, overlap, RELEASED) <= most


@settings(max_examples=50)
@given(st.lists(st.tuples(spans, spans), min_size=1, max_size=4), st.sampled_from(MATCHINGS), st.randoms())
def test_copies_and_the_order_of_videos_change_nothing(videos: Videos, matching: str, chance: random.Random) -> None:
    def scored(some: Videos) -> tuple[float, ...]:
        return score_events([found for found, _ in some], [sorted(true) for _, true in some], 0.3, matching)

    np.testing.assert_allclose(scored(videos), scored(videos * 2))
    np.testing.assert_allclose(scored(videos), scored(chance.sample(videos, len(videos))))
