import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluate.statistics.resampling import leave_one_out, resample


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 99))
def test_a_resample_has_as_many_normal_and_as_many_abnormal_videos_as_the_set(normal: list[bool], seed: int) -> None:
    strata = np.array(normal)
    drawn = resample(strata, 20, seed)
    assert (drawn[:, strata].sum(axis=1) == strata.sum()).all()
    assert (drawn[:, ~strata].sum(axis=1) == (~strata).sum()).all()
    np.testing.assert_array_equal(drawn, resample(strata, 20, seed))


def test_every_video_of_a_stratum_is_drawn_as_often_as_every_other() -> None:
    strata = np.array([True, False, False, True, False])
    drawn = resample(strata, 40_000, 0)
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.03)
    # Of a binomial with 2 or 3 draws of 1/2 or 1/3: variance 1/2 and 2/3.
    np.testing.assert_allclose(drawn.var(axis=0), np.where(strata, 1 / 2, 2 / 3), atol=0.03)


def test_another_seed_gives_other_resamples() -> None:
    strata = np.zeros(6, dtype=bool)
    assert (resample(strata, 5, 0) != resample(strata, 5, 1)).any()


def test_each_video_is_left_out_once() -> None:
    assert leave_one_out(3).tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
