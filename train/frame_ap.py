"""Frame-level average precision and ROC AUC: AVadCLIP's Tables 1 and 3, VadCLIP's UCF-Crime table.

Training needs them to choose a checkpoint, evaluation to report it; both call the functions below.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

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


def join_frames(
    scores: Sequence[NDArray[np.float32]],
    segments: Sequence[Iterable[Segment]],
    *,
    normal: str,
    stride: int,
    frames: Sequence[int] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Spread snippet scores over their frames and join all videos, beside the frames' labels.

    Args:
        scores: Anomaly score of each snippet, [T] float32 for every video.
        segments: Annotated events of every video, in the same order.
        normal: Code of the normal class.
        stride: Frames a snippet; every score is repeated that often.
        frames: True number of frames of every video. ``None`` keeps T * stride frames a video, as the
            released evaluation does (``released``); given, each video is cut to its true length
            (``exact``), so that the last snippet does not count frames that do not exist. A video that
            is longer than its T snippets is not lengthened: nothing has scored the rest.

    Returns:
        Labels [frames of all videos] bool and scores [frames of all videos] float32.
    """
    lengths = [len(video) * stride for video in scores]
    if frames is not None:
        lengths = [min(length, true) for length, true in zip(lengths, frames, strict=True)]
    labels = [frame_labels(video, normal, length) for video, length in zip(segments, lengths, strict=True)]
    values = [np.repeat(video, stride)[:length] for video, length in zip(scores, lengths, strict=True)]
    return np.concatenate(labels), np.concatenate(values)


def average_precision(labels: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """Average precision as scikit-learn defines it: ``sum_n (R_n - R_{n-1}) P_n``, no interpolation.

    Args:
        labels: [n] bool, whether each frame is abnormal.
        scores: [n], higher where an anomaly is likelier. Equal scores form one threshold.

    Returns:
        A number in 0..1; NaN if no frame is abnormal, because recall is then undefined.
    """
    if not labels.any():
        return float("nan")
    return float(average_precision_score(labels, scores))


def roc_auc(labels: NDArray[np.bool_], scores: NDArray[Any]) -> float:
    """Area under the ROC curve, by scikit-learn.

    Args:
        labels: [n] bool, whether each frame is abnormal.
        scores: [n], higher where an anomaly is likelier.

    Returns:
        A number in 0..1; NaN unless there are both normal and abnormal frames.
    """
    if labels.all() or not labels.any():
        return float("nan")
    return float(roc_auc_score(labels, scores))
