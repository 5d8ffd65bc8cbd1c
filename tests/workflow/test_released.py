"""From the authors' files to both tables: features and checkpoints in, no video, no training."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.conftest import released_tensors
from tests.workflow.project import copy_project, snakemake, write_config

TABLES = ("results/xd_released_table1.csv", "results/xd_released_table2.csv")
TEST = {"v=ab__#1_label_B1-0-0": 40, "Some.Film.1999__#00-01-00_00-01-30_label_B2-G-0": 12, "v=cd__#1_label_A": 300}
TRAIN = {"v=ef__#1_label_G-0-0": 5, "v=gh__#1_label_A": 7}
CROPS = (0, 5)
CHECKPOINTS = {"vadclip": "vadclip_xd", "teacher": "teacher", "student": "student"}


def write_features(folder: Path, name: str, snippets: dict[str, int]) -> Path:
    """Write a list whose paths are of another machine, its features in two folders and sound of another length."""
    random = np.random.default_rng(len(name))
    lines = ["path,audio_path,label"]
    (folder / name).mkdir(parents=True)
    (folder / "audio").mkdir(exist_ok=True)
    for video_id, rows in snippets.items():
        np.save(folder / f"audio/{video_id}.npy", random.standard_normal((rows + 2, 512)).astype(np.float16))
        for crop in CROPS:
            np.save(folder / name / f"{video_id}__{crop}.npy", random.standard_normal((rows, 512)).astype(np.float16))
            path = f"/home/author/features/{name}/{video_id}__{crop}.npy"
            lines.append(f"{path},/home/author/features/audio/{video_id}.npy,{video_id.rpartition('_')[2]}")
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small released artefacts in place, and its configuration."""
    folder = copy_project(tmp_path_factory.mktemp("released"))
    data = folder / "data/xd_released"
    data.mkdir(parents=True)
    write_features(data, "xd_CLIP_rgb", TRAIN)
    write_features(data, "xd_CLIP_rgbtest", TEST)
    fight, film, _ = TEST
    (data / "annotations_multiclasses.txt").write_text(f"{fight} B1 100 300\n{film} B2 0 50 G 50 120\n")
    (data / "annotations.txt").write_text(f"{fight} 100 300\n{film} 0 120\n")
    for method, model in CHECKPOINTS.items():
        torch.save(released_tensors(model), data / f"{method}.pth")
    methods = {
        "vadclip": {"row": "VadCLIP", "scoring_crop": 0},
        "teacher": {"row": "AVadCLIP", "scoring_crop": 5},
        "student": {"row": "AVadCLIP*", "scoring_crop": 5},
    }
    for method, settings in methods.items():
        row = settings.pop("row")
        settings |= {
            "rows": {"table1": row, "table2": row},
            "modality": "as reported",
            "checkpoint": f"data/xd_released/{method}.pth",
        }
    change = {"methods": methods, "device": "cpu", "train_threads": 1, "shards": {"train": 1, "test": 2}}
    write_config(folder, change, name="released", base="xd_released")
    return folder


def test_released_features_and_checkpoints_make_both_tables(project: Path) -> None:
    done = snakemake(project, "--cores", "2", "--configfile", "config/released.yaml", "--", *TABLES)
    assert done.returncode == 0, done.stderr
    assert "rule train" not in done.stderr
    with (project / TABLES[0]).open(newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    measured = {name: row for name, row in rows.items() if row["measured_ap_mean"]}
    assert measured.keys() == {"VadCLIP", "AVadCLIP", "AVadCLIP*"}
    for name, row in measured.items():
        assert (row["selection"], row["videos"], row["seeds"]) == ("released", "3", "1")
        assert row["features"] == f"released, stride 16, crop {0 if name == 'VadCLIP' else 5}"
        assert "checkpoint selected on the test set" in row["note"]
        assert "random" not in row["note"]
    with (project / TABLES[1]).open(newline="") as file:
        assert sum(bool(row["measured_avg_mean"]) for row in csv.DictReader(file)) == 3


def test_a_broken_feature_file_stops_the_run_by_name(project: Path) -> None:
    path = project / f"data/xd_released/xd_CLIP_rgbtest/{next(iter(TEST))}__5.npy"
    whole = path.read_bytes()
    rows = np.load(path, allow_pickle=False)
    rows[3, 7] = np.nan
    np.save(path, rows)
    arguments = ("--cores", "1", "--configfile", "config/released.yaml", "--forcerun", "released_features", "--")
    done = snakemake(project, *arguments, TABLES[0])
    path.write_bytes(whole)
    assert done.returncode == 1
    assert "1 of 5 videos failed" in done.stderr
    assert path.name in done.stderr
