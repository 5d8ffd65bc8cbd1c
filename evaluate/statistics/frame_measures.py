"""Frame-level AP and AUC of many resamples at once, by how often each holds each video.

Scores are sorted once. A resample changes only how often an entry counts, so cumulative sums give its AP and its AUC:
no sort, no copy of a frame, and the values that scikit-learn gives on the repeated videos.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from evaluate.statistics.resampling import Multiplicities
from train.frame_ap import JoinedFrames

# Groups of equal scores and resamples that are worked on at once: few enough for the processor's cache.
GROUPS, ROWS = 1024, 64
Floats = NDArray[np.float64]


class SortedFrames(NamedTuple):
    """The frames of V videos by falling score, in groups of equal scores; of interest are those with abnormal frames.

    Attributes:
        parts: Of up to ``GROUPS`` such groups each, [g, V] sparse: the abnormal frames of each video in each group,
            the normal ones between the group before and this one, and the normal ones in this one.
        positive: [V], all abnormal frames of each video.
        negative: [V], all normal ones.
    """

    parts: list[tuple[csr_array, csr_array, csr_array]]
    positive: Floats
    negative: Floats


def sort_frames(videos: Sequence[JoinedFrames]) -> SortedFrames:
    """Sort the frames of several videos, one ``JoinedFrames`` each."""
    labels = np.concatenate([one.labels for one in videos])
    scores = np.concatenate([one.scores for one in videos])
    counts = np.concatenate([one.counts for one in videos])
    video = np.repeat(np.arange(len(videos)), [len(one.labels) for one in videos])
    order = np.argsort(-scores, kind="stable")
    labels, scores, counts, video = labels[order], scores[order], counts[order], video[order]

    group = np.append(0, np.cumsum(scores[1:] != scores[:-1]))
    kept = np.unique(group[labels])
    # The first group with abnormal frames that is not above the entry; those below all such groups have none.
    row = np.searchsorted(kept, group)
    inside = row < len(kept)
    tied = inside & (kept[np.minimum(row, len(kept) - 1)] == group) if len(kept) else inside
    shape = (len(kept), len(videos))

    def matrix(chosen: NDArray[np.bool_]) -> csr_array:
        return csr_array((counts[chosen], (row[chosen], video[chosen])), shape=shape)

    abnormal, between, beside = matrix(labels), matrix(inside & ~labels & ~tied), matrix(tied & ~labels)
    parts = [
        (abnormal[start : start + GROUPS], between[start : start + GROUPS], beside[start : start + GROUPS])
        for start in range(0, len(kept), GROUPS)
    ]
    positive, negative = (
        np.bincount(video, np.where(of, counts, 0.0), len(videos)).astype(np.float64) for of in (labels, ~labels)
    )
    return SortedFrames(parts, positive, negative)


def ap_and_auc(frames: SortedFrames, multiplicities: Multiplicities) -> Floats:
    """Measure every resample.

    Args:
        frames: Of V videos.
        multiplicities: How often each resample holds each video, [B, V] int32.

    Returns:
        [B, 2] float64 in 0..1: AP, AUC. NaN where a resample leaves it undefined: AP without an abnormal frame, AUC
        without frames of both kinds.
    """
    blocks = range(0, len(multiplicities), ROWS)
    return np.concatenate([np.empty((0, 2)), *(_measure(frames, multiplicities[at : at + ROWS]) for at in blocks)])


def _measure(frames: SortedFrames, block: Multiplicities) -> Floats:
    # Whole numbers of frames, which float64 adds without rounding.
    weights = np.ascontiguousarray(block.T, dtype=np.float64)  # [V, b]
    hits, alarms, precision, above = (np.zeros(weights.shape[1]) for _ in range(4))
    for abnormal, between, beside in frames.parts:
        gained = abnormal @ weights  # [g, b]
        false = between @ weights
        ties = beside @ weights if beside.nnz else 0
        found, false = _running(gained, hits), _running(false + ties, alarms)
        hits, alarms = found[-1], false[-1]
        # Of normal frames with the same score, half count as above.
        above += np.einsum("gb,gb->b", gained, false - ties / 2 if beside.nnz else false)
        # Groups that weigh nothing so far would be 0 / 0.
        precision += np.einsum("gb,gb->b", gained, found / np.maximum(found + false, 1))
    positive, negative = frames.positive @ weights, frames.negative @ weights
    with np.errstate(invalid="ignore"):
        ap = precision / np.where(positive > 0, positive, np.nan)
        auc = 1 - above / np.where(positive * negative > 0, positive * negative, np.nan)
    return np.stack([ap, auc], axis=1)


def _running(values: Floats, before: Floats) -> Floats:
    """Give the sums down the rows, beginning with what came before: [g, b]."""
    sums = values.copy()
    sums[0] += before
    return np.cumsum(sums, axis=0, out=sums)
