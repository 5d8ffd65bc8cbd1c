"""Instance-level mean average precision over temporal IoU thresholds (AVadCLIP, Table 2).

The definition is that of VadCLIP's released evaluation (arXiv 2308.11681), which works on probabilities repeated
to frames. Every snippet stands for ``stride`` equal frames, so events are predicted on snippets and only their bounds
are multiplied; nothing of a video's length in frames is ever built.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluate.paper_tables import IOU_THRESHOLDS
from extract.catalog import Segment

# Share of the range of a class's probability that its detections reach down from the maximum.
DEPTH = 0.6
CONFIDENCE_WEIGHT = 0.7
# A video's confidence averages its best sixteenth, whatever the stride.
CONFIDENCE_PART = 16
FEWEST_FRAMES = 2

Ints = NDArray[np.int64]


class DetectionAP(NamedTuple):
    """Average precision of every class at every IoU threshold, of one test set or of B resamples of it.

    Attributes:
        ap: [K, C] or [B, K, C] float64 in 0..1; 0 for a class without a true positive or without ground truth, NaN for
            one whose ground truth a resample lacks.
        predictions: [C] or [B, C] number of predictions.
        ground_truth: [C] number of annotated segments of the test set.
    """

    ap: NDArray[np.float64]
    predictions: Ints
    ground_truth: Ints


class Matched(NamedTuple):
    """Predictions beside the annotated segments, best first within each class.

    Attributes:
        column: [n] class of each prediction; predictions of one class follow each other.
        video: [n] its video.
        scores: [n] float32, its confidence.
        found: For each of K thresholds, the predictions that are true positives, rising.
        true_column: [m] class of each annotated segment.
        true_video: [m] its video.
    """

    column: Ints
    video: Ints
    scores: NDArray[np.float32]
    found: list[Ints]
    true_column: Ints
    true_video: Ints


class _Events(NamedTuple):
    """Predicted or annotated events of all videos: class column, video, first frame, frame after the last; [n] each."""

    column: Ints
    video: Ints
    start: Ints
    end: Ints


def match_detections(
    classes: Sequence[NDArray[np.float32]],
    segments: Sequence[Iterable[Segment]],
    codes: Sequence[str],
    stride: int,
    thresholds: Sequence[float] = IOU_THRESHOLDS,
) -> Matched:
    """Predict events from class probabilities and match them with annotated segments, class by class.

    Predictions are taken by falling score; each takes the best annotated segment of its class and video
    that is still free and overlaps by at least the threshold.

    Args:
        classes: Class probabilities of every video, [T, C] float32, softmax of the alignment branch.
            Kept in float32, because the order of nearly equal predictions depends on the rounding.
        segments: Annotated events of every video, in frames; not cut at the video's end. A label that
            is none of ``codes`` counts for nothing.
        codes: Label code of each of the C columns.
        stride: Frames a snippet.
        thresholds: The K temporal IoU thresholds.
    """
    predicted, scores = _predict(classes, stride)
    annotated = _annotated(segments, codes)
    # Best first within each class; ties keep the order of the videos, then time.
    order = np.lexsort((-scores, predicted.column))
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    prediction, truth, iou = _overlaps(predicted, annotated, videos=len(classes))
    # Each prediction's annotated segments follow each other, best first.
    priority = np.lexsort((truth, -iou, position[prediction]))
    prediction, truth, iou = prediction[priority], truth[priority], iou[priority]
    found = [
        np.sort(position[_match(prediction[enough], truth[enough])])
        for enough in (iou >= threshold for threshold in thresholds)
    ]
    column, video = predicted.column[order], predicted.video[order]
    return Matched(column, video, scores[order], found, annotated.column, annotated.video)


def detection_ap(
    classes: Sequence[NDArray[np.float32]],
    segments: Sequence[Iterable[Segment]],
    codes: Sequence[str],
    stride: int,
    thresholds: Sequence[float] = IOU_THRESHOLDS,
) -> DetectionAP:
    """Predict events, match them and give each class's average precision; see ``match_detections``."""
    return matched_ap(match_detections(classes, segments, codes, stride, thresholds), len(codes))


def matched_ap(matched: Matched, classes: int) -> DetectionAP:
    """Give the average precision of each of C classes.

    With P(i) the precision at the i-th of m true positives and n annotated segments, AP = sum_i P(i) / n.

    Returns:
        AP [K, C] and the numbers of predictions and of annotated segments.
    """
    counts = np.bincount(matched.column, minlength=classes)
    totals = np.bincount(matched.true_column, minlength=classes)
    first = np.cumsum(counts) - counts
    ap = np.zeros((len(matched.found), classes))
    for row, found in enumerate(matched.found):
        column = matched.column[found]
        rank = found - first[column] + 1
        hits = np.arange(len(found)) - np.searchsorted(column, column) + 1
        ap[row] = np.bincount(column, weights=hits / rank, minlength=classes) / np.maximum(totals, 1)
    return DetectionAP(ap, counts, totals)


def released_map(result: DetectionAP) -> NDArray[np.float64]:
    """Mean over all classes, the normal one too, as the published numbers have it.

    Returns:
        [K] or [B, K] in 0..1. All 0 if any class has no prediction at all, because the released code then gives up.
    """
    silent = (result.predictions == 0).any(axis=-1)
    mean: NDArray[np.float64] = np.where(silent[..., None], 0.0, result.ap.mean(axis=-1))
    return mean


def abnormal_map(result: DetectionAP) -> NDArray[np.float64]:
    """Mean over the abnormal classes (every column but the first) that have ground truth.

    Returns:
        [K] or [B, K] in 0..1, NaN if no abnormal class has ground truth.
    """
    counted = result.ground_truth > 0
    counted[0] = False
    if not counted.any():
        return np.full(result.ap.shape[:-1], np.nan)
    mean: NDArray[np.float64] = result.ap[..., counted].mean(axis=-1)
    return mean


def _predict(classes: Sequence[NDArray[np.float32]], stride: int) -> tuple[_Events, NDArray[np.float32]]:
    """Find every class's events, in the order class, video, time, and their float32 scores."""
    snippets = np.array([len(video) for video in classes], dtype=np.int64)  # [V]
    offset = np.cumsum(snippets) - snippets
    confidence = np.stack([_confidence(video, stride) for video in classes])  # [V, C]
    above = np.concatenate([_above(video) & (row > 0) for video, row in zip(classes, confidence, strict=True)]).T
    probabilities = np.concatenate(classes).T  # [C, all snippets]

    begins, ends = above.copy(), above.copy()
    begins[:, 1:] &= ~above[:, :-1]
    begins[:, offset] = above[:, offset]
    ends[:, :-1] &= ~above[:, 1:]
    ends[:, offset[1:] - 1] = above[:, offset[1:] - 1]
    column, begin = np.nonzero(begins)
    end = np.nonzero(ends)[1] + 1
    peak = _maxima(probabilities, column, begin, end)

    video = np.repeat(np.arange(len(classes)), snippets)[begin]
    events = _Events(column, video, (begin - offset[video]) * stride, (end - offset[video]) * stride)
    scores = peak + CONFIDENCE_WEIGHT * confidence[video, column]
    kept = events.end - events.start >= FEWEST_FRAMES
    return _Events(*(values[kept] for values in events)), scores[kept]


def _confidence(probabilities: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Mean of the top floor(frames / 16) frame values of each class: [T, C] -> [C], 0 if there are none."""
    kept = len(probabilities) * stride // CONFIDENCE_PART
    if kept == 0:
        return np.zeros(probabilities.shape[1], dtype=np.float32)
    best = np.sort(probabilities, axis=0)[::-1][: -(-kept // stride)]
    # Repeated to frames, so that float32 rounds the sum as the released code does.
    mean: NDArray[np.float32] = np.repeat(best, stride, axis=0)[:kept].mean(axis=0)
    return mean


def _above(probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each snippet lies strictly above its class's threshold: [T, C] -> [T, C]."""
    highest, lowest = probabilities.max(axis=0), probabilities.min(axis=0)
    threshold = highest - (highest - lowest).astype(np.float64) * DEPTH
    above: NDArray[np.bool_] = probabilities > threshold
    return above


def _maxima(probabilities: NDArray[np.float32], column: Ints, begin: Ints, end: Ints) -> NDArray[np.float32]:
    """Maximum of ``probabilities[column, begin:end]`` for each of n runs that come in order: [C, S] -> [n]."""
    # One element more, so that a run may end where the array does.
    values = np.append(probabilities.ravel(), np.float32(0))
    row = column * probabilities.shape[1]
    bounds = np.column_stack((row + begin, row + end)).ravel()
    maxima: NDArray[np.float32] = np.maximum.reduceat(values, bounds)[::2]
    return maxima


def _annotated(segments: Sequence[Iterable[Segment]], codes: Sequence[str]) -> _Events:
    columns = {code: column for column, code in enumerate(codes)}
    rows = [
        (columns[segment.label], video, segment.start, segment.end)
        for video, events in enumerate(segments)
        for segment in events
        if segment.label in columns
    ]
    return _Events(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def _overlaps(predicted: _Events, annotated: _Events, videos: int) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Pair predictions with annotated segments of one class and video that share frames.

    Returns:
        Index into ``predicted``, index into ``annotated`` and IoU in whole frames, [pairs] each.
    """
    # One time axis for all classes and videos, on which the predictions are sorted and never overlap.
    span = max(predicted.end.max(initial=0), annotated.end.max(initial=0))
    shift = (predicted.column * videos + predicted.video) * span
    annotated_shift = (annotated.column * videos + annotated.video) * span
    low = np.searchsorted(shift + predicted.end, annotated_shift + annotated.start, side="right")
    high = np.searchsorted(shift + predicted.start, annotated_shift + annotated.end, side="left")
    pairs = np.maximum(high - low, 0)
    truth = np.repeat(np.arange(len(pairs)), pairs)
    prediction = np.arange(pairs.sum()) - np.repeat(np.cumsum(pairs) - pairs, pairs) + low[truth]

    shared = np.minimum(predicted.end[prediction], annotated.end[truth]) - np.maximum(
        predicted.start[prediction], annotated.start[truth]
    )
    predicted_length = (predicted.end - predicted.start)[prediction]
    annotated_length = (annotated.end - annotated.start)[truth]
    return prediction, truth, shared / (predicted_length + annotated_length - shared)


def _match(prediction: Ints, truth: Ints) -> list[int]:
    """Give the predictions that find a free annotated segment, taking the pairs in order."""
    found: dict[int, int] = {}
    taken: set[int] = set()
    for one, other in zip(prediction.tolist(), truth.tolist(), strict=True):
        if one not in found and other not in taken:
            found[one] = other
            taken.add(other)
    return list(found)
