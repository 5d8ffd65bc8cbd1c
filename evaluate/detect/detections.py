"""From scores to detections: when something happened, what it was, and how sure the model is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.detection_map import DEPTH


@dataclass(frozen=True)
class Detection:
    """A stretch in which something was found to happen.

    Attributes:
        column: Column of its class; ``None`` where something happens and no class is clear.
        first: First snippet.
        after: First snippet after it.
        confidence: Highest probability of the class within it; of the anomaly where no class is clear.
    """

    column: int | None
    first: int
    after: int
    confidence: float


def detect_events(
    anomaly: NDArray[np.float32],
    classes: NDArray[np.float32],
    columns: Sequence[int],
    threshold: float,
    class_threshold: float,
) -> list[Detection]:
    """Find when something happens by the anomaly, and what it is by the classes.

    Something happens in every run of snippets whose anomaly reaches ``threshold``. Within it a class is clear where
    ``detect_classes`` finds it; what no clear class covers is a detection without one. So every snippet from
    ``threshold`` on is in a detection, and no other.

    Args:
        anomaly: Anomaly scores, [T] in 0..1.
        classes: Class probabilities, [T, C].
        columns: Columns that can be what happened, usually all but the normal class.
        threshold: Least anomaly of a detection, above 0 and at most 1. Lower finds more, and more that is wrong.
        class_threshold: Least probability at which a detection is named by a class, likewise.

    Returns:
        The detections by time, the surer first where two begin together.
    """
    clear = detect_classes(classes, columns, class_threshold)
    found = []
    for begin, end in _runs(anomaly >= threshold):
        unnamed = np.ones(end - begin, np.bool_)
        for one in clear:
            first, after = max(one.first, begin), min(one.after, end)
            if first >= after:
                continue
            confidence = float(classes[first:after, one.column].max())
            if confidence >= class_threshold:
                found.append(Detection(one.column, first, after, confidence))
                unnamed[first - begin : after - begin] = False
        for first, after in _runs(unnamed):
            happens = float(anomaly[begin + first : begin + after].max())
            found.append(Detection(None, begin + first, begin + after, happens))
    return sorted(found, key=lambda one: (one.first, -one.confidence, -1 if one.column is None else one.column))


def detect_classes(classes: NDArray[np.float32], columns: Sequence[int], threshold: float) -> list[Detection]:
    """Find events, class by class.

    The rule is that of Table 2 (``evaluate.detection_map``): a detection is a run of snippets that reach down from the
    class's maximum by at most 0.6 of its range in this video. Two things differ, because Table 2 ranks what it finds
    and a reader does not: detections that never reach ``threshold`` are left out, and a snippet at or above
    ``threshold`` always belongs to one, so that a class that is certain all the time is one detection and not its
    ripples.

    Args:
        classes: Class probabilities, [T, C].
        columns: Columns to look at, usually all but the normal class.
        threshold: Least probability to report, above 0 and at most 1. Lower finds more, and more that is wrong.

    Returns:
        The detections by time, the surer first where two begin together.
    """
    found = []
    for column in columns:
        probability = classes[:, column]
        bound = probability.max() - DEPTH * (probability.max() - probability.min())
        for first, after in _runs((probability > bound) | (probability >= threshold)):
            confidence = float(probability[first:after].max())
            if confidence >= threshold:
                found.append(Detection(column, first, after, confidence))
    return sorted(found, key=lambda one: (one.first, -one.confidence, one.column or 0))


def _runs(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    steps = np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))
