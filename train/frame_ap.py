"""Frame-level average precision and ROC AUC: AVadCLIP's Tables 1 and 3, VadCLIP's UCF-Crime table.

Training needs them to choose a checkpoint, evaluation to report it; both call the functions below.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from extract.catalog import Segment


def frame_labels(segments: Iterable[Segment], normal: str, frames: int) -> NDArray[np.bool_]:
    """Mark the frames inside any abnormal segment.

    Args:
        segments: Annotated events, in frames, half open. Those labelled ``normal`` mark nothing.
        normal: Code of the normal class.
        frames: Length of the result; segments that reach further are cut.

    Returns:
        [frames] bool.
    """
    labels = np.zeros(frames, dtype=np.bool_)
    for segment in segments:
        if segment.label != normal:
            labels[segment.start : segment.end] = True
    return labels


class JoinedFrames(NamedTuple):
    """The frames of all videos; those of one snippet that are alike are one entry.

    All frames of a snippet have its score, so that a snippet has at most two entries, one for its normal and one for
    its abnormal frames: far fewer to sort than frames, and the same AP and AUC.

    Attributes:
        labels: [n] bool, whether the entry's frames are abnormal.
        scores: [n], float32 as scored.
        counts: [n] float64, frames of the entry, at least 1.
    """

    labels: NDArray[np.bool_]
    scores: NDArray[np.floating[Any]]
    counts: NDArray[np.float64]


def join_frames(
    scores: Sequence[NDArray[np.float32]],
    segments: Sequence[Iterable[Segment]],
    *,
    normal: str,
    stride: int,
    frames: Sequence[int] | None = None,
) -> JoinedFrames:
    """Spread snippet scores over their frames and join all videos, beside the frames' labels.

    Args:
        scores: Anomaly score of each snippet, [T] float32 for every video.
        segments: Annotated events of every video, in the same order.
        normal: Code of the normal class.
        stride: Frames a snippet; every score counts that often.
        frames: True number of frames of every video. ``None`` keeps T * stride frames a video, as the
            released evaluation does (``released``); given, each video is cut to its true length
            (``exact``), so that the last snippet does not count frames that do not exist. A video that
            is longer than its T snippets is not lengthened: nothing has scored the rest.
    """
    lengths = [len(video) * stride for video in scores]
    if frames is not None:
        lengths = [min(length, true) for length, true in zip(lengths, frames, strict=True)]
    counts = [
        _count_frames(video, normal, length, len(values), stride)
        for video, length, values in zip(segments, lengths, scores, strict=True)
    ]  # [2, T] each
    joined = np.concatenate(counts, axis=1)
    labels = np.broadcast_to([[False], [True]], joined.shape)
    values = np.broadcast_to(np.concatenate(scores), joined.shape)
    present = joined > 0
    return JoinedFrames(labels[present], values[present], joined[present])


def _count_frames(
    segments: Iterable[Segment], normal: str, frames: int, snippets: int, stride: int
) -> NDArray[np.float64]:
    """Count each snippet's normal and abnormal frames: [2, snippets]."""
    # By arithmetic, not frame by frame: a stride is a number in a file, and may be any.
    bounds = np.minimum(np.arange(snippets + 1, dtype=np.int64) * stride, frames)
    starts, ends = bounds[:-1], bounds[1:]
    abnormal = np.zeros(snippets, dtype=np.int64)
    for first, after in joined_events(segments, normal):
        abnormal += np.maximum(np.minimum(ends, after) - np.maximum(starts, first), 0)
    counts: NDArray[np.float64] = np.stack([ends - starts - abnormal, abnormal]).astype(np.float64)
    return counts


def joined_events(segments: Iterable[Segment], normal: str) -> list[tuple[int, int]]:
    """Give the stretches of frames (first, after the last) that lie in any abnormal event, by time; none touch."""
    joined: list[tuple[int, int]] = []
    for segment in sorted((one for one in segments if one.label != normal), key=lambda one: one.start):
        if joined and segment.start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], segment.end))
        else:
            joined.append((segment.start, segment.end))
    return joined


def average_precision(
    labels: NDArray[np.bool_], scores: NDArray[Any], counts: NDArray[np.float64] | None = None
) -> float:
    """Average precision as scikit-learn defines it: ``sum_n (R_n - R_{n-1}) P_n``, no interpolation.

    Args:
        labels: [n] bool, whether each entry is abnormal.
        scores: [n], higher where an anomaly is likelier. Equal scores form one threshold.
        counts: [n], how often each entry counts; once if not given.

    Returns:
        A number in 0..1; NaN if no entry is abnormal, because recall is then undefined.
    """
    if not labels.any():
        return float("nan")
    # Here, since importing it takes seconds, and a training that judges nothing needs it not.
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores, sample_weight=counts))


def roc_auc(labels: NDArray[np.bool_], scores: NDArray[Any], counts: NDArray[np.float64] | None = None) -> float:
    """Area under the ROC curve, by scikit-learn.

    Args:
        labels: [n] bool, whether each entry is abnormal.
        scores: [n], higher where an anomaly is likelier.
        counts: [n], how often each entry counts; once if not given.

    Returns:
        A number in 0..1; NaN unless there are both normal and abnormal entries.
    """
    if labels.all() or not labels.any():
        return float("nan")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores, sample_weight=counts))
