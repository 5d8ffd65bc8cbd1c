"""The threshold of a budget of false alarms an hour, and how sure it and what is to be expected of it are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.alarms.budget import SLACK, Point, Watch, points_of_budgets
from evaluate.alarms.counting import counts_of, least_thresholds
from evaluate.alarms.delays import delays_at, found_share, median_delay
from evaluate.statistics.resampling import resample
from evaluate.statistics.settings import LEVEL, Resampling

# Draws at a time, so that memory stays small.
BLOCK = 16

Interval = tuple[float, float]


@dataclass(frozen=True)
class Choice:
    """A threshold, and intervals over draws of the videos; ``None`` where one video alone cannot tell.

    Attributes:
        point: The threshold, and what is to be expected at it.
        threshold: Thresholds that other normal videos would have led to.
        alarms_per_hour: False alarms an hour of other normal videos, at the threshold that was chosen.
        found: Share of the events of other videos that are found at it, in 0..1.
        delay: Median delay of them, in seconds.
    """

    point: Point
    threshold: Interval | None
    alarms_per_hour: Interval | None
    found: Interval | None
    delay: Interval | None


def choose(watched: Watch, budget: float, settings: Resampling) -> Choice | None:
    """Choose the threshold of a budget.

    Args:
        watched: The videos.
        budget: False alarms an hour of the normal videos.
        settings: Number and seed of the draws; normal and abnormal videos are drawn apart.

    Returns:
        ``None`` without a normal hour or an event.
    """
    points = points_of_budgets(watched, [budget])
    if points is None:
        return None
    chosen = np.array([points[0].threshold], np.float32)
    drawn = resample(watched.is_quiet, settings.resamples, settings.seed).astype(np.float64)
    quiet = drawn[:, watched.is_quiet]
    hours = quiet @ watched.hours[watched.is_quiet]
    thresholds, alarms = [], []
    for start in range(0, len(drawn), BLOCK):
        weights, lasting = quiet[start : start + BLOCK], hours[start : start + BLOCK, None]
        thresholds.append(least_thresholds(watched.quiet_steps, budget * lasting + SLACK, weights))
        alarms.append(counts_of(watched.quiet_steps, chosen, weights) / lasting)
    delays = np.broadcast_to(delays_at(watched.events, chosen)[:, 0], (len(drawn), len(watched.events)))
    of_events = drawn[:, [event.video for event in watched.events]]
    several_quiet, several_others = watched.is_quiet.sum() > 1, (~watched.is_quiet).sum() > 1
    return Choice(
        points[0],
        _ends(np.concatenate(thresholds).astype(np.float64)) if several_quiet else None,
        _ends(np.concatenate(alarms)) if several_quiet else None,
        _ends(found_share(delays, of_events)) if several_others else None,
        _ends(median_delay(delays, of_events)) if several_others else None,
    )


def _ends(values: NDArray[np.float64]) -> Interval | None:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    # Of values that there are, since between a finite delay and an infinite one there is none.
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return float(low), float(high)
