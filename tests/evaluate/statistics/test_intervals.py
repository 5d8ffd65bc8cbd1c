import numpy as np
import pytest
from scipy.stats import bootstrap

from evaluate.statistics.intervals import bca, percentile
from evaluate.statistics.resampling import leave_one_out, resample


def variances(sample: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Of each resample, [B, 1]: a figure that resamples make smaller on average, so that there is a bias to correct."""
    size = times.sum(axis=1)
    found: np.ndarray = (times @ sample**2 / size - (times @ sample / size) ** 2)[:, None]
    return found


def test_the_percentile_interval_leaves_out_a_fortieth_at_each_end() -> None:
    values = np.stack([np.arange(1001.0), np.full(1001, 7.0)], axis=1)
    np.testing.assert_allclose(percentile(values), [[25, 7], [975, 7]])


def test_undefined_resamples_do_not_count() -> None:
    values = np.append(np.arange(1001.0), [np.nan] * 300)[:, None]
    np.testing.assert_allclose(percentile(values), [[25], [975]])
    assert np.isnan(percentile(np.full((10, 1), np.nan))).all()


def test_bca_is_scipy_s_of_a_biased_figure() -> None:
    sample = np.random.default_rng(0).exponential(size=20)
    one_stratum = np.zeros(20, dtype=bool)
    times = resample(one_stratum, 30_000, 1)
    whole, without = variances(sample, np.ones((1, 20)))[0], variances(sample, leave_one_out(20))
    low, high = bca(variances(sample, times), whole, without, one_stratum)
    theirs = bootstrap((sample,), np.var, n_resamples=30_000, method="BCa", rng=2).confidence_interval
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), rel=0.03)
    plain = percentile(variances(sample, times))
    assert low[0] > 1.1 * plain[0, 0]
    assert high[0] > 1.1 * plain[1, 0]


def test_bca_of_a_figure_that_never_changes_is_that_figure() -> None:
    strata = np.zeros(5, dtype=bool)
    found = bca(np.full((100, 1), 3.0), np.array([3.0]), np.full((5, 1), 3.0), strata)
    np.testing.assert_array_equal(found, [[3.0], [3.0]])
