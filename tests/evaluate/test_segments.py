import numpy as np
import pytest

from evaluate.detection_map import _predict
from evaluate.segments import Detection, detect_segments


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def test_a_segment_reaches_down_from_the_maximum_by_less_than_six_tenths_of_the_range() -> None:
    # The bound is 0.9 - 0.6 * 0.8 = 0.42.
    classes = column(0.1, 0.41, 0.43, 0.9, 0.45, 0.4, 0.1)
    assert detect_segments(classes, [0], 0.5) == [Detection(0, 2, 5, pytest.approx(0.9))]


def test_segments_are_those_of_table_2_where_they_are_sure_enough() -> None:
    random = np.random.default_rng(0)
    curves = np.cumsum(random.standard_normal((200, 3)), axis=0)
    classes = ((curves - curves.min(0)) / (curves.max(0) - curves.min(0))).astype(np.float32)
    events, _ = _predict([classes], stride=1)
    bounds = zip(events.column.tolist(), events.start.tolist(), events.end.tolist(), strict=True)
    expected = {(row, start, end) for row, start, end in bounds if classes[start:end, row].max() >= 0.5}
    ours = detect_segments(classes, [0, 1, 2], 0.5)
    assert {(one.column, one.first, one.after) for one in ours if one.after - one.first >= 2} == expected
    assert len(expected) > 3


def test_a_class_that_is_certain_all_the_time_is_one_segment() -> None:
    assert detect_segments(column(0.9, 0.97, 0.9, 0.96, 0.91), [0], 0.5) == [Detection(0, 0, 5, pytest.approx(0.97))]
    assert detect_segments(column(0.9, 0.9), [0], 0.5) == [Detection(0, 0, 2, pytest.approx(0.9))]


def test_a_video_of_one_snippet_can_be_a_segment() -> None:
    assert detect_segments(column(0.7), [0], 0.5) == [Detection(0, 0, 1, pytest.approx(0.7))]


def test_a_class_that_never_reaches_the_threshold_is_not_reported() -> None:
    classes = column(0.0, 0.4, 0.0)
    assert detect_segments(classes, [0], 0.5) == []
    assert detect_segments(classes, [0], 0.4) == [Detection(0, 1, 2, pytest.approx(0.4))]


def test_only_the_named_columns_are_looked_at_and_segments_come_by_time() -> None:
    classes = np.array([[1, 0, 0.6], [1, 0.8, 0.6], [1, 0.8, 0], [1, 0, 0]], np.float32)
    found = detect_segments(classes, [1, 2], 0.5)
    assert [(one.column, one.first, one.after) for one in found] == [(2, 0, 2), (1, 1, 3)]
