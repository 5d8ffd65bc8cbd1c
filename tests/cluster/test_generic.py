"""The pipeline through a stand-in for PBS, which really runs each job script, on "nodes" without a network."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.tiny import TABLE, commands, finished, has_plugin, start, tiny_project
from tests.machine import QUICK

PROFILE = ("--workflow-profile", "profiles/generic", "--latency-wait", "20", "--max-status-checks-per-second", "20")
ALONE = ("unshare", "--net")
# The scheduler's three commands. A job is a session of its own; its number is that of the session's leader.
QSUB = """#!/bin/sh
echo "$@" >> {folder}/submitted
while [ $# -gt 1 ]; do [ "$1" = -o ] && log=$2; shift; done
setsid {alone} "$1" > "$log" 2>&1 &
echo $!.stand-in
"""
QSTAT = """#!/bin/sh
read -r _ _ state _ < /proc/"${2%.*}"/stat && [ "$state" != Z ] && echo "    job_state = R"
"""
QDEL = """#!/bin/sh
for job; do kill -9 -- -"${job%.*}"; done
"""
# Written down by every Python process of a job: what it looks for on a network, and what it is told about files.
SPY = """
import json, os, sys
def note(*what):
    with open({log!r}, "a") as file:
        print(json.dumps([sys.orig_argv, *what]), file=file)
def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        note(event, str(arguments[0]))
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        note(event, str(arguments[1][0]))
if "-m" in sys.orig_argv:
    note("environment", os.environ.get("HDF5_USE_FILE_LOCKING", ""))
sys.addaudithook(watch)
"""

pytestmark = pytest.mark.skipif(
    not has_plugin("cluster_generic"),
    reason="Snakemake's plugin is not installed (requirements-cluster.txt)",
)


def may_unshare() -> bool:
    """Say whether this user may run a command without a network."""
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


offline = pytest.mark.skipif(not may_unshare(), reason="no network namespace is permitted here (unshare --net)")


@dataclass(frozen=True)
class Run:
    """A project, and what the stand-in and the spy wrote down."""

    folder: Path
    environment: dict[str, str]
    killed: str

    def submitted(self) -> list[str]:
        return (self.folder / "submitted").read_text(encoding="utf-8").splitlines()

    def seen(self) -> list[list[str]]:
        """Give what every process but Snakemake's own did, as [command, what, on what]."""
        lines = map(json.loads, (self.folder / "spied").read_text(encoding="utf-8").splitlines())
        named = [[words[words.index("-m") + 1] if "-m" in words else str(words), *rest] for words, *rest in lines]
        return [line for line in named if line[0] != "snakemake"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run to the table, one of whose jobs was killed as soon as it worked."""
    folder = tiny_project(tmp_path_factory.mktemp("tiny"), device="cpu")
    for name, text in {"qsub": QSUB, "qstat": QSTAT, "qdel": QDEL}.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        text = text.replace("{folder}", str(folder)).replace("{alone}", " ".join(ALONE) if may_unshare() else "")
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    (folder / "spy").mkdir()
    (folder / "spy/sitecustomize.py").write_text(SPY.format(log=str(folder / "spied")), encoding="utf-8")
    (folder / "home").mkdir()
    environment = os.environ | {
        "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(folder / "spy"),
        "SCHEDULER": "pbs",
        "SCHEDULER_GRACE_SECONDS": "1",
    }
    process = start(folder, environment, *PROFILE, "--", TABLE)
    killed = kill_job(folder, process, "visual/test-00000.log")
    code, said = finished(process)
    assert code == 0, said
    return Run(folder, environment, killed)


def kill_job(folder: Path, process: subprocess.Popen[str], log: str) -> str:
    """Kill the whole session of the job that writes ``log``, like a node that dies, and give its script."""
    path = folder / "work/tiny/logs" / log
    while process.poll() is None:
        for session, script in sessions(folder).items():
            if path.exists() and "--allowed-rules visual" in script and "split=test" in script:
                os.killpg(session, signal.SIGKILL)
                return script
        time.sleep(0.1)
    raise AssertionError(f"Snakemake ended before {log} appeared:\n{finished(process)[1]}")


def sessions(folder: Path) -> dict[int, str]:
    """Give the text of Snakemake's job script of each running job by its process group."""
    found = {}
    for process, words in commands().items():
        scripts = [word for word in words if word.startswith(str(folder)) and "snakejob" in word]
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            found |= {os.getpgid(process): Path(script).read_text(encoding="utf-8") for script in scripts[:1]}
    return found


def test_the_pipeline_runs_through_a_submit_command_to_a_table(done: Run) -> None:
    with (done.folder / TABLE).open(encoding="utf-8", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["measured_ap_mean"])
    assert (row["method"], row["videos"]) == ("AVadCLIP", "2")


def test_a_killed_job_is_submitted_again_with_more_memory_and_time(done: Run) -> None:
    assert sum("ncpus=2:mem=8000mb -l walltime=86400" in line for line in done.submitted()) == 1
    exits = {path.read_text().strip() for path in (done.folder / "work/generic-jobs").glob("*.exit")}
    assert exits == {"0"}
    assert len(list((done.folder / "work/generic-jobs").glob("*.exit"))) == len(done.submitted()) - 1


def test_a_finished_run_submits_nothing(done: Run) -> None:
    before = done.submitted()
    code, said = finished(start(done.folder, done.environment, *PROFILE, "--", TABLE))
    assert code == 0, said
    assert "Nothing to be done" in said
    assert done.submitted() == before


@offline
def test_every_rule_does_without_a_network_and_none_looks_for_one(done: Run) -> None:
    modules = {module for module, _, _ in done.seen()}
    assert {"extract.visual", "extract.audio", "extract.align", "train.run", "evaluate.score"} <= modules
    assert [line for line in done.seen() if line[1] != "environment"] == []


def test_no_rule_locks_hdf5_files(done: Run) -> None:
    assert {on for _, what, on in done.seen() if what == "environment"} == {"FALSE"}


@offline
def test_weights_are_fetched_where_snakemake_runs_and_say_what_to_do_without_a_network(done: Run) -> None:
    before = done.submitted()
    arguments = (*PROFILE, "--retries", "0", "--", "weights/Wav2CLIP.pt")
    code, said = finished(start(done.folder, done.environment, *arguments, prefix=ALONE))
    assert code != 0
    assert "cannot be fetched" in said
    assert "fetch it elsewhere and configure its path" in said
    assert done.submitted() == before
    assert not (done.folder / "weights/Wav2CLIP.pt").exists()
    assert "extract.fetch_weights" in {module for module, what, _ in done.seen() if what == "socket.getaddrinfo"}


SAID = {"lsf": "Job <17> is submitted to default queue <normal>.", "pbs": "17.server", "sge": "17"}


@pytest.mark.parametrize("scheduler", SAID)
def test_a_job_s_id_is_found_in_what_each_scheduler_says(tmp_path: Path, scheduler: str) -> None:
    for name in ("bsub", "qsub"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho \"$@\" > asked\necho '{SAID[scheduler]}'\n")
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"SCHEDULER": scheduler, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    program = Path(__file__).parents[2] / "profiles/generic/scheduler.py"
    command = [
        sys.executable,
        program,
        "submit",
        "--threads",
        "2",
        "--mem-mb",
        "3000",
        "--minutes",
        "90",
        "--gpus",
        "1",
    ]
    said = subprocess.run(
        [*command, "job.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.split("@")[0] == ("17.server" if scheduler == "pbs" else "17")
    asked = (tmp_path / "asked").read_text()
    assert {"lsf": "num=1", "pbs": "ngpus=1", "sge": "gpu=1"}[scheduler] in asked
    (script,) = (tmp_path / "work/generic-jobs").glob("*.sh")
    assert "export AVADCLIP_GPUS=1\n" in script.read_text()
    assert {"lsf": "-W 90", "pbs": "walltime=5400", "sge": "h_rt=5400"}[scheduler] in asked


def test_an_unknown_scheduler_is_named(tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "profiles/generic/scheduler.py"
    environment = os.environ | {"SCHEDULER": "cron"}
    said = subprocess.run(
        [sys.executable, program, "status", "1"], env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode != 0
    assert "lsf, pbs, sge" in said.stderr


def test_auto_precision_is_refused_where_jobs_run_on_other_machines(tmp_path: Path) -> None:
    tiny_project(tmp_path, device="cpu")
    path = tmp_path / "config/tiny.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(f"precision: {QUICK}", "precision: auto", 1))
    environment = dict(os.environ) | {"SCHEDULER": "pbs"}
    status, said = finished(start(tmp_path, environment, *PROFILE, "--", TABLE))
    assert status == 1
    assert "key visual.precision: auto is what this machine computes, but the jobs run on others" in said
