"""UCF-Crime and CCTV-Fights from files as downloaded to their tables, on a few generated videos."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from extract.catalog import read_catalog
from extract.check import check
from extract.shard import Shard
from tests.workflow.project import SMALLEST, copy_project, snakemake, write_config


def finished_run(folder: Path, base: str, table: str) -> Path:
    """Run configuration ``base`` on fewer videos, for one epoch."""
    config = yaml.safe_load((folder / f"config/{base}.yaml").read_text(encoding="utf-8"))
    for method in config["methods"].values():
        method["architecture"] |= {"max_snippets": 16, "window": min(method["architecture"]["window"], 16)}
        method["recipe"] |= {"epochs": 1, "batch": 2}
        if "judge_every" in method["recipe"]:
            method["recipe"]["judge_every"] = 1  # an epoch has two steps
    change = {
        "methods": config["methods"],
        "videos": {"generate": {"train": 8, "test": 8, "max_snippets": 160, "seed": 1}},
        "visual": config["visual"] | SMALLEST,
    }
    path = write_config(folder, change, base=base)
    done = snakemake(folder, "--cores", "2", "--configfile", path, "--", table)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def ucf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(copy_project(tmp_path_factory.mktemp("ucf")), "ucf_demo", "results/ucf_demo_table1.csv")


@pytest.fixture(scope="module")
def cctv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(copy_project(tmp_path_factory.mktemp("cctv")), "cctv_demo", "results/cctv_demo_table3.csv")


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {line["method"]: line for line in csv.DictReader(file)}


def test_ucf_s_table_has_the_reported_and_the_measured_auc_of_the_classification_branch(ucf: Path) -> None:
    row = rows(ucf / "results/ucf_demo_table1.csv")["VadCLIP"]
    (path,) = (ucf / "work/ucf_demo/metrics").rglob("*.json")
    metrics = json.loads(path.read_text())
    assert row["reported_auc"] == "88.02"
    assert row["measured_auc_mean"] == f"{metrics['classification']['released']['auc']:.2f}"
    assert "checkpoint selected on the test set" in row["note"]
    assert len(metrics["classes"]) == 14


def test_ucf_s_shards_have_no_audio_and_its_normal_test_videos_no_segments(ucf: Path) -> None:
    with Shard(ucf / "work/ucf_demo/shards/test-00000.h5") as shard:
        assert shard.header.audio is None
        assert shard.header.dataset == "ucf"
    test = [video for video in read_catalog(ucf / "work/ucf_demo/catalog.jsonl") if video.split == "test"]
    assert {video.segments for video in test if video.labels == ("Normal",)} == {()}
    assert all(video.segments for video in test if video.labels != ("Normal",))


def test_cctv_s_table_measures_all_three_models_of_this_project(cctv: Path) -> None:
    table = rows(cctv / "results/cctv_demo_table3.csv")
    measured = {name: row for name, row in table.items() if row["measured_ap_mean"]}
    assert measured.keys() == {"VadCLIP", "AVadCLIP*", "AVadCLIP"}
    assert table["AVadCLIP"]["reported_ap"] == "73.38"
    assert all(row["features"] == "recomputed, stride 4, crop 0" for row in measured.values())


def test_cctv_trains_with_seven_classes_and_reports_two(cctv: Path) -> None:
    for path in (cctv / "work/cctv_demo/metrics").rglob("*.json"):
        assert json.loads(path.read_text())["classes"] == ["A", "B1"]
    paths = [*(cctv / "work/cctv_demo").glob("shards/*.h5"), *(cctv / "work/cctv_demo").rglob("*.safetensors")]
    assert len(paths) == 5
    assert [check(path)[1] for path in paths] == [[]] * 5
