import dataclasses
import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.alarms.budget import Point, points_at, points_of_budgets, points_of_every_budget, watch
from evaluate.alarms.footage import Footage
from tests.evaluate.alarms.made import drawn_videos, video

HOUR = 3600


def quiet(alarms: int, score: float, hours: float = 1.0) -> Footage:
    """A normal video, a snippet a second, with so many alarms of one score."""
    scores = np.zeros(round(hours * HOUR))
    scores[10 : 10 + 2 * alarms : 2] = score
    return video(scores.tolist())


def fight(score: float, second: int) -> Footage:
    """A video of 100 seconds whose event of 60 seconds gets its only score in a second of its own."""
    scores = [0.0] * 100
    scores[20 + second] = score
    return video(scores, (20, 80))


VIDEOS = [quiet(2, 0.6), quiet(20, 0.3), fight(0.9, 4), fight(0.5, 9), fight(0.2, 29)]


def test_a_budget_of_alarms_an_hour_has_the_recall_and_delay_that_it_pays_for() -> None:
    found = points_of_budgets(watch(VIDEOS), (0.1, 1.0, 11.0))
    assert found is not None
    # Two hours: none, two and twenty-two alarms.
    assert [point.alarms_per_hour for point in found] == [0, 1, 11]
    assert [point.found for point in found] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [point.delay for point in found] == [math.inf, 10, 10]
    assert found[0].threshold == np.nextafter(np.float32(0.6), np.float32(1))


def test_a_video_of_unknown_frame_rate_counts_nowhere_and_is_counted() -> None:
    unknown = [dataclasses.replace(one, fps=math.nan) for one in (quiet(9, 0.9), fight(0.1, 0))]
    watched = watch([*VIDEOS, *unknown])
    assert watched.left_out == 2
    assert points_of_budgets(watched) == points_of_budgets(watch(VIDEOS))


def test_without_a_normal_hour_or_an_event_there_is_no_budget() -> None:
    assert points_of_budgets(watch([quiet(1, 0.5)])) is None
    assert points_of_budgets(watch([fight(0.5, 1)])) is None
    assert points_of_every_budget(watch([fight(0.5, 1)])) == []


def test_the_curve_runs_from_no_false_alarm_to_the_most_and_never_loses_an_event_on_the_way() -> None:
    points = points_of_every_budget(watch(VIDEOS))
    assert (points[0].alarms_per_hour, points[-1].alarms_per_hour) == (0, 11)
    assert all(one.found <= other.found and one.delay >= other.delay for one, other in itertools.pairwise(points))


def test_a_permanent_alarm_is_no_way_to_keep_a_budget_and_the_time_in_alarm_is_told() -> None:
    found = points_of_budgets(watch([quiet(3, 0.6), fight(0.9, 4)]), (100.0,))
    assert found is not None
    # At 0 there is one alarm an hour, which never ends; three are the most that there are.
    assert found[0].alarms_per_hour == 3
    assert found[0].alarmed == pytest.approx(3 / HOUR)


def test_false_alarms_in_abnormal_videos_count_by_the_hours_without_event() -> None:
    one = fight(0.9, 4)
    one.scores[0] = 0.9
    (point,) = points_at(watch([quiet(0, 0), one]), np.array([0.5], np.float32))
    assert point.alarms_per_hour == 0
    assert point.alarms_per_normal_hour == pytest.approx(1 / ((HOUR + 40) / HOUR))


def values(points: list[Point] | None) -> list[float]:
    return [value for point in points or [] for value in dataclasses.astuple(point)]


@settings(max_examples=60)
@given(drawn_videos(), st.randoms(), st.sampled_from([0.0, 2.0]))
def test_copies_and_the_order_of_videos_change_no_point(
    videos: list[Footage], chance: random.Random, merge: float
) -> None:
    expected = points_of_budgets(watch(videos, merge), (1.0, 600.0, 1200.0))
    for others in (videos * 2, chance.sample(videos, len(videos))):
        found = points_of_budgets(watch(others, merge), (1.0, 600.0, 1200.0))
        np.testing.assert_allclose(values(found), values(expected))
