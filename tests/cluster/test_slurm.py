"""The pipeline through a live Slurm, whose controller and node are started here on one machine."""

import csv
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forked_python
from tests.cluster import slurm
from tests.cluster.tiny import TABLE, commands, finished, has_plugin, start, tiny_project

PROFILE = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "1")

pytestmark = [
    pytest.mark.skipif(bool(slurm.missing()), reason=f"Slurm is not installed here: no {slurm.missing()}"),
    pytest.mark.skipif(
        not has_plugin("slurm"), reason="Snakemake's plugin is not installed (requirements-cluster.txt)"
    ),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.Cluster]:
    with slurm.running_cluster(tmp_path_factory.mktemp("slurm"), cpus=8, memory_mb=64_000, gpus=2) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, cluster: slurm.Cluster) -> Path:
    """A run to the table, one of whose jobs was cancelled as soon as it ran."""
    folder = tiny_project(tmp_path_factory.mktemp("tiny"), device="cpu")
    # The cluster's GPUs are only claimed: with device auto, jobs that are given one would rightly end.
    gpus = ("--set-resources", *(f"{rule}:gpu=1" for rule in ("visual", "audio", "train", "score")))
    words = (*PROFILE, *gpus, "--latency-wait", "20", "--", TABLE)
    process = start(folder, cluster.environment, *words, python=forked_python.folder())
    cluster.ask("scancel", running_job(cluster, process, "rule_visual_wildcards_test_00000")["JobId"])
    code, said = finished(process)
    assert code == 0, said
    return folder


def running_job(cluster: slurm.Cluster, process: subprocess.Popen[str], comment: str) -> dict[str, str]:
    while process.poll() is None:
        for job in cluster.jobs():
            if job["JobState"] == "RUNNING" and job["Comment"] == comment:
                return job
        time.sleep(0.2)
    raise AssertionError(f"Snakemake ended before {comment} ran:\n{finished(process)[1]}")


def of_rule(cluster: slurm.Cluster, rule: str) -> list[dict[str, str]]:
    return [job for job in cluster.jobs() if rule in job["Comment"].split("_")]


def test_the_pipeline_runs_through_slurm_to_a_table(project: Path) -> None:
    with (project / TABLE).open(encoding="utf-8", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["measured_ap_mean"])
    assert (row["method"], row["videos"]) == ("AVadCLIP", "2")


def test_a_cancelled_job_is_submitted_again_with_more_memory_and_time(cluster: slurm.Cluster, project: Path) -> None:
    jobs = [job for job in of_rule(cluster, "visual") if job["Comment"].endswith("test_00000")]
    assert [job["JobState"] for job in jobs] == ["CANCELLED", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in jobs] == ["4000M", "8000M"]
    assert [job["TimeLimit"] for job in jobs] == ["12:00:00", "1-00:00:00"]


def test_a_step_for_a_gpu_asks_the_controller_for_one(cluster: slurm.Cluster, project: Path) -> None:
    for rule, gpus in {"visual": "gres:gpu:1", "audio": "gres:gpu:1", "train": "gres:gpu:1", "align": None}.items():
        assert {job.get("TresPerJob") for job in of_rule(cluster, rule)} == {gpus}, rule


def test_several_short_steps_make_one_job_and_local_ones_none(cluster: slurm.Cluster, project: Path) -> None:
    (audio,), (aligned,), (scored,) = (of_rule(cluster, rule) for rule in ("audio", "align", "score"))
    assert "metrics" in scored["Comment"]
    # Two shards one after the other: twice the time of one, the memory and the GPU of one.
    assert (audio["TimeLimit"], audio["MinMemoryNode"], audio["TresPerJob"]) == ("04:00:00", "4000M", "gres:gpu:1")
    assert (aligned["TimeLimit"], aligned["MinMemoryNode"]) == ("00:30:00", "1000M")
    assert not of_rule(cluster, "catalog")
    assert not of_rule(cluster, "table")


def test_the_log_of_every_job_is_kept(cluster: slurm.Cluster, project: Path) -> None:
    for job in cluster.jobs():
        assert Path(job["StdOut"]).is_relative_to(project / "work/slurm-logs")
        assert Path(job["StdOut"]).exists()


def test_a_finished_run_submits_nothing(cluster: slurm.Cluster, project: Path) -> None:
    before = len(cluster.jobs())
    code, said = finished(start(project, cluster.environment, *PROFILE, "--", TABLE))
    assert code == 0, said
    assert "Nothing to be done" in said
    assert len(cluster.jobs()) == before


def test_a_job_whose_state_is_unknown_is_not_done_without_its_output(
    cluster: slurm.Cluster, project: Path, tmp_path: Path
) -> None:
    shard = project / "work/tiny/shards/test-00000.h5"
    was = shard.read_bytes()
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\n{shutil.which('squeue')} \"$@\" | sed 's/|.*/|UNKNOWN/'\n")
    squeue.chmod(0o755)
    blind = cluster.environment | {"PATH": f"{tmp_path}{os.pathsep}{cluster.environment['PATH']}"}
    cluster.ask("scontrol", "update", "PartitionName=main", "State=DOWN")
    arguments = (*PROFILE, "--retries", "0", "--forcerun", "align", "--", str(shard.relative_to(project)))
    code, said = finished(start(project, blind, "--latency-wait", "3", *arguments))
    assert code != 0, said
    assert not shard.exists()
    cluster.ask("scancel", "--state=PENDING", "--partition=main")
    cluster.ask("scontrol", "update", "PartitionName=main", "State=UP")
    code, said = finished(start(project, cluster.environment, "--latency-wait", "20", *arguments))
    assert code == 0, said
    assert shard.read_bytes() == was


def test_a_stopped_cluster_leaves_no_process_behind(tmp_path: Path) -> None:
    with slurm.running_cluster(tmp_path, cpus=2, memory_mb=4000, gpus=1) as cluster:
        # A command that goes on for ever and bears the folder's name.
        cluster.ask("sbatch", f"--output={tmp_path}/job.out", "--wrap", f"exec tail -f {tmp_path}/slurm.conf")
        # Slurm calls a job running before its script has come to its command.
        slurm.wait(tmp_path, "the job", lambda: any("tail" in words for words in commands_that_name(tmp_path)))
    slurm.wait(tmp_path, "the end of every process", lambda: not commands_that_name(tmp_path))


def commands_that_name(folder: Path) -> list[list[str]]:
    return [words for words in commands().values() if any(str(folder) in word for word in words)]
