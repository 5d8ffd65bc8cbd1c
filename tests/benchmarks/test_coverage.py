"""A small sample of `python -m benchmarks.coverage`, and that its simulated world is one."""

import numpy as np
import pytest

from benchmarks.coverage import coverage, simulated


def test_a_simulated_set_is_half_normal_and_the_same_each_time() -> None:
    one, other = simulated(10, 3), simulated(10, 3)
    assert [set(video.video.labels) == {"A"} for video in one.videos] == [True, False] * 5
    for first, second in zip(one.videos, other.videos, strict=True):
        np.testing.assert_array_equal(first.scores.anomaly, second.scores.anomaly)


def test_most_intervals_hold_the_true_value_and_larger_sets_have_narrower_ones() -> None:
    small, large = (coverage(20, videos, 300, 0, "percentile", many=1000) for videos in (50, 200))
    for name in ("AP", "AUC"):
        # Of 20 intervals that hold it with 95%, fewer than 16 would do so once in 400 times.
        assert small[name].held >= 80
        assert large[name].held >= 80
        assert large[name].width == pytest.approx(small[name].width / 2, rel=0.25)
        assert 50 < large[name].truth < 95
