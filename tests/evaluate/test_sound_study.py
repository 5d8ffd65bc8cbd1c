"""The sound study's table and figure."""

import csv
import json
from pathlib import Path

import pytest

from evaluate.report.sound_study import main
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog


def metrics(folder: Path, name: str, ap: float, weights: str = "simulated:0") -> str:
    path = folder / f"{name}.json"
    content = {
        "alignment": {"exact": {"ap": ap}},
        "classification": {"exact": {"ap": ap / 2}},
        "provenance": {"weights": weights},
    }
    path.write_text(json.dumps(content))
    return str(path)


def study(folder: Path, runs: list[tuple[str, str, str, str]], *more: str) -> list[dict[str, str]]:
    event = Video("b", "test", "", ("B1",), segments=(Segment("B1", 0, 30),), frames=100, fps=25.0)
    normal = Video("a", "test", "", ("A",), segments=(Segment("A", 0, 100),), frames=100, fps=25.0)
    write_catalog(folder / "catalog.jsonl", [event, normal, Video("c", "train", "", ("B1",), frames=9)])
    words = [word for run in runs for word in ("--metrics", *run)]
    outputs = ["--out", str(folder / "study.csv"), "--figure", str(folder / "study.svg")]
    main([*words, "--catalog", str(folder / "catalog.jsonl"), *outputs, *more])
    with (folder / "study.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_point_has_its_mean_and_spread_over_seeds_beside_chance(tmp_path: Path) -> None:
    runs = [
        *[("100", "0", "vadclip", metrics(tmp_path, f"v{ap}", ap)) for ap in (40, 44)],
        *[("100", "2", "teacher", metrics(tmp_path, f"t{ap}", ap)) for ap in (60, 61, 62)],
        ("400", "2", "teacher", metrics(tmp_path, "t80", 80)),
    ]
    lines = study(tmp_path, runs)
    assert [(line["training_videos"], line["sound"], line["method"], line["seeds"]) for line in lines] == [
        ("100", "0", "vadclip", "2"),
        ("100", "2", "teacher", "3"),
        ("400", "2", "teacher", "1"),
    ]
    assert [(line["ap_mean"], line["ap_std"]) for line in lines] == [
        ("42.00", "2.83"),
        ("61.00", "1.00"),
        ("80.00", "0.00"),
    ]
    # 30 of 200 test frames.
    assert {line["positive_rate"] for line in lines} == {"15.00"}
    drawing = (tmp_path / "study.svg").read_text(encoding="utf-8")
    assert "<svg" in drawing
    assert drawing.endswith("</svg>\n")


def test_the_branch_asked_for_is_measured(tmp_path: Path) -> None:
    (line,) = study(tmp_path, [("9", "1", "m", metrics(tmp_path, "m", 60))], "--branch", "classification")
    assert (line["branch"], line["ap_mean"]) == ("classification", "30.00")


def test_what_was_not_measured_on_simulated_features_is_refused(tmp_path: Path) -> None:
    real = metrics(tmp_path, "real", 86, weights="ab" * 32)
    with pytest.raises(InputError, match=r"real\.json: was not measured on simulated features"):
        study(tmp_path, [("9", "1", "m", real)])
    (tmp_path / "broken.json").write_text("[]")
    with pytest.raises(InputError, match=r"broken\.json: cannot be read as metrics"):
        study(tmp_path, [("9", "1", "m", str(tmp_path / "broken.json"))])
