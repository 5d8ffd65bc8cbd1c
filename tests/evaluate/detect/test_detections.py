import numpy as np
import pytest

from evaluate.detect.detections import Detection, detect_classes, detect_events
from evaluate.detection_map import _predict


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def test_a_detection_reaches_down_from_the_maximum_by_less_than_six_tenths_of_the_range() -> None:
    # The bound is 0.9 - 0.6 * 0.8 = 0.42.
    classes = column(0.1, 0.41, 0.43, 0.9, 0.45, 0.4, 0.1)
    assert detect_classes(classes, [0], 0.5) == [Detection(0, 2, 5, pytest.approx(0.9))]


def test_detections_are_those_of_table_2_where_they_are_sure_enough() -> None:
    random = np.random.default_rng(0)
    walks = np.cumsum(random.standard_normal((200, 3)), axis=0)
    classes = ((walks - walks.min(0)) / (walks.max(0) - walks.min(0))).astype(np.float32)
    events, _ = _predict([classes], stride=1)
    bounds = zip(events.column.tolist(), events.start.tolist(), events.end.tolist(), strict=True)
    expected = {(row, start, end) for row, start, end in bounds if classes[start:end, row].max() >= 0.5}
    ours = detect_classes(classes, [0, 1, 2], 0.5)
    assert {(one.column, one.first, one.after) for one in ours if one.after - one.first >= 2} == expected
    assert len(expected) > 3


def test_a_class_that_is_certain_all_the_time_is_one_detection() -> None:
    assert detect_classes(column(0.9, 0.97, 0.9, 0.96, 0.91), [0], 0.5) == [Detection(0, 0, 5, pytest.approx(0.97))]
    assert detect_classes(column(0.9, 0.9), [0], 0.5) == [Detection(0, 0, 2, pytest.approx(0.9))]


def test_a_video_of_one_snippet_can_be_a_detection() -> None:
    assert detect_classes(column(0.7), [0], 0.5) == [Detection(0, 0, 1, pytest.approx(0.7))]


def test_a_class_that_never_reaches_the_threshold_is_not_reported() -> None:
    classes = column(0.0, 0.4, 0.0)
    assert detect_classes(classes, [0], 0.5) == []
    assert detect_classes(classes, [0], 0.4) == [Detection(0, 1, 2, pytest.approx(0.4))]


def test_only_the_named_columns_are_looked_at_and_detections_come_by_time() -> None:
    classes = np.array([[1, 0, 0.6], [1, 0.8, 0.6], [1, 0.8, 0], [1, 0, 0]], np.float32)
    found = detect_classes(classes, [1, 2], 0.5)
    assert [(one.column, one.first, one.after) for one in found] == [(2, 0, 2), (1, 1, 3)]


def events(anomaly: list[float], classes: list[list[float]]) -> list[tuple[int | None, int, int, float]]:
    found = detect_events(np.array(anomaly, np.float32), np.array(classes, np.float32), [1, 2], 0.5, 0.5)
    return [(one.column, one.first, one.after, pytest.approx(one.confidence)) for one in found]


def test_an_anomaly_that_no_class_explains_is_a_detection_without_one() -> None:
    shared = [0.01, 0.495, 0.495]
    assert events([0.99] * 3, [shared] * 3) == [(None, 0, 3, 0.99)]


def test_a_clear_class_names_its_part_of_what_happens_and_the_rest_stays_unnamed() -> None:
    sure, shared, normal = [0.1, 0.8, 0.1], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]
    found = events([0.1, 0.6, 0.9, 0.9, 0.7, 0.1], [normal, shared, sure, sure, [0.7, 0.2, 0.1], normal])
    # The class's probability reaches down from 0.8 to 0.35: the first and the fifth snippet of what happens are below.
    assert found == [(None, 1, 2, 0.6), (1, 2, 4, 0.8), (None, 4, 5, 0.7)]


def test_where_no_anomaly_is_no_class_is_reported() -> None:
    assert events([0.4, 0.4], [[0.2, 0.8, 0.0]] * 2) == []


def test_every_snippet_from_the_threshold_on_is_in_a_detection_and_no_other() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        anomaly = random.random(30).astype(np.float32)
        classes = random.dirichlet([0.3] * 4, 30).astype(np.float32)
        covered = np.zeros(30, bool)
        for one in detect_events(anomaly, classes, [1, 2, 3], 0.6, 0.5):
            covered[one.first : one.after] = True
        np.testing.assert_array_equal(covered, anomaly >= np.float32(0.6))
