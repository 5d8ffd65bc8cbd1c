"""Confidence intervals from resamples: percentile, and bias-corrected and accelerated (BCa).

Efron and Tibshirani, An Introduction to the Bootstrap, chapters 13 and 14; the acceleration of strata: Davison and
Hinkley, Bootstrap Methods and their Application, section 5.3.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from evaluate.statistics.settings import LEVEL

Floats = NDArray[np.float64]


def percentile(values: Floats, level: float = LEVEL) -> Floats:
    """Give the middle part of the resamples' values.

    Args:
        values: [B, K], NaN where a resample is undefined; such resamples do not count.
        level: Share of the values that the interval holds.

    Returns:
        Low and high, [2, K]; NaN if no resample is defined.
    """
    return _quantiles(values, np.full(values.shape[1], (1 - level) / 2), np.full(values.shape[1], (1 + level) / 2))


def bca(values: Floats, whole: Floats, without: Floats, strata: NDArray[np.bool_], level: float = LEVEL) -> Floats:
    """Give the interval that corrects for bias and for a spread that grows with the value.

    Args:
        values: [B, K], NaN where a resample is undefined; such resamples do not count.
        whole: [K], the values of the whole set.
        without: [V, K], the values without each of V videos; NaN where that leaves them undefined.
        strata: [V], within which the resamples were drawn.
        level: Share of the values that the interval holds.

    Returns:
        Low and high, [2, K]; NaN if no resample is defined.
    """
    defined = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    below = ((values < whole).sum(axis=0) + (values == whole).sum(axis=0) / 2) / defined
    bias = ndtri(np.clip(below, 0.5 / defined, 1 - 0.5 / defined))
    acceleration = _acceleration(without, strata)
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        moved = bias + ndtri(share)
        ends.append(ndtr(bias + moved / (1 - acceleration * moved)))
    return _quantiles(values, *ends)


def _acceleration(without: Floats, strata: NDArray[np.bool_]) -> Floats:
    cubes, squares = np.zeros(without.shape[1]), np.zeros(without.shape[1])
    for stratum in np.unique(strata):
        left = without[strata == stratum]
        size = len(left)
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            influence = np.nan_to_num((size - 1) * (np.nanmean(left, axis=0) - left))
        cubes += (influence**3).sum(axis=0) / size**3
        squares += (influence**2).sum(axis=0) / size**2
    acceleration: Floats = np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0)
    return acceleration


def _quantiles(values: Floats, low: Floats, high: Floats) -> Floats:
    found = np.full((2, values.shape[1]), np.nan)
    for column, shares in enumerate(zip(low, high, strict=True)):
        defined = values[:, column]
        defined = defined[~np.isnan(defined)]
        if len(defined):
            found[:, column] = np.quantile(defined, shares)
    return found
