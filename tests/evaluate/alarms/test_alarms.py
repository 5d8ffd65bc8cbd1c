import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.alarms.__main__ import main
from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from tests.evaluate.annotated_files import write_annotated

Measure = Callable[..., dict[str, Any]]


def scored(anomaly: list[float], alignment: list[float], fps: float = float("nan")) -> ScoredVideo:
    rows, other = np.array(anomaly, np.float32), np.array(alignment, np.float32)
    return ScoredVideo(rows, other, np.stack([1 - other, other], axis=1), len(rows) * 4, fps)


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """Two videos of four frames a snippet: a fight from frame 4 to 8 with its frame rate, a quiet one of two hours."""
    catalog = [
        Video("fight", "test", "", ("B1",), (Segment("B1", 4, 8),), fps=4.0),
        Video("quiet", "test", "", ("A",)),
    ]
    write_catalog(tmp_path / "catalog.jsonl", catalog)
    quiet = [0.0] * 7200
    quiet[5] = quiet[9] = 0.6
    videos = {"fight": scored([0.1, 0.7], [0.1, 0.2]), "quiet": scored(quiet, [0.3] * 7200, 4.0)}
    write_scores(tmp_path / "scores.h5", ScoresHeader(4, ("A", "B1")), videos.items())

    def run(*words: str | Path) -> dict[str, Any]:
        given = ["--scores", tmp_path / "scores.h5", "--catalog", tmp_path / "catalog.jsonl", *words]
        main([*map(str, given), "--out", str(tmp_path / "alarms.json")])
        found: dict[str, Any] = json.loads((tmp_path / "alarms.json").read_text())
        return found

    return run


def test_frame_rates_come_from_the_catalog_or_the_scores(measure: Measure) -> None:
    found = measure("--branch", "classification")
    assert found["videos"] == {"normal": 1, "abnormal": 1, "missing": 0, "unknown_fps": 0}
    assert found["alarms"]["hours_of_normal_videos"] == 2
    at = found["alarms"]["merged"]["0"]["at"]
    assert [point["budget"] for point in at] == [0.1, 1, 10]
    # Two alarms in two hours; they are two seconds apart, so those two seconds merge them no more than none.
    assert [point["alarms_per_hour"] for point in at] == [0, 1, 1]
    assert at[2]["alarmed"] == pytest.approx(100 * 2 / 7200)
    assert [(point["found"], point["delay"]) for point in at] == [(100, 1)] * 3
    assert found["alarms"]["merged"]["2"]["at_threshold"]["alarms_per_hour"] == 1
    assert found["false_alarm_rate"]["normal_videos"] == pytest.approx(100 * 2 / 7200)
    assert found["events"]["released"]["0.5"] == {"precision": pytest.approx(100 / 3), "recall": 100, "f1": 50}


def test_the_surer_branch_counts_unless_another_is_asked_for(measure: Measure) -> None:
    assert measure()["false_alarm_rate"]["recall"] == 100
    assert measure("--branch", "alignment")["false_alarm_rate"]["recall"] == 0


def test_an_unknown_frame_rate_leaves_alarms_an_hour_out_and_is_said(
    tmp_path: Path, measure: Measure, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, catalog = write_annotated(tmp_path)
    found = measure("--scores", scores, "--catalog", catalog)
    assert found["alarms"]["merged"]["0"]["at"] is None
    assert found["alarms"]["merged"]["0"]["at_threshold"]["alarms_per_hour"] is None
    assert "the frame rate of 3 of 3 videos is unknown" in capsys.readouterr().err
    assert measure("--scores", scores, "--catalog", catalog, "--fps", "25")["alarms"]["merged"]["0"]["at"] is not None


def test_other_annotators_are_averaged(tmp_path: Path, measure: Measure) -> None:
    other = [Video("fight", "test", "", ("B1",), (Segment("B1", 0, 4),)), Video("quiet", "test", "", ("A",))]
    write_catalog(tmp_path / "other.jsonl", other)
    first = measure("--branch", "classification")["frame_level"]["all_videos"]["auc"]
    second = measure("--branch", "classification", "--catalog", tmp_path / "other.jsonl")
    found = measure("--branch", "classification", "--rounds", tmp_path / "other.jsonl")["mean_over_rounds"]
    assert found["rounds"] == 2
    assert found["auc"] == pytest.approx((first + second["frame_level"]["all_videos"]["auc"]) / 2)


def test_a_rate_at_a_fixed_threshold_needs_probabilities(
    tmp_path: Path, measure: Measure, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scores(
        tmp_path / "scores.h5", ScoresHeader(4, ("A", "B1")), {"fight": scored([3.0, 4.0], [0.1, 0.2])}.items()
    )
    assert set(measure()["false_alarm_rate"].values()) == {0.5, None}
    assert "are no probabilities" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"), [(["--fps", "0"], "--fps: 0.0"), (["--threshold", "nan"], "--threshold")]
)
def test_numbers_that_make_no_sense_are_refused(measure: Measure, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure(*words)
