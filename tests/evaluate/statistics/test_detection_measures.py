import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluate.detection_map import detection_ap, match_detections
from evaluate.statistics.detection_measures import resampled_ap, sort_detections
from extract.catalog import Segment

CODES, STRIDE = ("A", "B1", "B2"), 16
Classes = list[NDArray[np.float32]]


def some_set(seed: int, videos: int = 6) -> tuple[Classes, list[list[Segment]]]:
    random = np.random.default_rng(seed)
    classes = [random.dirichlet(np.ones(3), int(random.integers(4, 12))).astype(np.float32) for _ in range(videos)]
    segments = []
    for probabilities in classes:
        bounds = np.sort(random.choice(len(probabilities) * STRIDE, 4, replace=False)).tolist()
        labels = random.choice(CODES, 2).tolist()
        segments.append([Segment(labels[0], bounds[0], bounds[1]), Segment(labels[1], bounds[2], bounds[3])])
    return classes, segments


def plain_ap(classes: Classes, segments: list[list[Segment]], times: list[int], column: int, row: int) -> float:
    """Match each video by itself, then walk down its and the others' detections, all copies of one at a time."""
    detections, annotated = [], 0
    for probabilities, events, copies in zip(classes, segments, times, strict=True):
        alone = match_detections([probabilities], [events], CODES, STRIDE)
        hits = set(alone.found[row].tolist())
        detections += [
            (float(alone.scores[i]), i in hits, copies) for i in range(len(alone.column)) if alone.column[i] == column
        ]
        annotated += copies * sum(event.label == CODES[column] for event in events)
    if not annotated:
        return np.nan
    total = found = area = 0.0
    for _, hit, copies in sorted(detections, key=lambda one: -one[0]):
        total += copies
        found += copies * hit
        area += copies * hit * found / total if total else 0
    return area / annotated


@given(st.integers(0, 200), st.lists(st.integers(0, 3), min_size=6, max_size=6))
@settings(max_examples=30)
def test_a_resample_has_the_ap_of_its_videos_detections_worked_out_one_by_one(seed: int, times: list[int]) -> None:
    classes, segments = some_set(seed)
    matched = match_detections(classes, segments, CODES, STRIDE)
    found = resampled_ap(sort_detections(matched, 6, 3), np.array([times], np.int32)).ap[0]
    for row, column in np.ndindex(found.shape):
        if any(event.label == CODES[column] for events in segments for event in events):
            expected = plain_ap(classes, segments, times, column, row)
            assert found[row, column] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(st.integers(0, 200), st.integers(1, 4))
@settings(max_examples=20)
def test_the_whole_set_and_equal_copies_of_it_have_its_plain_value(seed: int, copies: int) -> None:
    classes, segments = some_set(seed)
    plain = detection_ap(classes, segments, CODES, STRIDE)
    prepared = sort_detections(match_detections(classes, segments, CODES, STRIDE), 6, 3)
    found = resampled_ap(prepared, np.full((1, 6), copies, np.int32))
    np.testing.assert_allclose(found.ap[0], plain.ap, atol=1e-12)
    np.testing.assert_array_equal(found.predictions[0], copies * plain.predictions)
    np.testing.assert_array_equal(found.ground_truth, plain.ground_truth)


def test_a_class_that_a_resample_lacks_is_undefined_and_one_that_the_set_lacks_counts_nothing() -> None:
    classes = some_set(0, 2)[0]
    segments = [[Segment("B1", 0, 32)], [Segment("A", 0, 32)]]
    prepared = sort_detections(match_detections(classes, segments, CODES, STRIDE), 2, 3)
    found = resampled_ap(prepared, np.array([[0, 2]], np.int32)).ap[0]
    assert np.isnan(found[:, 1]).all()
    assert (found[:, 2] == 0).all()


def test_a_set_without_any_detection_has_ap_zero() -> None:
    classes = [np.full((3, 3), 1 / 3, np.float32)]
    prepared = sort_detections(match_detections(classes, [[Segment("B1", 0, 16)]], CODES, STRIDE), 1, 3)
    assert (resampled_ap(prepared, np.ones((2, 1), np.int32)).ap[:, :, 1] == 0).all()
