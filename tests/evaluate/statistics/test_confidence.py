from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.annotated import ScoredSet, annotate, joined_frames
from evaluate.frame_level import frame_metrics
from evaluate.scores_file import ScoredVideo, ScoresHeader
from evaluate.statistics.confidence import intervals
from evaluate.statistics.figures import match, measure, prepare
from evaluate.statistics.settings import Resampling
from extract.catalog import Segment, Video

SCORES = {"alignment": "anomaly_alignment", "classification": "anomaly"}
HEADER = ScoresHeader(16, ("A", "B1"))


def scored_set(normal: int, abnormal: int, seed: int = 0) -> ScoredSet:
    """Videos of ten snippets; where the event is, scores are higher by half."""
    random = np.random.default_rng(seed)
    videos = []
    for number in range(normal + abnormal):
        anomaly = random.random(10, np.float32) / 2
        events = () if number < normal else (Segment("B1", 32, 96),)
        if events:
            anomaly[2:6] += random.choice([0.1, 0.5])
        classes = np.stack([1 - anomaly, anomaly], axis=1)
        listed = Video(f"v{number}", "test", "", ("B1",) if events else ("A",), events or None)
        videos.append(annotate(listed, ScoredVideo(anomaly, anomaly, classes, 155), HEADER))
    return ScoredSet(Path("scores.h5"), Path("catalog.jsonl"), HEADER, tuple(videos))


def found(scored: ScoredSet, **settings: Any) -> dict[str, Any]:
    return intervals(scored, match(scored), Resampling(**{"resamples": 200} | settings))


def test_every_headline_figure_has_an_interval_around_it() -> None:
    scored = scored_set(8, 8)
    made = found(scored)
    for branch in ("classification", "alignment"):
        for protocol in ("released", "exact"):
            value = frame_metrics(
                joined_frames(scored, {"alignment": "anomaly_alignment"}.get(branch, "anomaly"), protocol)
            )
            for name in ("ap", "auc"):
                low, high = made[branch][protocol][name]
                assert 0 <= low <= 100 * getattr(value, name) <= high <= 100
                assert low < high
    for row in (made["map"]["released"], made["map"]["abnormal"], made["per_class"]["A"], made["per_class"]["B1"]):
        assert list(row) == ["0.1", "0.2", "0.3", "0.4", "0.5", "avg"]
    assert (made["over"], made["level"], made["resamples"], made["seed"]) == ("videos", 95, 200, 0)
    assert (made["normal_videos"], made["abnormal_videos"], made["note"], made["undefined"]) == (8, 8, "", {})


def test_the_values_of_the_set_itself_are_those_of_the_metrics() -> None:
    scored = scored_set(5, 6)
    values = measure(prepare(scored, match(scored)), np.ones((1, 11), np.int32))
    for branch, score in SCORES.items():
        for protocol in ("released", "exact"):
            metrics = frame_metrics(joined_frames(scored, score, protocol))
            assert values[branch, protocol, "ap"][0] == pytest.approx(metrics.ap, abs=1e-12)
            assert values[branch, protocol, "auc"][0] == pytest.approx(metrics.auc, abs=1e-12)


def test_the_same_seed_gives_the_same_intervals_and_another_gives_others() -> None:
    scored = scored_set(6, 6)
    assert found(scored) == found(scored)
    assert found(scored)["alignment"] != found(scored, seed=1)["alignment"]


def test_a_wide_spread_of_videos_gives_a_wide_interval_and_many_videos_a_narrow_one() -> None:
    few, many = (found(scored_set(n, n))["alignment"]["exact"]["ap"] for n in (5, 50))
    assert few[1] - few[0] > many[1] - many[0]


@pytest.mark.parametrize(("normal", "abnormal", "word"), [(0, 1, "one video cannot"), (1, 1, "one normal and one abn")])
def test_too_few_videos_give_no_interval_but_a_clear_word(normal: int, abnormal: int, word: str) -> None:
    made = found(scored_set(normal, abnormal))
    assert made["note"].startswith("no intervals: ")
    assert word in made["note"]
    assert made["alignment"]["exact"] == {"ap": None, "auc": None}
    assert set(made["map"]["released"].values()) == {None}


def test_a_stratum_of_one_video_is_said() -> None:
    made = found(scored_set(1, 6))
    assert made["note"] == "every resample holds the one normal video; the intervals are too narrow"
    assert made["alignment"]["exact"]["ap"]
    assert found(scored_set(1, 6), stratified=False)["note"] == ""


def test_undefined_resamples_are_counted_and_said() -> None:
    # Without strata, (2/3)^3 of the resamples hold no abnormal video, and 1/27 nothing else.
    made = found(scored_set(2, 1), stratified=False, resamples=2000)
    counts = made["undefined"]
    assert counts["alignment.exact.ap"] / 2000 == pytest.approx(8 / 27, abs=0.04)
    assert counts["alignment.exact.auc"] / 2000 == pytest.approx(8 / 27 + 1 / 27, abs=0.04)
    assert "are undefined in over 1% of the resamples" in made["warning"]
    assert made["alignment"]["exact"]["ap"]


def test_what_the_set_itself_leaves_undefined_has_no_interval_and_is_no_warning() -> None:
    made = found(scored_set(4, 0))
    assert made["alignment"]["exact"] == {"ap": None, "auc": None}
    assert made["per_class"]["B1"]["avg"] is None
    assert (made["undefined"], made["warning"]) == ({}, "")


def test_a_method_that_tells_no_classes_has_intervals_of_its_frames_alone() -> None:
    scored = scored_set(4, 4)
    made = found(replace(scored, header=replace(HEADER, tells_classes=False)))
    assert "map" not in made
    assert made["alignment"]["exact"]["ap"]


def test_bca_intervals_are_others_and_hold_the_figure_too() -> None:
    scored = scored_set(6, 6)
    made = found(scored, interval="bca")
    assert (made["interval"], made["how"]) == ("bca", "BCa")
    plain = found(scored, interval="percentile")
    assert made["alignment"]["exact"]["ap"] != plain["alignment"]["exact"]["ap"]
    # By default mAP's are corrected, and those of AP and AUC are not.
    auto = found(scored)
    assert (auto["alignment"], auto["map"]) == (plain["alignment"], made["map"])
    assert made["map"] != plain["map"]
    low, high = made["alignment"]["exact"]["ap"]
    assert low <= 100 * frame_metrics(joined_frames(scored, "anomaly_alignment", "exact")).ap <= high
