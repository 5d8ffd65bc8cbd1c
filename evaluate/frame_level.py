"""Frame-level AP and ROC AUC of a branch, over the released number of frames and over the true one.

Two scores that are equal share one step of the precision-recall or ROC curve. Float32 sums in another order, on another
machine or by the released code, can make two such scores differ in their last bit and set them apart: AP then moves by
less than the share of frames that have them."""

from typing import NamedTuple

from train.frame_ap import JoinedFrames, average_precision, roc_auc


class FrameMetrics(NamedTuple):
    """Frame-level metrics in 0..1; NaN where the ground truth leaves them undefined.

    Attributes:
        ap: Average precision; NaN without an abnormal frame.
        auc: Area under the ROC curve; NaN unless there are frames of both kinds.
    """

    ap: float
    auc: float


def frame_metrics(joined: JoinedFrames) -> FrameMetrics:
    """Measure one branch over all videos' frames, as ``join_frames`` gives them."""
    return FrameMetrics(average_precision(*joined), roc_auc(*joined))
