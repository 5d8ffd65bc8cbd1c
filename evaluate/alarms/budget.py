"""Recall and delay at a budget of false alarms an hour. Definition ours; see README.

False alarms are counted on the normal videos, and hours are theirs. The threshold of a budget is the least from which
on upwards the budget is never exceeded. Alarms that run on and on are few: so the time in alarm stands beside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.alarms.counting import Steps, counts_of, false_alarm_steps, least_thresholds
from evaluate.alarms.delays import Event, delays_at, events_of, found_share, median_delay
from evaluate.alarms.footage import Footage

BUDGETS = (0.1, 1.0, 10.0)
# Sums of hours that are meant to be whole may miss by so much.
SLACK = 1e-9
MOST_POINTS = 300


@dataclass(frozen=True, eq=False)
class Watch:
    """The videos whose frame rates are known.

    Attributes:
        is_quiet: [V] bool, which of them are normal.
        hours: [V] float64, how long each lasts.
        quiet: Hours of the normal videos.
        normal: Hours in which nothing happens, of all videos.
        quiet_steps: False alarms of the normal videos.
        quiet_scores: [n] float32, scores of the normal videos, rising.
        quiet_hours: [n + 1] float64, hours of the first so many of them.
        steps: False alarms of all videos.
        events: Events of all videos.
        left_out: Videos whose frame rates are unknown.
    """

    is_quiet: NDArray[np.bool_]
    hours: NDArray[np.float64]
    quiet: float
    normal: float
    quiet_steps: Steps
    quiet_scores: NDArray[np.float32]
    quiet_hours: NDArray[np.float64]
    steps: Steps
    events: list[Event]
    left_out: int


@dataclass(frozen=True)
class Point:
    """What is to be expected at a threshold; NaN where undefined.

    Attributes:
        threshold: A float32 number.
        alarms_per_hour: False alarms an hour of the normal videos.
        alarmed: Share of the normal videos' time in alarm, in 0..1.
        alarms_per_normal_hour: False alarms of all videos an hour in which nothing happens.
        found: Share of the events that are found, in 0..1.
        delay: Seconds, the median over all events; infinite if fewer than half are found.
    """

    threshold: float
    alarms_per_hour: float
    alarmed: float
    alarms_per_normal_hour: float
    found: float
    delay: float


def watch(videos: Sequence[Footage], merge: float = 0.0) -> Watch:
    """Gather what alarms are counted on.

    Args:
        videos: The test videos.
        merge: Seconds; runs less than that apart are one alarm.
    """
    known = [one for one in videos if not math.isnan(one.fps)]
    quiet = [one for one in known if one.normal]
    scores = np.concatenate([np.zeros(0, np.float32), *(one.scores for one in quiet)])
    hours = np.concatenate([np.zeros(0), *(np.diff(one.ends(), prepend=0) / one.fps / 3600 for one in quiet)])
    order = np.argsort(scores, kind="stable")
    return Watch(
        np.array([one.normal for one in known], np.bool_),
        np.array([one.hours for one in known]),
        sum(one.hours for one in quiet),
        sum(one.normal_hours for one in known),
        false_alarm_steps(quiet, merge),
        scores[order],
        np.append(0, np.cumsum(hours[order])),
        false_alarm_steps(known, merge),
        events_of(known),
        len(videos) - len(known),
    )


def points_at(watched: Watch, thresholds: NDArray[np.float32]) -> list[Point]:
    """Say what is to be expected at some thresholds [K]."""
    quiet, every = (counts_of(steps, thresholds) for steps in (watched.quiet_steps, watched.steps))
    delays = delays_at(watched.events, thresholds).T
    below = watched.quiet_hours[np.searchsorted(watched.quiet_scores, thresholds, side="left")]
    alarmed = _an_hour(watched.quiet_hours[-1] - below, watched.quiet)
    columns = (
        thresholds,
        _an_hour(quiet, watched.quiet),
        alarmed,
        _an_hour(every, watched.normal),
        found_share(delays),
        median_delay(delays),
    )
    return [Point(*map(float, row)) for row in zip(*columns, strict=True)]


def points_of_budgets(watched: Watch, budgets: Sequence[float] = BUDGETS) -> list[Point] | None:
    """Say what is to be expected at budgets of false alarms an hour; ``None`` without a normal hour or an event."""
    if not watched.quiet or not watched.events:
        return None
    allowed = np.array(budgets) * watched.quiet + SLACK
    return points_at(watched, least_thresholds(watched.quiet_steps, allowed))


def points_of_every_budget(watched: Watch) -> list[Point]:
    """Say what is to be expected at every budget, from no false alarm to the most that there can be.

    Returns:
        At most ``MOST_POINTS`` points, budgets rising; none without a normal hour or an event.
    """
    if not watched.quiet or not watched.events:
        return []
    most = float(np.cumsum(watched.quiet_steps.changes).max(initial=0))
    few = np.arange(min(most + 1, MOST_POINTS / 3))
    allowed = np.unique(np.concatenate([few, np.floor(np.geomspace(1, max(most, 1), MOST_POINTS // 2))]))
    thresholds = least_thresholds(watched.quiet_steps, allowed + SLACK)
    return points_at(watched, np.unique(thresholds)[::-1])


def _an_hour(counts: NDArray[np.float64], hours: float) -> NDArray[np.float64]:
    return counts / hours if hours else np.full(counts.shape, math.nan)
