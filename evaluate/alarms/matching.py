"""Events found as events: precision, recall and F1 at a temporal overlap, one class for all.

Matching ``released`` is that of arXiv 2604.09327 (released code): each annotated event in time order takes the unused
found one of highest overlap, if that is enough. ``optimal`` pairs as many as possible.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from evaluate.alarms.footage import Footage

RELEASED, OPTIMAL = "released", "optimal"
MATCHINGS = (RELEASED, OPTIMAL)

Spans = Sequence[tuple[int, int]]


class EventScores(NamedTuple):
    """Precision, recall and F1 of found events in 0..1; NaN where a denominator is 0."""

    precision: float
    recall: float
    f1: float


def found_events(video: Footage, threshold: float, longer_than: int = 0) -> list[tuple[int, int]]:
    """Give the runs of snippets that reach a threshold, in frames (first, after the last), by time.

    Args:
        video: A video.
        threshold: Least score.
        longer_than: Frames; shorter runs and those just as long are dropped.
    """
    above = np.concatenate([[False], video.scores >= threshold, [False]]).astype(np.int8)
    steps = np.diff(above)
    firsts, afters = np.flatnonzero(steps == 1) * video.stride, np.flatnonzero(steps == -1) * video.stride
    runs = zip(firsts.tolist(), np.minimum(afters, video.frames).tolist(), strict=True)
    return [(first, after) for first, after in runs if after - first > longer_than]


def score_events(found: Sequence[Spans], true: Sequence[Spans], overlap: float, matching: str) -> EventScores:
    """Score the events found in some videos.

    Args:
        found: Found events of each video, frames (first, after the last).
        true: Annotated ones, likewise, by time.
        overlap: Least temporal IoU of a pair.
        matching: One of ``MATCHINGS``.
    """
    pairs = sum(
        matched(overlaps(some, others) if some and others else np.zeros((len(others), len(some))), overlap, matching)
        for some, others in zip(found, true, strict=True)
    )
    return from_counts(pairs, sum(map(len, found)), sum(map(len, true)))


def from_counts(pairs: float, found: float, true: float) -> EventScores:
    """Give precision, recall and F1 of numbers of pairs, of found and of annotated events."""
    return EventScores(
        pairs / found if found else math.nan,
        pairs / true if true else math.nan,
        2 * pairs / (found + true) if found + true else math.nan,
    )


def overlaps(found: Spans, true: Spans) -> NDArray[np.float64]:
    """Give the temporal IoU of each annotated and found event: [true, found]."""
    (first, after), (begin, end) = np.array(found).T, np.array(true).T[..., None]
    shared = np.maximum(np.minimum(after, end) - np.maximum(first, begin), 0)
    iou: NDArray[np.float64] = shared / ((after - first) + (end - begin) - shared)
    return iou


def matched(iou: NDArray[np.float64], overlap: float, matching: str) -> int:
    """Count the pairs of a video.

    Args:
        iou: [true, found], annotated events by time.
        overlap: Least IoU of a pair.
        matching: One of ``MATCHINGS``.
    """
    enough = iou >= overlap
    if not enough.any():
        return 0
    if matching == OPTIMAL:
        return int((maximum_bipartite_matching(csr_array(enough), perm_type="column") >= 0).sum())
    free = np.ones(iou.shape[1], np.bool_)
    pairs = 0
    for row in iou:
        best = int(np.argmax(np.where(free, row, -1.0)))
        if free[best] and row[best] >= overlap:
            free[best] = False
            pairs += 1
    return pairs
