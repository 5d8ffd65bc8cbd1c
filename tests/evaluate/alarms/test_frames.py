import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.alarms.footage import Footage
from evaluate.alarms.frames import abnormal, areas, by_category, false_alarm_rate, within_video
from evaluate.alarms.rounds import mean_over_rounds
from tests.evaluate.alarms.made import drawn_videos, video

# A (abnormal): .9 1, .4 1, .8 0, .2 0; N: .7 0, .1 0, a frame a snippet.
A, N = video([0.9, 0.4, 0.8, 0.2], (0, 2)), video([0.7, 0.1])


def test_step_and_trapezoid_ap_of_the_worked_example() -> None:
    one = video([0.9, 0.4, 0.8, 0.7, 0.2, 0.1], (0, 2))
    found = areas([one])
    assert found == (pytest.approx(0.75), pytest.approx(17 / 24), pytest.approx(0.75))
    assert round(found.ap_trapezoid, 4) == 0.7083


def test_abnormal_videos_alone_of_the_worked_example() -> None:
    assert areas([A, N])[::2] == (pytest.approx(0.75), pytest.approx(0.75))
    alone = areas(abnormal([A, N]))
    assert (alone.auc, round(alone.ap, 4)) == (pytest.approx(0.75), 0.8333)


def test_within_video_auc_of_the_worked_example() -> None:
    videos = [video([0.6, 0.5], (0, 1)), video([0.3, 0.2], (0, 1))]
    assert areas(videos).auc == pytest.approx(0.75)
    assert within_video(videos) == (1.0, 2, 0)


def test_an_abnormal_video_without_an_abnormal_frame_counts_pooled_and_is_skipped_within() -> None:
    empty = video([0.5, 0.5], label="B1")
    assert within_video([A, empty, N]) == (pytest.approx(0.75), 1, 1)
    assert len(abnormal([A, empty, N])) == 2


def test_each_class_has_its_own_videos() -> None:
    riot = video([0.2, 0.9], (0, 1), label="B4")
    assert by_category([A, riot, N]) == {"B1": pytest.approx(0.75), "B4": 0.0}


def test_the_false_alarm_rate_of_the_worked_example() -> None:
    # A frame of exactly 0.5 is alarmed.
    quiet = video([0.2, 0.5, 0.7, 0.1], stride=16)
    assert false_alarm_rate([quiet]).normal_videos == 0.5
    assert math.isnan(false_alarm_rate([A]).normal_videos)


def test_the_denominators_of_the_false_alarm_rate() -> None:
    # A has one of two normal frames alarmed, N one of two; one of two abnormal frames is.
    found = false_alarm_rate([A, N, video([0.1, 0.1])])
    assert found == (1 / 4, 2 / 6, 1 / 2, 1 / 2)


def test_what_has_no_frame_of_a_kind_is_undefined() -> None:
    assert all(map(math.isnan, areas([])))
    assert all(map(math.isnan, areas([N])))
    assert math.isnan(within_video([N]).auc)


def test_the_mean_over_annotators_of_the_worked_example() -> None:
    scores = [0.9, 0.6, 0.3]
    rounds = [[video(scores, (0, 2))], [video(scores, (0, 1))]]
    assert mean_over_rounds(rounds) == (1.0, 1.0, 1.0)
    other = [[video([0.9, 0.6, 0.3], (1, 2))], *rounds]
    assert mean_over_rounds(other).auc == pytest.approx((0.5 + 1 + 1) / 3)


def test_an_annotator_who_marks_nothing_leaves_the_mean_undefined() -> None:
    assert all(map(math.isnan, mean_over_rounds([[A, N], [video([0.9, 0.4, 0.8, 0.2]), N]])))


def measured(videos: list[Footage]) -> list[float]:
    classes = by_category(videos)
    return [*areas(videos), *areas(abnormal(videos)), within_video(videos).auc, *false_alarm_rate(videos),
            *(classes[code] for code in sorted(classes))]  # fmt: skip


def of_one_stride(videos: list[Footage]) -> list[Footage]:
    return [one for one in videos if one.stride == videos[0].stride]


@settings(max_examples=15)
@given(drawn_videos())
def test_a_copy_of_every_video_changes_nothing(videos: list[Footage]) -> None:
    videos = of_one_stride(videos)
    assert measured(videos) == pytest.approx(measured(videos * 2), nan_ok=True)


@settings(max_examples=15)
@given(drawn_videos(), st.randoms())
def test_the_order_of_the_videos_changes_nothing(videos: list[Footage], chance: random.Random) -> None:
    videos = of_one_stride(videos)
    assert measured(videos) == pytest.approx(measured(chance.sample(videos, len(videos))), nan_ok=True)
