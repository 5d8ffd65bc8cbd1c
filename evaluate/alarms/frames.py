"""Frame-level measures besides pooled AP and AUC: by another area, on some videos alone, within a video, at 0.5.

``shared`` names below are those of the field: AUC on abnormal videos is also called AnoAUC, AUC_A or AUCabn.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import auc, precision_recall_curve

from evaluate.alarms.footage import Footage, joined
from train.frame_ap import average_precision, roc_auc

HALF = 0.5


class Areas(NamedTuple):
    """Areas under curves over the frames of some videos, in 0..1; NaN where undefined.

    Attributes:
        ap: Average precision, the area under the steps of the precision-recall curve.
        ap_trapezoid: The area under straight lines between its points, as half of the field counts AP.
        auc: Area under the ROC curve.
    """

    ap: float
    ap_trapezoid: float
    auc: float


class WithinVideo(NamedTuple):
    """AUC video by video.

    Attributes:
        auc: Mean over the videos that have frames of both kinds; NaN if there are none.
        videos: How many they are.
        skipped: Abnormal videos that have frames of one kind alone.
    """

    auc: float
    videos: int
    skipped: int


class FalseAlarmRate(NamedTuple):
    """Shares of frames at or above a threshold, in 0..1; NaN where there is no such frame.

    Attributes:
        normal_videos: Of all frames of the normal videos.
        all_videos: Of the normal frames of all videos.
        abnormal_videos: Of the normal frames of the abnormal videos.
        recall: Of all abnormal frames.
    """

    normal_videos: float
    all_videos: float
    abnormal_videos: float
    recall: float


def areas(videos: Sequence[Footage]) -> Areas:
    """Measure the frames of some videos together."""
    if not videos:
        return Areas(math.nan, math.nan, math.nan)
    entries = joined(videos)
    return Areas(average_precision(*entries), _trapezoid(videos), roc_auc(*entries))


def abnormal(videos: Sequence[Footage]) -> list[Footage]:
    """Give the videos that the catalog does not label normal."""
    return [one for one in videos if not one.normal]


def within_video(videos: Sequence[Footage]) -> WithinVideo:
    """Measure AUC within each abnormal video."""
    every = [roc_auc(*joined([one])) for one in abnormal(videos)]
    known = [value for value in every if not math.isnan(value)]
    return WithinVideo(float(np.mean(known)) if known else math.nan, len(known), len(every) - len(known))


def by_category(videos: Sequence[Footage]) -> dict[str, float]:
    """Measure AUC over the videos of each abnormal class, their normal frames included; NaN where undefined."""
    codes = dict.fromkeys(code for one in abnormal(videos) for code in one.labels)
    return {code: roc_auc(*joined([one for one in abnormal(videos) if code in one.labels])) for code in sorted(codes)}


def false_alarm_rate(videos: Sequence[Footage], threshold: float = HALF) -> FalseAlarmRate:
    """Measure how many frames reach a threshold.

    Args:
        videos: Some videos.
        threshold: Frames at or above it count as alarmed.
    """
    quiet = [one for one in videos if one.normal]
    return FalseAlarmRate(
        _share(quiet, False, threshold),
        _share(videos, False, threshold),
        _share(abnormal(videos), False, threshold),
        _share(videos, True, threshold),
    )


def _share(videos: Sequence[Footage], kind: bool, threshold: float) -> float:
    if not videos:
        return math.nan
    labels, scores, counts = joined(videos)
    of_kind = labels == kind
    total = counts[of_kind].sum()
    return float(counts[of_kind & (scores >= threshold)].sum() / total) if total else math.nan


def _trapezoid(videos: Sequence[Footage]) -> float:
    labels, scores, counts = joined(videos)
    if not labels.any():
        return math.nan
    precision, recall, _ = precision_recall_curve(labels, scores, sample_weight=counts)
    return float(auc(recall, precision))
