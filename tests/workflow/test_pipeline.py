"""The whole path on a few generated videos, one of them cut short: videos to tables, and what comes after."""

import csv
import json
from pathlib import Path

import h5py
import pytest
import yaml

from extract.catalog import read_catalog
from extract.check import check
from tests.workflow.project import ROOT, SMALL, copy_project, run, snakemake, write_config

METHODS = {"vadclip": "VadCLIP", "teacher": "AVadCLIP", "student": "AVadCLIP*"}
TABLES = ("results/mine_table1.csv", "results/mine_table2.csv")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over eight training and eight test videos, for two seeds."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    made = run(folder, "extract.demo", "--out", "data", "--train", "8", "--test", "8", "--max-snippets", "112")
    assert made.returncode == 0, made.stderr
    broken = broken_video(folder)
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 3])
    demo = yaml.safe_load((folder / "config/demo.yaml").read_text(encoding="utf-8"))
    methods = {name: demo["methods"][name] for name in METHODS}
    for method in methods.values():
        method["architecture"] |= {"max_snippets": 16, "window": min(method["architecture"]["window"], 16)}
        method["recipe"] |= {"epochs": 1, "batch": 4}
    change = {
        "name": "mine",
        "videos": {"train": "data/train", "test": "data/test", "annotations": "data/annotations_multiclasses.txt"},
        "visual": demo["visual"] | SMALL,
        "methods": methods,
        "seeds": [0, 1],
        "shards": {"train": 2, "test": 1},
        "max_failures": 1,
    }
    done = snakemake(folder, "--cores", "2", "--configfile", write_config(folder, change), "--", *TABLES)
    assert done.returncode == 0, done.stderr
    return folder


def broken_video(folder: Path) -> Path:
    return min(path for path in (folder / "data/test").glob("*.mp4") if "label_A" not in path.name)


def again(folder: Path, *arguments: str) -> str:
    done = snakemake(folder, "-n", "--configfile", "config/mine.yaml", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {line["method"]: line for line in csv.DictReader(file)}


def test_table_1_has_every_method_of_the_paper_and_measures_those_that_were_run(project: Path) -> None:
    table, reported = rows(project / TABLES[0]), rows(ROOT / "evaluate/reported/xd_table1.csv")
    journal = rows(ROOT / "evaluate/reported/xd_table1_journal.csv")
    assert list(journal) == ["AnomalyCLIP", "TPWNG"]
    reported |= journal
    assert list(table) == list(reported)
    columns = "method,reference,modality,reported_ap,measured_modality,measured_ap_mean,measured_ap_std"
    columns += ",measured_ap_low,measured_ap_high,seeds,intervals,selection,protocol,features,encoders,videos,note"
    assert list(table["VadCLIP"]) == columns.split(",")
    for method, line in table.items():
        assert float(line["reported_ap"]) == float(reported[method]["ap"])
        assert bool(line["measured_ap_mean"]) == (method in METHODS.values())
        if line["measured_ap_mean"]:
            assert (line["seeds"], line["selection"]) == ("2", "last")
            assert float(line["measured_ap_low"]) <= float(line["measured_ap_high"])
            for said in ("random", "demo recipe"):
                assert said in line["note"] + line["encoders"]


def test_table_2_has_every_threshold_reported_and_measured(project: Path) -> None:
    table = rows(project / TABLES[1])
    assert list(table) == list(rows(ROOT / "evaluate/reported/xd_table2.csv"))
    for threshold in ("map_0.1", "map_0.2", "map_0.3", "map_0.4", "map_0.5", "avg"):
        assert table["AVadCLIP"][f"reported_{threshold}"]
        assert table["AVadCLIP"][f"measured_{threshold}_mean"]
        assert not table["DeepMIL"][f"measured_{threshold}_mean"]


def test_the_measured_numbers_are_those_of_the_metrics_files(project: Path) -> None:
    for method, row in METHODS.items():
        metrics = [
            json.loads((project / f"work/mine/metrics/{method}/trained/seed{seed}.json").read_text()) for seed in (0, 1)
        ]
        mean = sum(run["alignment"]["released"]["ap"] for run in metrics) / 2
        assert rows(project / TABLES[0])[row]["measured_ap_mean"].rstrip("*") == f"{mean:.2f}"


def test_a_broken_video_is_listed_and_missing_and_marks_the_tables(project: Path) -> None:
    broken = broken_video(project).stem
    with (project / "work/mine/failures.csv").open(newline="") as file:
        (failure,) = csv.DictReader(file)
    assert (failure["video_id"], failure["stage"]) == (broken, "visual")
    assert failure["reason"]
    with h5py.File(project / "work/mine/shards/test-00000.h5") as shard:
        ids = shard["videos/video_id"].asstr()[:].tolist()
    assert broken not in ids
    assert len(ids) == 7
    metrics = json.loads((project / "work/mine/metrics/teacher/trained/seed0.json").read_text())
    assert (metrics["videos"], metrics["missing"]) == (8, [broken])
    line = rows(project / TABLES[0])["AVadCLIP"]
    assert line["videos"] == "7 of 8"
    assert line["measured_ap_mean"].endswith("*")


def test_too_many_broken_videos_stop_the_run(project: Path) -> None:
    lists = sorted(str(path.relative_to(project)) for path in (project / "work/mine/shards").glob("*.csv"))
    arguments = ("--catalog", "work/mine/catalog.jsonl", "--max-failures", "0", "--out", "failures.csv")
    done = run(project, "extract.failures", *arguments, *lists)
    assert done.returncode == 1
    assert "1 of 16 videos failed" in done.stderr


def test_every_file_between_the_commands_keeps_its_contract(project: Path) -> None:
    work = project / "work/mine"
    paths = [
        work / "catalog.jsonl",
        *work.glob("shards/*.h5"),
        *work.glob("checkpoints/*/*/*.safetensors"),
        *work.glob("scores/*/*/*.h5"),
    ]
    assert len(paths) == 1 + 3 + 6 + 6
    assert [check(path)[1] for path in paths] == [[]] * len(paths)


def test_streams_are_aligned_for_every_video(project: Path) -> None:
    videos = {video.video_id: video for video in read_catalog(project / "work/mine/catalog.jsonl")}
    for path in (project / "work/mine/shards").glob("*.h5"):
        with h5py.File(path) as shard:
            group = shard["videos"]
            assert (group["start"][:] == group["audio_start"][:]).all()
            assert (group["snippets"][:] == group["audio_rows"][:]).all()
            assert (group["snippets"][:] == -(-group["frames"][:] // 16)).all()
            for video_id, labels in zip(group["video_id"].asstr()[:], group["labels"].asstr()[:], strict=True):
                assert "-".join(videos[video_id].labels) == labels


def test_a_finished_run_has_nothing_left_to_do(project: Path) -> None:
    assert "Nothing to be done" in again(project, "--", *TABLES)
    assert not (project / "work/mine/partial").exists() or not any(
        path.is_file() for path in (project / "work/mine/partial").rglob("*")
    )


def planned(plan: str) -> set[str]:
    return {line.split()[0] for line in plan[plan.rindex("job  ") :].splitlines()[2:] if line.strip()} - {"total"}


def test_another_audio_setting_reruns_the_sound_and_what_follows_but_not_the_frames(project: Path) -> None:
    config = yaml.safe_load((project / "config/mine.yaml").read_text())
    path = write_config(project, config | {"audio": config["audio"] | {"weights": "random:7"}}, "louder")
    done = snakemake(project, "-n", "--configfile", path, "--", *TABLES)
    rules = planned(done.stdout[: done.stdout.index("Reasons")])
    assert {"audio", "align", "train", "score", "metrics", "table"} <= rules
    assert not rules & {"visual", "catalog"}


def test_what_a_model_reaches_live_is_measured_beside_what_it_reaches_on_whole_videos(project: Path) -> None:
    table = "results/mine_table1_causal.csv"
    plan = again(project, "--", table)
    rules = planned(plan[: plan.index("Reasons")])
    assert rules == {"causal_audio", "causal_align", "causal_score", "causal_metrics", "causal_table"}
    target = "work/mine/causal/metrics/teacher/trained/seed0.json"
    done = snakemake(project, "--cores", "2", "--configfile", "config/mine.yaml", "--", target)
    assert done.returncode == 0, done.stderr
    live, whole = (json.loads((project / path).read_text()) for path in (target, target.replace("causal/", "")))
    assert {key: value for key, value in live["alignment"].items() if key != "causal"} == whole["alignment"]
    assert 0 < live["alignment"]["causal"]["ap"] <= 100
    assert live["alignment"]["causal"] != whole["alignment"]["exact"]
    measured = ("--measured", f"teacher={target}", "--row", "teacher=AVadCLIP", "--modality", "teacher=both")
    words = ("--table", "1", "--branch", "alignment", "--protocol", "causal", *measured, "--out", "one.csv")
    assert run(project, "evaluate.tables", *words).returncode == 0
    assert rows(project / "one.csv")["AVadCLIP"]["measured_ap_mean"].startswith(
        f"{live['alignment']['causal']['ap']:.2f}"
    )


def test_a_stage_can_be_forced(project: Path) -> None:
    plan = again(project, "--forcerun", "score", "--", TABLES[0])
    assert planned(plan[: plan.index("Reasons")]) == {"score", "metrics", "table"}


def test_the_same_seed_trains_the_same_checkpoint_and_another_seed_another(project: Path) -> None:
    folder = Path("work/mine/checkpoints/student/trained")
    first = project / folder / "seed0.safetensors"
    content = first.read_bytes()
    assert content != (project / folder / "seed1.safetensors").read_bytes()
    first.unlink()
    target = str(folder / "seed0.safetensors")
    done = snakemake(project, "--cores", "2", "--configfile", "config/mine.yaml", "--", target)
    assert done.returncode == 0, done.stderr
    assert first.read_bytes() == content


def test_scoring_features_of_other_weights_is_refused_or_said_in_the_table(project: Path, tmp_path: Path) -> None:
    shard = tmp_path / "test-00000.h5"
    shard.write_bytes((project / "work/mine/shards/test-00000.h5").read_bytes())
    with h5py.File(shard, "a") as file:
        file.attrs["visual_weights"] = "random:5"
    command = ("evaluate.score", "--checkpoint", "work/mine/checkpoints/vadclip/trained/seed0.safetensors")
    command = (*command, "--shards", str(tmp_path), "--out", str(tmp_path / "scores.h5"), "--device", "cpu")
    refused = run(project, *command)
    assert refused.returncode == 1
    assert "checkpoint trained on 'random:0:calibrated', shards have 'random:5'" in refused.stderr
    assert not (tmp_path / "scores.h5").exists()

    assert run(project, *command, "--allow-mismatch").returncode == 0
    paths = ("--scores", str(tmp_path / "scores.h5"), "--catalog", "work/mine/catalog.jsonl")
    assert run(project, "evaluate.metrics", *paths, "--out", str(tmp_path / "m.json")).returncode == 0
    table = ("--table", "1", "--reported", "evaluate/reported/xd_table1.csv", "--row", "vadclip=VadCLIP")
    table = (*table, "--modality", "vadclip=RGB(ViT)", "--measured", f"vadclip={tmp_path / 'm.json'}")
    assert run(project, "evaluate.tables", *table, "--out", str(tmp_path / "t.csv")).returncode == 0
    assert "'random:5'" in rows(tmp_path / "t.csv")["VadCLIP"]["note"]
