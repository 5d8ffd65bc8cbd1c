import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.statistics.frame_measures import ap_and_auc, sort_frames
from evaluate.statistics.randomisation import holm, mid_ranks, p_value, pooled_frames, swaps
from train.frame_ap import JoinedFrames, average_precision


def video(*rows: tuple[float, bool]) -> JoinedFrames:
    scores, labels = zip(*rows, strict=True)
    return JoinedFrames(np.array(labels), np.array(scores, np.float32), np.ones(len(rows)))


FIRST = [video((0.9, True), (0.4, False)), video((0.8, True), (0.3, False)), video((0.85, False), (0.2, False))]
SECOND = [FIRST[0], video((0.85, True), (0.3, False)), video((0.8, False), (0.2, False))]


def test_three_videos_worked_out_by_hand_have_p_one_half() -> None:
    chosen = swaps(3, 9999, 0)
    assert (chosen.exact, len(chosen.first)) == (True, 8)
    frames = sort_frames(pooled_frames(FIRST, SECOND))
    difference = (ap_and_auc(frames, chosen.first) - ap_and_auc(frames, chosen.second))[:, 0]
    assert difference[0] == pytest.approx(5 / 6 - 1)
    assert p_value(difference[0], difference, chosen.exact) == 0.5


def test_a_swap_takes_each_video_from_one_model_and_leaves_the_other_model_the_other() -> None:
    for chosen in (swaps(3, 9999, 0), swaps(40, 50, 0)):
        videos = chosen.first.shape[1] // 2
        np.testing.assert_array_equal(chosen.first[:, :videos] + chosen.first[:, videos:], 1)
        np.testing.assert_array_equal(chosen.first + chosen.second, 1)
    assert (swaps(40, 50, 0).first != swaps(40, 50, 1).first).any()


def test_a_model_against_itself_has_p_one() -> None:
    for videos, exact in ((FIRST, True), (FIRST * 8, False)):
        chosen = swaps(len(videos), 300, 0)
        frames = sort_frames(pooled_frames(videos, videos))
        difference = (ap_and_auc(frames, chosen.first) - ap_and_auc(frames, chosen.second))[:, 0]
        np.testing.assert_allclose(difference, 0, atol=1e-12)
        assert (chosen.exact, p_value(0.0, difference, chosen.exact)) == (exact, 1)


def test_drawn_swaps_never_give_p_zero() -> None:
    assert p_value(5.0, np.zeros(99), exact=False) == 0.01


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 3)), min_size=1, max_size=20))
def test_mid_ranks_are_those_of_all_frames_and_change_no_ap(rows: list[tuple[int, bool, int]]) -> None:
    scores, labels, counts = (np.array(column) for column in zip(*rows, strict=True))
    found = mid_ranks(scores.astype(float), counts.astype(float))
    spelled = np.repeat(scores, counts)
    for score, rank in zip(scores, found, strict=True):
        assert rank * len(spelled) == pytest.approx((spelled < score).sum() + (spelled == score).sum() / 2)
    if labels.any():
        assert average_precision(labels, found, counts) == pytest.approx(average_precision(labels, scores, counts))


def test_holm_s_correction_worked_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_between_none_and_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    found = holm(values)
    for value, corrected in zip(values, found, strict=True):
        assert value <= corrected <= min(1, len(values) * value) + 1e-12
    for (one, first), (other, second) in itertools.combinations(zip(values, found, strict=True), 2):
        assert one > other or first <= second
