"""Frame-level AP and ROC AUC of a branch, over the released number of frames and over the true one.

Two scores that are equal share one step of the curve. Float32 sums in another order, on another machine or by the
released code, can make two such scores differ in their last bit and set them apart: AP then moves by less than the
share of frames that have them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from extract.catalog import Segment
from train.frame_ap import average_precision, join_frames, roc_auc


class FrameMetrics(NamedTuple):
    """Frame-level metrics in 0..1; NaN where the ground truth leaves them undefined.

    Attributes:
        ap: Average precision; NaN without an abnormal frame.
        auc: Area under the ROC curve; NaN unless there are frames of both kinds.
    """

    ap: float
    auc: float


def frame_metrics(
    scores: Sequence[NDArray[np.float32]],
    segments: Sequence[Iterable[Segment]],
    *,
    normal: str,
    stride: int,
    frames: Sequence[int] | None = None,
) -> FrameMetrics:
    """Measure one branch over all videos' frames.

    Args:
        scores: Anomaly score of each snippet, [T] float32 for every video.
        segments: Annotated events of every video, in the same order.
        normal: Code of the normal class.
        stride: Frames a snippet.
        frames: ``None`` for ``released`` (T * stride frames a video), the true number of frames of every
            video for ``exact``. ``released`` compares with published numbers; ``exact`` leaves out the up
            to stride - 1 frames a video that the last snippet is repeated over although they do not exist.
    """
    joined = join_frames(scores, segments, normal=normal, stride=stride, frames=frames)
    return FrameMetrics(average_precision(*joined), roc_auc(*joined))
