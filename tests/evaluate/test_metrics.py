import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from evaluate.metrics import main, measure
from evaluate.provenance import Provenance
from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from evaluate.statistics.settings import Resampling
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from tests.evaluate.golden_sets import GOLDEN, golden_set, needs_annotations

FIGHT, QUIET, LOST = "v=ab#1_label_B1-0-0", 'quiet "city" 城市_label_A', "lost_label_B1-0-0"


def scored(fight: list[float], frames: int = -1) -> ScoredVideo:
    classes = np.array([[1 - p, p] for p in fight], np.float32)
    return ScoredVideo(classes[:, 0], classes[:, 1], classes, frames)


def catalog() -> list[Video]:
    return [
        Video("trained", "train", "trained.mp4", ("Z",)),
        Video(FIGHT, "test", "a.mp4", ("B1",), (Segment("B1", 16, 60),)),
        Video(QUIET, "test", "b.mp4", ("A",)),
    ]


def scores(frames: int = -1) -> dict[str, ScoredVideo]:
    return {QUIET: scored([0.1, 0.3, 0.1], frames), FIGHT: scored([0.1, 0.9, 0.9, 0.2], frames)}


def run(folder: Path, videos: list[Video], scored_videos: dict[str, ScoredVideo]) -> dict[str, Any]:
    write_catalog(folder / "catalog.jsonl", videos)
    header = ScoresHeader(16, ("A", "B1"), Provenance(method="vadclip", seed=5))
    write_scores(folder / "scores.h5", header, scored_videos.items())
    files = {"scores": folder / "scores.h5", "catalog": folder / "catalog.jsonl", "out": folder / "metrics.json"}
    main([word for name, path in files.items() for word in (f"--{name}", str(path))])
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return found


def test_the_metrics_file_keeps_its_contract(tmp_path: Path) -> None:
    found = run(tmp_path, catalog(), scores(frames=44))
    assert (found["format"], found["version"], found["videos"], found["missing"]) == ("avadclip-metrics", 1, 2, [])
    assert (found["stride"], found["classes"]) == (16, ["A", "B1"])
    assert found["provenance"]["seed"] == 5
    for branch in ("classification", "alignment"):
        assert found[branch].keys() == {"released", "exact"}
        assert found[branch]["released"].keys() == found[branch]["exact"].keys() == {"ap", "auc"}
    assert found["map"].keys() == {"released", "abnormal"}
    assert found["per_class"].keys() == {"A", "B1"}
    for row in (*found["map"].values(), *found["per_class"].values()):
        assert list(row) == ["0.1", "0.2", "0.3", "0.4", "0.5", "avg"]


def test_every_value_has_an_interval_where_the_videos_allow_one(tmp_path: Path) -> None:
    more = {name + end: video for name, video in scores(frames=44).items() for end in ("", "2")}
    videos = [replace(video, video_id=video.video_id + end) for video in catalog() for end in ("", "2")]
    found = run(tmp_path, videos, more)
    made = found["intervals"]
    assert made["alignment"]["exact"]["ap"] == [100, 100]
    low, high = made["classification"]["released"]["ap"]
    assert low <= found["classification"]["released"]["ap"] <= high
    assert made["per_class"].keys() == found["per_class"].keys()


def test_two_videos_give_a_word_in_place_of_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(tmp_path, catalog(), scores(frames=44))
    assert found["intervals"]["alignment"]["released"] == {"ap": None, "auc": None}
    assert f"{tmp_path / 'scores.h5'}: no intervals: one normal and one abnormal video" in capsys.readouterr().err


def test_too_few_resamples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="resamples: 10 must be at least 100"):
        main(["--scores", "s", "--catalog", "c", "--out", str(tmp_path / "o"), "--resamples", "10"])


def test_values_are_percentages_worked_out_by_hand(tmp_path: Path) -> None:
    found = run(tmp_path, catalog(), scores(frames=44))
    # 32 frames at 0.9, all abnormal, then 16 at 0.3, none, then 16 at 0.2, of which 12 are.
    assert found["alignment"]["released"]["ap"] == pytest.approx(100 * (32 + 12 * 44 / 64) / 44)
    # Cut to 44 frames, every abnormal frame left has a score of 0.9.
    assert found["alignment"]["exact"] == {"ap": 100, "auc": 100}
    # The other way round: 48 normal frames at 0.9, 16 at 0.8 with 12 abnormal, 16 normal at 0.7, 32 abnormal at 0.1.
    classification = found["classification"]["released"]
    assert classification["ap"] == pytest.approx(100 * (12 * 12 / 64 + 32 * 44 / 112) / 44)
    # The fight is found with overlap 32/44. The quiet video's whole length [0, 48) is normal; its values 0.9, 0.7,
    # 0.9 finds a third of it, after the fight's own 0.9, which ties and comes first in the catalog.
    assert found["per_class"]["B1"]["0.5"] == 100
    assert found["per_class"]["A"] == {"0.1": 50, "0.2": 50, "0.3": 50, "0.4": 0, "0.5": 0, "avg": 30}
    assert found["map"]["released"]["avg"] == pytest.approx(65)
    assert found["map"]["abnormal"]["avg"] == pytest.approx(100)


def test_a_normal_video_with_an_empty_list_of_segments_has_no_normal_segment(tmp_path: Path) -> None:
    videos = catalog()
    videos[2] = Video(QUIET, "test", "b.mp4", ("A",), ())
    found = run(tmp_path, videos, scores())
    assert found["per_class"]["A"]["avg"] == 0
    assert found["alignment"]["released"]["ap"] > 0


def test_videos_without_scores_are_listed_and_count_in_no_value(tmp_path: Path) -> None:
    lost = Video(LOST, "test", "c.mp4", ("B1",), (Segment("B1", 0, 999),))
    without = run(tmp_path, catalog(), scores())
    found = run(tmp_path, [*catalog(), lost], scores())
    assert (found["videos"], found["missing"]) == (3, [LOST])
    same = without.keys() - {"videos", "missing"}
    assert {key: found[key] for key in same} == {key: without[key] for key in same}


def test_exact_is_null_where_one_video_does_not_say_its_frames(tmp_path: Path) -> None:
    videos = scores(frames=44)
    videos[QUIET] = scored([0.1, 0.3, 0.1])
    found = run(tmp_path, catalog(), videos)
    assert found["alignment"]["exact"] is None
    assert found["classification"]["exact"] is None


def test_undefined_values_are_null_and_the_file_has_no_nan(tmp_path: Path) -> None:
    found = run(tmp_path, catalog()[2:], {QUIET: scored([0.1, 0.3, 0.1])})
    assert found["alignment"]["released"] == {"ap": None, "auc": None}
    assert found["map"]["abnormal"]["avg"] is None
    assert "NaN" not in (tmp_path / "metrics.json").read_text()


def test_scores_of_another_tool_without_optional_attributes_are_measured(tmp_path: Path) -> None:
    write_catalog(tmp_path / "catalog.jsonl", catalog())
    with h5py.File(tmp_path / "scores.h5", "w") as file:
        file.attrs.update({"format": "avadclip-scores", "version": 1, "stride": 16, "classes": ["A", "B1"]})
        for video_id, video in scores().items():
            for name in ("anomaly", "anomaly_alignment", "classes"):
                file[f"{video_id}/{name}"] = getattr(video, name)
    found = measure(tmp_path / "scores.h5", tmp_path / "catalog.jsonl")
    ours = run(tmp_path, catalog(), scores())
    assert found["alignment"] == ours["alignment"]
    assert found["map"] == ours["map"]


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (Video(FIGHT, "test", "a.mp4", ("B1",), (Segment("B9", 0, 9),)), "catalog.jsonl: '.*': field segments.*'B9'"),
        (Video(FIGHT, "test", "a.mp4", ("B9",), (Segment("B1", 0, 9),)), "catalog.jsonl: '.*': field labels.*'B9'"),
        (Video(FIGHT, "test", "a.mp4", ("B1",)), "catalog.jsonl: .*has no segments; add them"),
        (Video(FIGHT, "train", "a.mp4", ("B1",)), "scores.h5: video '.*' is no test video of .*catalog.jsonl"),
        (Video("other", "test", "a.mp4", ("A",)), "scores.h5: video '.*' is no test video of .*catalog.jsonl"),
    ],
)
def test_a_catalog_that_does_not_fit_the_scores_is_refused(tmp_path: Path, video: Video, message: str) -> None:
    videos = catalog()
    videos[1] = video
    with pytest.raises(InputError, match=message):
        run(tmp_path, videos, scores())
    assert not (tmp_path / "metrics.json").exists()


def test_scores_of_no_video_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the 2 test videos"):
        run(tmp_path, catalog(), {})


@needs_annotations
@pytest.mark.parametrize("name", ["xd", "cctv", "ucf"])
def test_the_whole_command_agrees_with_the_released_implementation(tmp_path: Path, name: str) -> None:
    codes, stride, classes, segments = golden_set(name)
    videos = [
        Video(f"{i:04}", "test", "x.mp4", tuple({s.label for s in events}) or codes[:1], tuple(events))
        for i, events in enumerate(segments)
    ]
    write_catalog(tmp_path / "catalog.jsonl", videos)
    scored_videos = (
        (f"{i:04}", ScoredVideo(1 - video[:, 0], 1 - video[:, 0], video)) for i, video in enumerate(classes)
    )
    write_scores(tmp_path / "scores.h5", ScoresHeader(stride, codes), scored_videos)
    found = measure(tmp_path / "scores.h5", tmp_path / "catalog.jsonl", Resampling(resamples=100))
    golden = GOLDEN[name]
    assert found["map"]["released"]["avg"] == pytest.approx(golden["average_map"], abs=1e-9)
    for branch in ("classification", "alignment"):
        assert found[branch]["released"]["ap"] == pytest.approx(100 * golden["frame_ap"], abs=1e-7)
        assert found[branch]["released"]["auc"] == pytest.approx(100 * golden["frame_auc"], abs=1e-7)


@pytest.mark.parametrize("module", ["metrics", "tables", "show"])
def test_help_does_not_wait_for_heavy_imports(module: str) -> None:
    program = (
        f"import sys; from evaluate.{module} import parser; parser().format_help(); "
        "sys.exit(bool({'torch', 'sklearn', 'h5py', 'pandas'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


def test_an_annotation_beyond_the_videos_end_is_said_and_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beyond = Video(FIGHT, "test", "a.mp4", ("B1",), (Segment("B1", 16, 90),))
    found = run(tmp_path, [beyond, catalog()[2]], scores(frames=44))
    assert (
        f"catalog.jsonl: {FIGHT!r}: B1 [16, 90) ends after the video's 44 frames; cut there" in capsys.readouterr().err
    )
    inside = Video(FIGHT, "test", "a.mp4", ("B1",), (Segment("B1", 16, 44),))
    assert found["alignment"]["exact"] == run(tmp_path, [inside, catalog()[2]], scores(frames=44))["alignment"]["exact"]
    assert "warning" not in capsys.readouterr().err


def test_released_counts_the_frames_that_the_published_evaluation_counts_and_exact_the_events(tmp_path: Path) -> None:
    """The published frames of the fight end 16 frames early: half of what scores 0.9 is then no longer abnormal."""
    before = run(tmp_path, catalog(), scores(frames=64))
    fight = replace(catalog()[1], released_frames=((16, 32),))
    found = run(tmp_path, [fight, catalog()[2]], scores(frames=64))
    # 32 frames at 0.9, of which 16 are abnormal and nothing else is.
    assert found["alignment"]["released"]["ap"] == pytest.approx(50)
    for same in ("map", "per_class"):
        assert found[same] == before[same]
    assert found["alignment"]["exact"] == before["alignment"]["exact"]
