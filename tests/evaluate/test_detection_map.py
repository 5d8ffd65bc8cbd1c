import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluate.detection_map import abnormal_map, detection_ap, released_map
from evaluate.paper_tables import IOU_THRESHOLDS
from extract.catalog import Segment
from tests.evaluate.golden_sets import GOLDEN, golden_set, needs_annotations


@needs_annotations
@pytest.mark.parametrize("name", ["xd", "cctv", "ucf"])
def test_map_agrees_with_the_released_implementation(name: str) -> None:
    codes, stride, classes, segments = golden_set(name)
    found = 100 * released_map(detection_ap(classes, segments, codes, stride))
    np.testing.assert_allclose(found, GOLDEN[name]["map_at_iou_0.1_to_0.5"], rtol=0, atol=1e-9)
    assert found.mean() == pytest.approx(GOLDEN[name]["average_map"], abs=1e-9)


def two_videos() -> tuple[list[NDArray[np.float32]], list[list[Segment]]]:
    fight = [[0.9, 0.9, 0.1, 0.1], [0.2, 0.8, 0.2, 0.95]]
    classes = [np.array([[1 - p, p] for p in video], dtype=np.float32) for video in fight]
    return classes, [[Segment("B1", 0, 32)], [Segment("B1", 16, 64)]]


def test_two_videos_worked_out_by_hand() -> None:
    # By score: [48, 64) of the second video (overlap 1/3), [0, 32) of the first (overlap 1), [16, 32) of the
    # second (overlap 1/3, but at low thresholds its annotation is taken by then).
    classes, segments = two_videos()
    result = detection_ap(classes, segments, ("A", "B1"), stride=16)
    np.testing.assert_allclose(result.ap[:, 1], [1, 1, 1, 0.25, 0.25])
    np.testing.assert_array_equal(result.ap[:, 0], 0)
    assert result.predictions.tolist() == [3, 3]
    assert result.ground_truth.tolist() == [0, 2]
    np.testing.assert_allclose(released_map(result), [0.5, 0.5, 0.5, 0.125, 0.125])
    np.testing.assert_allclose(abnormal_map(result), [1, 1, 1, 0.25, 0.25])


def test_a_false_alarm_ahead_of_the_true_positives_costs_precision() -> None:
    classes, segments = two_videos()
    segments[1] = [Segment("B1", 0, 36)]
    result = detection_ap(classes, segments, ("A", "B1"), stride=16)
    np.testing.assert_allclose(result.ap[:, 1], [*[(1 / 2 + 2 / 3) / 2] * 4, 1 / 4])


def test_of_two_equal_overlaps_the_first_annotated_segment_is_taken() -> None:
    # [48, 80) overlaps both by 8 of 64 frames; if it took the second, nothing would be left for [96, 112).
    first, second = Segment("B1", 16, 56), Segment("B1", 72, 112)
    found = one_class(0, 0, 0, 0.9, 0.9, 0, 0.8, 0)
    assert detection_ap(found, [[first, second]], ("A", "B1"), stride=16).ap[0, 1] == 1
    assert detection_ap(found, [[second, first]], ("A", "B1"), stride=16).ap[0, 1] == 0.5


def one_class(*probabilities: float) -> list[NDArray[np.float32]]:
    return [np.array([[1 - p, p] for p in probabilities], dtype=np.float32)]


def test_under_sixteen_frames_a_video_contributes_no_prediction() -> None:
    assert detection_ap(one_class(0.1, 0.9, 0.1), [[]], ("A", "B1"), stride=5).predictions.tolist() == [0, 0]
    assert detection_ap(one_class(0.1, 0.9, 0.1), [[]], ("A", "B1"), stride=6).predictions.tolist() == [2, 1]


def test_a_run_of_one_frame_is_no_prediction() -> None:
    probabilities = [0.0] * 16
    probabilities[4] = probabilities[8] = probabilities[9] = 1.0
    assert detection_ap(one_class(*probabilities), [[]], ("A", "B1"), stride=1).predictions[1] == 1
    assert detection_ap(one_class(*probabilities), [[]], ("A", "B1"), stride=2).predictions[1] == 2


def test_a_constant_probability_and_one_of_zeros_have_no_prediction() -> None:
    assert detection_ap(one_class(*[0.5] * 4), [[]], ("A", "B1"), stride=16).predictions.tolist() == [0, 0]
    assert detection_ap(one_class(*[0.0] * 4), [[]], ("A", "B1"), stride=16).predictions.tolist() == [0, 0]


def test_runs_at_the_end_of_one_video_and_the_start_of_the_next_stay_apart() -> None:
    videos = one_class(0.0, 1.0) + one_class(1.0, 0.0)
    segments = [[Segment("B1", 16, 32)], [Segment("B1", 0, 16)]]
    result = detection_ap(videos, segments, ("A", "B1"), stride=16)
    assert result.predictions[1] == 2
    np.testing.assert_array_equal(result.ap[:, 1], 1)


def test_a_class_without_any_prediction_makes_the_released_mean_zero_and_leaves_the_abnormal_one() -> None:
    classes, segments = two_videos()
    with_silent_class = [np.column_stack((video, np.zeros(len(video), np.float32))) for video in classes]
    result = detection_ap(with_silent_class, segments, ("A", "B1", "G"), stride=16)
    np.testing.assert_array_equal(released_map(result), 0)
    np.testing.assert_allclose(abnormal_map(result), [1, 1, 1, 0.25, 0.25])


def test_the_normal_class_counts_in_the_released_mean_alone() -> None:
    classes, _ = two_videos()
    silent = detection_ap(classes, [[], []], ("A", "B1"), stride=16)
    normal = detection_ap(classes, [[Segment("A", 32, 64)], []], ("A", "B1"), stride=16)
    assert (released_map(normal) > released_map(silent)).all()
    assert np.isnan(abnormal_map(normal)).all()


def test_labels_that_are_no_class_count_for_nothing() -> None:
    classes, segments = two_videos()
    plain = detection_ap(classes, segments, ("A", "B1"), stride=16)
    more = detection_ap(classes, [[*video, Segment("Z", 0, 16)] for video in segments], ("A", "B1"), stride=16)
    np.testing.assert_array_equal(plain.ap, more.ap)


# Eighths add up exactly in float32, and few values make many ties.
eighths = st.integers(0, 8).map(lambda n: n / 8)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[NDArray[np.float32]], list[list[Segment]], int]:
    stride = draw(st.sampled_from([1, 2, 3, 4, 8, 16]))
    snippets = draw(st.lists(st.integers(1, 24), min_size=1, max_size=4))
    classes = [
        np.array(draw(st.lists(st.lists(eighths, min_size=2, max_size=2), min_size=t, max_size=t)), dtype=np.float32)
        for t in snippets
    ]
    segment = st.builds(
        lambda label, start, length: Segment(label, start, start + length),
        st.sampled_from(["A", "B1"]),
        st.integers(0, 24 * stride),
        st.integers(1, 12 * stride),
    )
    return classes, [draw(st.lists(segment, max_size=4)) for _ in snippets], stride


@settings(max_examples=300)
@given(cases())
def test_map_equals_a_plain_frame_by_frame_version(
    case: tuple[list[NDArray[np.float32]], list[list[Segment]], int],
) -> None:
    classes, segments, stride = case
    result = detection_ap(classes, segments, ("A", "B1"), stride)
    for row, threshold in enumerate(IOU_THRESHOLDS):
        for column, code in enumerate(("A", "B1")):
            predicted = plain_predictions([video[:, column] for video in classes], stride)
            assert result.predictions[column] == len(predicted)
            assert result.ap[row, column] == pytest.approx(plain_ap(predicted, segments, code, threshold), abs=1e-12)


def plain_predictions(classes: list[NDArray[np.float32]], stride: int) -> list[tuple[int, range, np.float32]]:
    predicted = []
    for video, probabilities in enumerate(classes):
        frames = [value for value in probabilities for _ in range(stride)]
        top = sorted(frames, reverse=True)[: len(frames) // 16]
        if not top or not sum(top) > 0:
            continue
        confidence = np.float32(sum(map(float, top)) / len(top))
        threshold = float(max(frames)) - 0.6 * float(max(frames) - min(frames))
        start = None
        for frame in range(len(frames) + 1):
            inside = frame < len(frames) and float(frames[frame]) > threshold
            if inside and start is None:
                start = frame
            elif not inside and start is not None:
                if frame - start >= 2:
                    score = max(frames[start:frame]) + np.float32(0.7) * confidence
                    predicted.append((video, range(start, frame), score))
                start = None
    return sorted(predicted, key=lambda one: -one[2])


def plain_ap(
    predicted: list[tuple[int, range, np.float32]], segments: list[list[Segment]], code: str, threshold: float
) -> float:
    free = [(video, range(s.start, s.end)) for video, events in enumerate(segments) for s in events if s.label == code]
    total, hits, precisions = len(free), 0, 0.0
    for rank, (video, frames, _) in enumerate(predicted, start=1):
        best, best_iou = None, 0.0
        for candidate in free:
            iou = len(set(frames) & set(candidate[1])) / len(set(frames) | set(candidate[1]))
            if candidate[0] == video and iou >= threshold and iou > best_iou:
                best, best_iou = candidate, iou
        if best is not None:
            free.remove(best)
            hits += 1
            precisions += hits / rank
    return precisions / total if hits else 0.0
