"""Every headline figure of a scored test set, of the set itself and of any resamples of its videos."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluate.annotated import ScoredSet, joined_frames
from evaluate.branches import BRANCHES
from evaluate.detection_map import Matched, abnormal_map, match_detections, released_map
from evaluate.paper_tables import IOU_THRESHOLDS
from evaluate.statistics.detection_measures import SortedDetections, resampled_ap, sort_detections
from evaluate.statistics.frame_measures import SortedFrames, ap_and_auc, sort_frames
from evaluate.statistics.resampling import Multiplicities
from train.frame_ap import JoinedFrames

# Where a metrics file has a figure, from the outside in: ("alignment", "released", "ap").
Key = tuple[str, ...]
Floats = NDArray[np.float64]


class Prepared(NamedTuple):
    """A scored test set, sorted for any resamples.

    Attributes:
        frames: By branch and protocol.
        detections: ``None`` of a method that tells no classes.
        classes: Label codes.
    """

    frames: dict[Key, SortedFrames]
    detections: SortedDetections | None
    classes: tuple[str, ...]


def prepare(scored: ScoredSet, matched: Matched | None) -> Prepared:
    """Sort what a scored test set holds.

    Args:
        scored: The test set.
        matched: Its predictions as ``match`` gives them.
    """
    protocols = ("released", "exact") if scored.knows_frames else ("released",)
    keys = [(branch, protocol) for branch in BRANCHES for protocol in protocols]
    return Prepared(
        {(branch, protocol): sort_frames(frames_of_each(scored, branch, protocol)) for branch, protocol in keys},
        sort_detections(matched, len(scored.videos), len(scored.header.classes)) if matched else None,
        scored.header.classes,
    )


def frames_of_each(scored: ScoredSet, branch: str, protocol: str) -> list[JoinedFrames]:
    """Join the frames of each video."""
    return [joined_frames(replace(scored, videos=(one,)), BRANCHES[branch], protocol) for one in scored.videos]


def match(scored: ScoredSet) -> Matched | None:
    """Match predicted events with annotated segments; ``None`` if the method tells no classes."""
    if not scored.header.tells_classes:
        return None
    classes, segments = [one.scores.classes for one in scored.videos], [one.segments for one in scored.videos]
    return match_detections(classes, segments, scored.header.classes, scored.header.stride)


def measure(prepared: Prepared, multiplicities: Multiplicities) -> dict[Key, Floats]:
    """Measure every resample.

    Args:
        prepared: Of V videos.
        multiplicities: How often each resample holds each video, [B, V] int32.

    Returns:
        Each figure's values in 0..1, [B]; NaN where a resample leaves it undefined, and of a class without any
        annotated segment.
    """
    found: dict[Key, Floats] = {}
    for key, frames in prepared.frames.items():
        found[*key, "ap"], found[*key, "auc"] = ap_and_auc(frames, multiplicities).T
    if prepared.detections is None:
        return found
    result = resampled_ap(prepared.detections, multiplicities)
    means = {("map", "released"): released_map(result), ("map", "abnormal"): abnormal_map(result)}
    per_class = np.where(result.ground_truth > 0, result.ap, np.nan)
    of_class = {("per_class", code): per_class[..., column] for column, code in enumerate(prepared.classes)}
    for key, values in (means | of_class).items():
        for column, threshold in enumerate(IOU_THRESHOLDS):
            found[*key, str(threshold)] = values[:, column]
        found[*key, "avg"] = values.mean(axis=1)
    return found
