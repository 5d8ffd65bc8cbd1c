"""How late an alarm comes after an event has begun, at every threshold. Definition ours; see README.

The delay of an event is the time from its start to the end of the first snippet that shares a frame with it and reaches
the threshold: a snippet is known only when it is over. So an alarm that was there before has a delay too, of up to one
snippet. An event that no such snippet tells is missed, and its delay infinite.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.alarms.footage import Footage

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Event:
    """One event of a video.

    Attributes:
        video: Position of its video.
        peaks: [k] float32, the highest score up to each snippet that shares a frame with it; never falls.
        delays: [k] float64, seconds from its start to the end of each of them.
    """

    video: int
    peaks: NDArray[np.float32]
    delays: Floats


def events_of(videos: Sequence[Footage]) -> list[Event]:
    """Gather the events of videos whose frame rates are known."""
    gathered = []
    for number, one in enumerate(videos):
        ends = one.ends()
        for first, after in one.events:
            snippets = slice(first // one.stride, -(-after // one.stride))
            peaks = np.maximum.accumulate(one.scores[snippets])
            gathered.append(Event(number, peaks, (ends[snippets] - first) / one.fps))
    return gathered


def delays_at(events: Sequence[Event], thresholds: NDArray[np.float32]) -> Floats:
    """Give the delay of each event at each threshold: [E, K] seconds, infinite where it is missed."""
    found = np.full((len(events), len(thresholds)), math.inf)
    for row, event in zip(found, events, strict=True):
        row[:] = np.append(event.delays, math.inf)[np.searchsorted(event.peaks, thresholds, side="left")]
    return found


def median_delay(delays: Floats, weights: Floats | None = None) -> Floats:
    """Give the least delay that at least half of all events keep: infinite if fewer than half are found.

    Args:
        delays: [..., E] seconds.
        weights: [..., E], how often each event counts; once if not given.

    Returns:
        [...], NaN where no event counts.
    """
    counts = np.ones(delays.shape) if weights is None else np.broadcast_to(weights, delays.shape)
    if not delays.shape[-1]:
        return np.full(delays.shape[:-1], math.nan)
    order = np.argsort(delays, axis=-1)
    kept = np.cumsum(np.take_along_axis(counts, order, axis=-1), axis=-1)
    half = np.argmax(2 * kept >= kept[..., -1:], axis=-1)[..., None]
    median = np.take_along_axis(np.take_along_axis(delays, order, axis=-1), half, axis=-1)[..., 0]
    counted: Floats = np.where(kept[..., -1] > 0, median, math.nan)
    return counted


def found_share(delays: Floats, weights: Floats | None = None) -> Floats:
    """Give the share of events that are found: [..., E] delays -> [...] in 0..1, NaN where no event counts."""
    counts = np.ones(delays.shape) if weights is None else np.broadcast_to(weights, delays.shape)
    total = counts.sum(axis=-1)
    found: Floats = (counts * np.isfinite(delays)).sum(axis=-1)
    share: Floats = np.divide(found, total, out=np.full(total.shape, math.nan), where=total > 0)
    return share
