"""Instance-level AP of many resamples at once, by how often each holds each video.

Predictions in different videos never compete for an annotation, so the matching is that of the test set, done once.
The copies of a video in a resample enter together, as equal scores do in AP over frames: so a set of which every video
is there twice has the value of the plain one. (A program that ranks the copies one after another finds slightly less.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from evaluate.detection_map import DetectionAP, Ints, Matched
from evaluate.statistics.resampling import Multiplicities

ROWS = 64  # resamples that are worked on at once
Floats = NDArray[np.float64]


class _Threshold(NamedTuple):
    """The true positives at one IoU threshold: their videos, their rows among all true positives, and their classes."""

    videos: Ints
    rows: Ints
    first: Ints
    of_class: csr_array


class SortedDetections(NamedTuple):
    """Predictions and annotated segments of V videos, as ``Matched`` has them, ready for any weights.

    Attributes:
        upto: [u, V] sparse, the predictions of each video from one true positive (at any threshold) of a class to the
            next, the latter included.
        first: [u], the row of the first true positive of the same class.
        thresholds: What is found at each of the K thresholds.
        predictions: [C, V] sparse, the predictions.
        annotations: [C, V] sparse, the annotated segments.
    """

    upto: csr_array
    first: Ints
    thresholds: list[_Threshold]
    predictions: csr_array
    annotations: csr_array


def sort_detections(matched: Matched, videos: int, classes: int) -> SortedDetections:
    """Prepare the matched predictions of V videos and C classes."""
    used = np.unique(np.concatenate([np.empty(0, np.int64), *matched.found]))
    column = matched.column[used]
    row = np.searchsorted(used, np.arange(len(matched.column)))
    # Predictions below a class's last true positive change nothing.
    kept = row < len(used)
    kept[kept] = column[row[kept]] == matched.column[kept]

    def counted(rows: Ints, of: Ints, shape: int) -> csr_array:
        return csr_array((np.ones(len(rows)), (rows, of)), shape=(shape, videos))

    return SortedDetections(
        counted(row[kept], matched.video[kept], len(used)),
        np.searchsorted(column, column),
        [_threshold(matched, found, used, classes) for found in matched.found],
        counted(matched.column, matched.video, classes),
        counted(matched.true_column, matched.true_video, classes),
    )


def _threshold(matched: Matched, found: Ints, used: Ints, classes: int) -> _Threshold:
    column = matched.column[found]
    of_class = csr_array((np.ones(len(found)), (column, np.arange(len(found)))), shape=(classes, len(found)))
    return _Threshold(matched.video[found], np.searchsorted(used, found), np.searchsorted(column, column), of_class)


def resampled_ap(detections: SortedDetections, multiplicities: Multiplicities) -> DetectionAP:
    """Measure every resample.

    Args:
        detections: Of V videos.
        multiplicities: How often each resample holds each video, [B, V] int32.

    Returns:
        AP [B, K, C], NaN for a class of whose annotated segments a resample holds none; predictions [B, C]; annotated
        segments of the whole set [C].
    """
    blocks = [multiplicities[at : at + ROWS] for at in range(0, len(multiplicities), ROWS)]
    weights = [np.ascontiguousarray(block.T, dtype=np.float64) for block in blocks]  # [V, b]
    ap = np.concatenate([_measure(detections, block) for block in weights])
    predictions = np.concatenate([(detections.predictions @ block).T for block in weights])
    ground_truth = np.asarray(detections.annotations.sum(axis=1)).astype(np.int64)
    return DetectionAP(ap, predictions, ground_truth)


def _measure(detections: SortedDetections, weights: Floats) -> Floats:
    rank = _running(detections.upto @ weights, detections.first)
    annotated = detections.annotations @ weights  # [C, b]
    whole = np.asarray(detections.annotations.sum(axis=1))[:, None]
    # A class that the whole set lacks counts 0, as in the set; one that the resample lacks is undefined.
    divisor = np.where(annotated > 0, annotated, np.where(whole > 0, np.nan, 1.0))
    ap = []
    for at in detections.thresholds:
        of_video = weights[at.videos]
        hits = _running(of_video, at.first)
        # True positives that weigh nothing, and nothing before them, would be 0 / 0.
        ap.append(at.of_class @ (of_video * hits / np.maximum(rank[at.rows], 1)) / divisor)
    return np.stack(ap).transpose(2, 0, 1)


def _running(values: Floats, first: Ints) -> Floats:
    """Give the sums down the rows within each class: [n, b], of which row ``first`` begins the class."""
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums[1:] - sums[first]
