"""How many alarms there are at every threshold at once, by which threshold a budget of false alarms is kept.

An alarm is a longest run of snippets that reach the threshold; runs less than ``merge`` seconds apart are one. It is
false if it shares no frame with an event. Definition ours; see README.

Runs are counted as a chain's pieces are, by links: snippets that reach the threshold less pairs of neighbours that both
do. Runs that touch an event are the touched snippets less the pairs of them that hang together. Each term appears where
the threshold falls to one value, so that a sorted list of values and signs holds the counts at all thresholds.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import grey_closing

from evaluate.alarms.footage import Footage

Floats = NDArray[np.float64]


class Steps(NamedTuple):
    """False alarms of some videos, as steps over a falling threshold.

    Attributes:
        values: [n] float32, falling: at thresholds up to this value the step has been taken.
        changes: [n] float64, by how many false alarms a step changes their number.
        video: [n] int64, position of the video that it belongs to.
    """

    values: NDArray[np.float32]
    changes: Floats
    video: NDArray[np.int64]


def false_alarm_steps(videos: Sequence[Footage], merge: float = 0.0) -> Steps:
    """Gather the steps of the videos' false alarms.

    Args:
        videos: Videos; those with an unknown frame rate must be left out where ``merge`` is above 0.
        merge: Seconds; runs less than that apart are one alarm.
    """
    parts = [_steps(one, merge) for one in videos]
    values = np.concatenate([values for values, _ in parts] or [np.zeros(0, np.float32)])
    changes = np.concatenate([changes for _, changes in parts] or [np.zeros(0)])
    video = np.repeat(np.arange(len(parts)), [len(values) for values, _ in parts])
    order = np.argsort(-values, kind="stable")
    return Steps(values[order], changes[order], video[order])


def counts_of(steps: Steps, thresholds: NDArray[np.float32], weights: Floats | None = None) -> Floats:
    """Count false alarms.

    Args:
        steps: Of some videos.
        thresholds: [K] float32.
        weights: [V] or [B, V], how often each video counts; once if not given.

    Returns:
        [K] or [B, K].
    """
    changes = steps.changes if weights is None else steps.changes * weights[..., steps.video]
    summed = np.concatenate([np.zeros((*changes.shape[:-1], 1)), np.cumsum(changes, axis=-1)], axis=-1)
    taken = np.searchsorted(-steps.values, -thresholds, side="right")
    counted: Floats = summed[..., taken]
    return counted


def least_thresholds(steps: Steps, allowed: Floats, weights: Floats | None = None) -> NDArray[np.float32]:
    """Find the least threshold from which on upwards a number of false alarms is never exceeded.

    Upwards, since far below there are few alarms too: they have run into each other. So where the number is never
    exceeded, it is the least threshold at which there are the most.

    Args:
        steps: Of some videos.
        allowed: [K] false alarms that are allowed; with ``weights`` [B, K].
        weights: [B, V], how often each video counts in each of B draws; once if not given.

    Returns:
        [K] or [B, K] float32.
    """
    values = steps.values
    if not len(values):
        return np.zeros(allowed.shape, np.float32)
    tie_ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    changes = steps.changes[None] if weights is None else steps.changes * weights[:, steps.video]
    counts = np.cumsum(changes, axis=1)[:, tie_ends]
    highest = np.maximum.accumulate(counts, axis=1)
    last_most = counts.shape[1] - np.argmax(counts[:, ::-1] == highest[:, -1:], axis=1)
    first = np.stack(
        [np.searchsorted(row, some, side="right") for row, some in zip(highest, np.atleast_2d(allowed), strict=True)]
    )
    # Just above a step it has not been taken.
    above = np.append(np.nextafter(values[tie_ends], np.float32(np.inf)), values[-1])
    found: NDArray[np.float32] = above[np.minimum(first, last_most[:, None])]
    return found[0] if weights is None else found


def merged(scores: NDArray[np.float32], stride: int, fps: float, merge: float) -> NDArray[np.float32]:
    """Fill the gaps that are shorter than ``merge`` seconds, at every threshold at once: [T] -> [T]."""
    if merge <= 0:
        return scores
    # The most snippets that last less than `merge`.
    gap = min(math.ceil(merge * fps / stride) - 1, len(scores))
    if gap < 1:
        return scores
    padded = np.pad(scores, gap + 1, constant_values=-np.inf)
    closed: NDArray[np.float32] = grey_closing(padded, size=gap + 1, mode="constant", cval=-np.inf)[gap + 1 : -gap - 1]
    return closed


def touched(video: Footage) -> NDArray[np.int64]:
    """Give the snippets that share a frame with an event, ascending."""
    inside = np.zeros(len(video.scores), np.bool_)
    for first, after in video.events:
        inside[first // video.stride : -(-after // video.stride)] = True
    return np.flatnonzero(inside)


def _steps(video: Footage, merge: float) -> tuple[NDArray[np.float32], Floats]:
    scores = merged(video.scores, video.stride, video.fps, merge)
    marked = touched(video)
    parts = [(scores, 1.0), (np.minimum(scores[1:], scores[:-1]), -1.0), (scores[marked], -1.0)]
    if len(marked) > 1:
        parts.append((_lowest_between(scores, marked), 1.0))
    values, which = np.unique(np.concatenate([values for values, _ in parts]), return_inverse=True)
    signs = np.concatenate([np.full(len(values), sign) for values, sign in parts])
    changes = np.bincount(which, weights=signs, minlength=len(values))
    kept = changes != 0
    return values[kept], changes[kept]


def _lowest_between(scores: NDArray[np.float32], marked: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give the least score from each marked snippet to the next one, both included: [m] -> [m - 1]."""
    # One more element, so that the last stretch may end where the array does.
    bounds = np.column_stack((marked[:-1], marked[1:] + 1)).ravel()
    lowest: NDArray[np.float32] = np.minimum.reduceat(np.append(scores, np.float32(np.inf)), bounds)[::2]
    return lowest
