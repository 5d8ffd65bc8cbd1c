import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluate.frame_level import frame_metrics
from extract.catalog import Segment
from tests.evaluate.golden_sets import GOLDEN, golden_set, needs_annotations
from train.frame_ap import average_precision, frame_labels, join_frames, roc_auc


@needs_annotations
@pytest.mark.parametrize("name", ["xd", "cctv", "ucf"])
def test_ap_and_auc_agree_with_the_released_implementation(name: str) -> None:
    codes, stride, classes, segments = golden_set(name)
    scores = [1 - video[:, 0] for video in classes]
    found = frame_metrics(join_frames(scores, segments, normal=codes[0], stride=stride))
    assert found.ap == pytest.approx(GOLDEN[name]["frame_ap"], abs=1e-9)
    assert found.auc == pytest.approx(GOLDEN[name]["frame_auc"], abs=1e-9)
    labels, _, counts = join_frames(scores, segments, normal=codes[0], stride=stride)
    assert (counts.sum(), counts[labels].sum()) == (GOLDEN[name]["frames"], GOLDEN[name]["anomalous_frames"])


def test_a_frame_is_abnormal_inside_any_abnormal_segment_and_segments_are_cut_at_the_end() -> None:
    segments = [Segment("B1", 1, 3), Segment("G", 2, 4), Segment("A", 5, 7), Segment("B1", 8, 99)]
    assert frame_labels(segments, "A", 10).astype(int).tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 1, 1]


def test_exact_leaves_out_the_frames_that_do_not_exist() -> None:
    scores = [np.array([0.1, 0.9], np.float32)]
    segments = [[Segment("B1", 4, 6)]]
    labels, values, counts = join_frames(scores, segments, normal="A", stride=4, frames=[6])
    assert labels.tolist() == [False, True]
    assert values.tolist() == pytest.approx([0.1, 0.9])
    assert counts.tolist() == [4, 2]
    assert frame_metrics(join_frames(scores, segments, normal="A", stride=4)).ap == pytest.approx(0.5)
    assert frame_metrics(join_frames(scores, segments, normal="A", stride=4, frames=[6])).ap == 1


def test_metrics_that_the_ground_truth_leaves_undefined_are_nan() -> None:
    scores = np.array([0.1, 0.2])
    normal, abnormal = np.array([False, False]), np.array([True, True])
    assert math.isnan(average_precision(normal, scores))
    assert math.isnan(roc_auc(normal, scores))
    assert average_precision(abnormal, scores) == 1
    assert math.isnan(roc_auc(abnormal, scores))


def plain_average_precision(labels: list[bool], scores: list[float]) -> float:
    ap, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = [label for label, score in zip(labels, scores, strict=True) if score >= threshold]
        precision, new_recall = sum(chosen) / len(chosen), sum(chosen) / sum(labels)
        ap += (new_recall - recall) * precision
        recall = new_recall
    return ap


frames = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40).filter(
    lambda rows: any(label for label, _ in rows)
)


@given(frames)
def test_average_precision_follows_its_definition_ties_included(rows: list[tuple[bool, int]]) -> None:
    labels, scores = [label for label, _ in rows], [float(score) for _, score in rows]
    found = average_precision(np.array(labels), np.array(scores))
    assert found == pytest.approx(plain_average_precision(labels, scores), abs=1e-12)


@given(frames)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    difference = scores[labels][:, None] - scores[~labels][None]
    if difference.size:
        wins = (difference > 0).mean() + (difference == 0).mean() / 2
        assert roc_auc(labels, scores) == pytest.approx(wins, abs=1e-12)


@given(frames)
def test_average_precision_sees_nothing_but_the_order(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([label for label, _ in rows]), np.array([float(score) for _, score in rows])
    plain = average_precision(labels, scores)
    assert average_precision(labels, np.exp(scores)) == pytest.approx(plain, abs=1e-12)
    assert average_precision(labels, 3 * scores - 7) == pytest.approx(plain, abs=1e-12)


Set = list[tuple[NDArray[np.float32], list[Segment], int]]


@st.composite
def sets(draw: st.DrawFn) -> Set:
    videos: Set = []
    for snippets in draw(st.lists(st.integers(1, 8), min_size=1, max_size=5)):
        scores = draw(st.lists(st.floats(0, 1, width=32), min_size=snippets, max_size=snippets))
        start, length = draw(st.integers(0, 20)), draw(st.integers(1, 20))
        shortened = draw(st.integers(0, 3))
        videos.append((np.array(scores, np.float32), [Segment("B1", start, start + length)], 4 * snippets - shortened))
    return videos


@given(sets(), st.randoms())
def test_metrics_do_not_depend_on_the_order_of_the_videos(videos: Set, random: Random) -> None:
    shuffled = list(videos)
    random.shuffle(shuffled)
    results = []
    for order in (videos, shuffled):
        scores, segments, lengths = map(list, zip(*order, strict=True))
        results.append(frame_metrics(join_frames(scores, segments, normal="A", stride=4, frames=lengths)))
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-12)


@given(sets())
def test_exact_never_has_more_frames_than_released(videos: Set) -> None:
    scores, segments, lengths = map(list, zip(*videos, strict=True))
    released = join_frames(scores, segments, normal="A", stride=4)
    exact = join_frames(scores, segments, normal="A", stride=4, frames=lengths)
    assert exact.counts.sum() == sum(lengths) <= released.counts.sum()


def one_entry_a_frame(videos: Set) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    labels, values = [], []
    for scores, segments, length in videos:
        labels.append(frame_labels(segments, "A", length))
        values.append(np.repeat(scores, 4)[:length])
    return np.concatenate(labels), np.concatenate(values)


@given(sets())
def test_joining_alike_frames_changes_neither_ap_nor_auc(videos: Set) -> None:
    scores, segments, lengths = map(list, zip(*videos, strict=True))
    found = frame_metrics(join_frames(scores, segments, normal="A", stride=4, frames=lengths))
    labels, values = one_entry_a_frame(videos)
    expected = (average_precision(labels, values), roc_auc(labels, values))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_a_video_longer_than_its_snippets_is_not_lengthened() -> None:
    joined = join_frames([np.zeros(2, np.float32)], [[]], normal="A", stride=4, frames=[11])
    assert joined.counts.sum() == 8
