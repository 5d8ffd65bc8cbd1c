import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

import evaluate.statistics.frame_measures as module
from evaluate.statistics.frame_measures import ap_and_auc, sort_frames
from train.frame_ap import JoinedFrames

# Of a video: scores (few values, so that many are equal), whether abnormal, and of how many frames.
Entries = list[tuple[int, bool, int]]
entries = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(1, 3)), min_size=1, max_size=6)
sets = st.lists(entries, min_size=1, max_size=5)


def video(rows: Entries) -> JoinedFrames:
    scores, labels, counts = zip(*rows, strict=True)
    return JoinedFrames(np.array(labels), np.array(scores, np.float32), np.array(counts, np.float64))


def measured(videos: list[Entries], times: list[int]) -> list[float]:
    found: list[float] = ap_and_auc(sort_frames([video(one) for one in videos]), np.array([times], np.int32))[
        0
    ].tolist()
    return found


def by_scikit_learn(videos: list[Entries], times: list[int]) -> list[float]:
    """Spell out every frame of every copy of a video."""
    frames = [
        (score, label)
        for rows, copies in zip(videos, times, strict=True)
        for score, label, count in rows * copies
        for _ in range(count)
    ]
    scores, labels = [score for score, _ in frames], [label for _, label in frames]
    ap = average_precision_score(labels, scores) if any(labels) else np.nan
    return [ap, roc_auc_score(labels, scores) if len(set(labels)) > 1 else np.nan]


@given(sets, st.data())
@settings(max_examples=100)
def test_a_resample_measures_what_scikit_learn_does_on_its_repeated_videos(
    videos: list[Entries], data: st.DataObject
) -> None:
    times = data.draw(st.lists(st.integers(0, 3), min_size=len(videos), max_size=len(videos)))
    assert measured(videos, times) == pytest.approx(by_scikit_learn(videos, times), abs=1e-12, nan_ok=True)


@given(sets, st.data())
def test_copies_of_every_video_and_their_order_change_nothing(videos: list[Entries], data: st.DataObject) -> None:
    plain = measured(videos, [1] * len(videos))
    other = data.draw(st.permutations(videos))
    assert measured(other, [1] * len(videos)) == pytest.approx(plain, abs=1e-12, nan_ok=True)
    assert measured(videos, [3] * len(videos)) == pytest.approx(plain, abs=1e-12, nan_ok=True)
    assert measured(videos + videos, [1] * 2 * len(videos)) == pytest.approx(plain, abs=1e-12, nan_ok=True)


def test_all_resamples_of_three_videos_are_those_worked_out_by_hand() -> None:
    """A: .9 1, .4 0; B: .8 1, .3 0; C: .85 0, .2 0."""
    videos = [[(90, True, 1), (40, False, 1)], [(80, True, 1), (30, False, 1)], [(85, False, 1), (20, False, 1)]]
    frames = sort_frames([video(one) for one in videos])
    draws = np.array([np.bincount(draw, minlength=3) for draw in itertools.product(range(3), repeat=3)], np.int32)
    ap, auc = ap_and_auc(frames, draws).T
    values, times = np.unique(ap.round(4), return_counts=True)
    assert dict(zip(values[:4].tolist(), times[:4].tolist(), strict=True)) == {0.3333: 3, 0.6667: 3, 0.8333: 6, 1: 14}
    assert np.isnan(ap).sum() == np.isnan(auc).sum() == 1
    # AUC as a form in how often each video comes: by pairs of an abnormal video and a normal one.
    pairs = np.array([[1, 1, 2], [1, 1, 1], [0, 0, 0]])
    wins, possible = np.einsum("ba,ac,bc->b", draws, pairs, draws), (draws @ [1, 1, 0]) * (draws @ [1, 1, 2])
    np.testing.assert_allclose(auc[possible > 0], wins[possible > 0] / possible[possible > 0], atol=1e-12)


def test_the_size_of_the_parts_worked_on_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    videos = [
        JoinedFrames(random.random(30) < 0.3, random.integers(0, 40, 30).astype(np.float32), np.full(30, 4.0))
        for _ in range(20)
    ]
    draws = random.integers(0, 3, (50, 20)).astype(np.int32)
    whole = ap_and_auc(sort_frames(videos), draws)
    monkeypatch.setattr(module, "GROUPS", 3)
    monkeypatch.setattr(module, "ROWS", 7)
    np.testing.assert_allclose(ap_and_auc(sort_frames(videos), draws), whole, rtol=1e-12)
