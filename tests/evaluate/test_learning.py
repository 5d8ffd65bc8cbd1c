import csv
from pathlib import Path

import numpy as np
import pytest

from evaluate.learning import ALL, GROUPS, Aps, main, row
from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog

KINDS = {"h": "heard_only", "s": "seen_only", "b": "seen_and_heard", "m": "misleading_normal", "p": "plain_normal"}
SNIPPETS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    videos = [
        Video(name, "test", f"{name}.mp4", ("B1",), (Segment("B1", 160, 320),))
        if kind in ("heard_only", "seen_only", "seen_and_heard")
        else Video(name, "test", f"{name}.mp4", ("A",))
        for name, kind in KINDS.items()
    ]
    write_catalog(tmp_path / "catalog.jsonl", videos)
    (tmp_path / "kinds.csv").write_text("video_id,kind\n" + "".join(f"{name},{kind}\n" for name, kind in KINDS.items()))
    return tmp_path


def scores(path: Path, skill: dict[str, float], seed: int, tells_classes: bool = True) -> str:
    """Random scores, raised by ``skill`` where the event of a kind of video is."""
    random = np.random.default_rng(seed)
    videos = []
    for name, kind in KINDS.items():
        normal = random.uniform(0.5, 1, SNIPPETS)
        if kind in skill:
            normal[10:20] -= skill[kind]
        classes = np.stack([normal, 1 - normal], axis=1).astype(np.float32)
        videos.append((name, ScoredVideo(1 - classes[:, 0], 1 - classes[:, 0], classes, SNIPPETS * 16)))
    write_scores(path, ScoresHeader(16, ("A", "B1"), tells_classes=tells_classes), videos)
    return str(path)


def lines_of(
    folder: Path, trained: dict[str, float], seeds: int = 3, tells_classes: bool = True
) -> dict[str, dict[str, str]]:
    words = []
    for number, (control, skill) in enumerate({"trained": trained, "untrained": {}, "shuffled": {}}.items()):
        for seed in range(seeds):
            path = scores(folder / f"{control}{seed}.h5", skill, 10 * number + seed, tells_classes)
            words += ["--scores", "teacher", control, path]
    paths = ["--catalog", str(folder / "catalog.jsonl"), "--kinds", str(folder / "kinds.csv")]
    main([*paths, *words, "--out", str(folder / "learning.csv")])
    with (folder / "learning.csv").open(newline="") as file:
        return {line["branch"]: line for line in csv.DictReader(file)}


def compare(folder: Path, trained: dict[str, float], seeds: int = 3) -> dict[str, str]:
    lines = lines_of(folder, trained, seeds)
    assert lines["classification"] == lines["alignment"] | {"branch": "classification"}
    return lines["alignment"]


def test_a_method_that_finds_every_event_learns(folder: Path) -> None:
    line = compare(folder, dict.fromkeys(("heard_only", "seen_only", "seen_and_heard"), 0.5))
    assert line["learns"] == line["learns_beyond_both_spreads"] == "yes"
    assert (line["ap_mean"], line["ap_std"], line["seeds"]) == ("100.00", "0.00", "3")
    assert line["positive_rate"] == "15.00"  # 30 of 200 snippets


def test_random_scores_do_not_learn_and_every_control_is_named(folder: Path) -> None:
    line = compare(folder, {})
    assert line["learns"].startswith("not above ")
    for verdict in ("learns", "learns_beyond_both_spreads"):
        assert {"untrained", "shuffled"} <= set(line[verdict].removeprefix("not above ").split(", "))


def test_a_control_that_scatters_widely_is_not_beaten_beyond_both_spreads() -> None:
    steady = Aps({group: [50.0, 52.0] for group in (ALL, *GROUPS)}, dict.fromkeys((ALL, *GROUPS), 20.0), "")
    wild = Aps({group: [10.0, 50.0] for group in (ALL, *GROUPS)}, dict.fromkeys((ALL, *GROUPS), 20.0), "")
    cells = row("teacher", "alignment", {"trained": steady, "untrained": wild, "shuffled": steady})
    # means 51, 30, 51; deviations sqrt(2), sqrt(800), sqrt(2)
    assert cells["learns"] == "not above shuffled"
    assert cells["learns_beyond_both_spreads"] == "not above untrained, shuffled"


def test_a_deaf_method_is_found_out_on_the_videos_that_can_only_be_heard(folder: Path) -> None:
    line = compare(folder, {"seen_only": 0.5, "seen_and_heard": 0.5})
    assert float(line["seen_only_mean"]) == float(line["seen_and_heard_mean"]) == 100
    assert float(line["heard_only_mean"]) < 40


def test_a_method_that_scores_anomaly_alone_has_one_line(folder: Path) -> None:
    assert list(lines_of(folder, {"heard_only": 0.5}, tells_classes=False)) == ["classification"]


def test_one_seed_says_nothing(folder: Path) -> None:
    with pytest.raises(InputError, match="teacher needs at least two seeds"):
        compare(folder, {}, seeds=1)
