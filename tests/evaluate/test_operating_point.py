import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.alarms.budget import watch
from evaluate.alarms.choosing import choose
from evaluate.operating_point import main, read_point
from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from evaluate.statistics.settings import Resampling
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from tests.evaluate.alarms.made import video

Choose = Callable[..., dict[str, Any]]
# Frames last a second, a snippet a frame: a quiet hour with alarms of 0.6 and two with one of 0.3 and 0.7, two fights.
QUIET = {"q1": [0.6, 0.6], "q2": [0.3], "q3": [0.7]}
FIGHTS = {"f1": 0.9, "f2": 0.65}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    videos, scored = [], {}
    for name, alarms in QUIET.items():
        scores = np.zeros(3600, np.float32)
        scores[10 : 10 + 2 * len(alarms) : 2] = alarms
        videos.append(Video(name, "test", "", ("A",), None, 3600, 1.0))
        scored[name] = scores
    for name, score in FIGHTS.items():
        videos.append(Video(name, "test", "", ("B1",), (Segment("B1", 20, 80),), 100, 1.0))
        scored[name] = np.zeros(100, np.float32)
        scored[name][30] = score
    write_catalog(tmp_path / "catalog.jsonl", videos)
    header = ScoresHeader(1, ("A", "B1"))
    write_scores(
        tmp_path / "scores.h5",
        header,
        {name: ScoredVideo(rows, rows / 2, np.stack([1 - rows, rows], 1)) for name, rows in scored.items()}.items(),
    )
    return tmp_path / "scores.h5", tmp_path / "catalog.jsonl"


@pytest.fixture
def point(tmp_path: Path, files: tuple[Path, Path]) -> Choose:
    def run(budget: float, *words: str) -> dict[str, Any]:
        given = ["--scores", str(files[0]), "--catalog", str(files[1]), "--alarms-per-hour", str(budget), *words]
        main([*given, "--out", str(tmp_path / "point.json")])
        found: dict[str, Any] = json.loads((tmp_path / "point.json").read_text())
        return found

    return run


def test_the_threshold_keeps_the_budget_and_says_what_to_expect(point: Choose) -> None:
    found = point(1)
    # Three hours: three alarms of 0.6 or more, four from 0.3 on.
    assert found["threshold"] == np.nextafter(np.float32(0.3), np.float32(1))
    assert found["expected"]["alarms_per_hour"] == 1
    assert found["expected"]["found"] == 100
    assert found["expected"]["delay"] == 11
    stricter = point(0.5)
    assert stricter["threshold"] == np.nextafter(np.float32(0.6), np.float32(1))
    assert stricter["expected"]["alarms_per_hour"] == pytest.approx(1 / 3)


def test_it_says_from_which_videos_it_was_chosen_and_that_their_labels_were_used(
    point: Choose, capsys: pytest.CaptureFixture[str]
) -> None:
    found = point(1)
    assert found["chosen_on"] == {
        "scores": "scores.h5", "catalog": "catalog.jsonl", "split": "test", "normal_videos": 3, "hours": 3.0,
    }  # fmt: skip
    sentence = "chosen on the labels of 3 normal test videos of catalog.jsonl (3.00 hours); other videos may have more"
    assert sentence in found["remarks"][0]
    assert sentence in capsys.readouterr().err
    assert any("too few to see 0.1 an hour" in remark for remark in point(0.1)["remarks"])


def test_a_seed_decides_the_intervals_and_they_hold_the_value(point: Choose) -> None:
    found = point(0.5, "--seed", "3", "--resamples", "200")
    assert found == point(0.5, "--seed", "3", "--resamples", "200")
    low, high = found["threshold_interval"]
    assert low <= found["threshold"] <= high
    low, high = found["expected"]["alarms_per_hour_interval"]
    assert low <= found["expected"]["alarms_per_hour"] <= high


def test_the_intervals_are_those_of_videos_drawn_and_measured_again_one_by_one() -> None:
    random = np.random.default_rng(0)
    videos = [video(random.integers(0, 9, 50).tolist(), fps=0.1) for _ in range(4)]
    videos += [video(random.integers(0, 9, 50).tolist(), (5, 9), (20, 30), fps=0.1) for _ in range(3)]
    budget, chosen = 2.0, choose(watch(videos), 2.0, Resampling(300, 1))
    assert chosen is not None
    again = []
    for _ in range(300):
        drawn = [videos[i] for i in random.integers(0, 4, 4)] + [videos[i] for i in random.integers(4, 7, 3)]
        one = choose(watch(drawn), budget, Resampling(100, 0))
        assert one is not None
        again.append(one.point.threshold)
    expected = np.quantile(again, [0.025, 0.975], method="inverted_cdf")
    np.testing.assert_allclose(chosen.threshold, expected, atol=1)


def test_every_draw_keeps_the_budget_of_its_own_hours() -> None:
    # Ten hours without an alarm, and one with five: of two of the latter, two alarms are all that two hours allow.
    alarmed = np.zeros(3600)
    alarmed[:10:2] = 0.1, 0.2, 0.3, 0.4, 0.5
    quiet = [video([0.0] * 36000), video(alarmed.tolist())]
    chosen = choose(watch([*quiet, video([0.9] * 9, (2, 5))]), 1.0, Resampling())
    assert chosen is not None
    assert chosen.threshold is not None
    assert chosen.threshold[1] == np.nextafter(np.float32(0.4), np.float32(1))


def test_one_video_of_a_kind_gives_no_interval() -> None:
    chosen = choose(watch([video([0.1, 0.9] * 50), video([0.5] * 40, (5, 9))]), 60.0, Resampling())
    assert chosen is not None
    assert (chosen.threshold, chosen.alarms_per_hour, chosen.found, chosen.delay) == (None, None, None, None)


def test_an_event_that_may_never_be_found_has_an_infinite_end() -> None:
    videos = [video([0.5, 0.1] * 50), video([0.4, 0.1] * 50), video([0.9] * 9, (2, 5)), video([0.1] * 9, (2, 5))]
    chosen = choose(watch(videos), 0.1, Resampling())
    assert chosen is not None
    assert chosen.delay == (1.0, math.inf)


def test_what_no_threshold_can_keep_is_refused(tmp_path: Path, files: tuple[Path, Path], point: Choose) -> None:
    with pytest.raises(InputError, match="--alarms-per-hour: 0.0 must be above 0"):
        point(0)
    with pytest.raises(InputError, match="--fps: -1.0 must be above 0"):
        point(1, "--fps", "-1")
    rows = np.ones(50, np.float32)
    same = ScoredVideo(rows, rows, np.stack([1 - rows, rows], 1))
    write_scores(files[0], ScoresHeader(1, ("A", "B1")), {"q1": same, "f1": same}.items())
    with pytest.raises(InputError, match="normal videos reach the highest score of all, 1, more often than 0.1 times"):
        point(0.1)
    write_catalog(files[1], [Video("q1", "test", "", ("A",)), Video("f1", "test", "", ("B1",), (Segment("B1", 2, 8),))])
    with pytest.raises(InputError, match="needs normal videos and events whose frame rates are known; .* 2 of 2"):
        point(1)


def test_detection_reads_what_was_written(tmp_path: Path, point: Choose) -> None:
    found = point(1)
    read = read_point(tmp_path / "point.json")
    assert (read.threshold, read.branch) == (found["threshold"], "either")
    assert "3 normal test videos of catalog.jsonl" in read.says


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is no operating point"),
        ({"threshold": "high"}, "threshold is 'high'"),
        ({"threshold": 0}, "threshold is 0"),
        ({"branch": "sound"}, "branch is 'sound'"),
        ({"remarks": []}, "remarks must be a list"),
        ({"provenance": 3}, "provenance must be a JSON object"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, point: Choose, change: dict[str, object], message: str) -> None:
    (tmp_path / "point.json").write_text(json.dumps(point(1) | change))
    with pytest.raises(InputError, match=f"point.json: {message}"):
        read_point(tmp_path / "point.json")
