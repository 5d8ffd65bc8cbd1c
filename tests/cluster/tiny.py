"""A project of four short videos and one method, and Snakemake with the plugins for clusters."""

import os
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import yaml

from tests.extract.made_videos import click_track, numbered, write_video
from tests.forked_python import REAL
from tests.machine import QUICK
from tests.workflow.project import SMALLEST, copy_project, write_config

TABLE = "results/tiny_table1.csv"
# Slurm's plugin slows every `snakemake -n` where no controller answers, so .ci/run installs the plugins apart.
APART = Path(sys.prefix) / "cluster"
LIST = """video,split,labels,segments,unit
train_normal.mp4,train,A,,
train_fight.mp4,train,B1,,
test_normal.mp4,test,A,,
test_fight.mp4,test,B1,B1 8 40,frames
"""


def has_plugin(name: str) -> bool:
    """Say whether Snakemake's executor plugin ``name`` is installed, among the packages or apart."""
    package = f"snakemake_executor_plugin_{name}"
    return find_spec(package) is not None or (APART / package).is_dir()


def tiny_project(folder: Path, device: str) -> Path:
    """Make the project in ``folder``; ``config/tiny.yaml`` is its configuration."""
    copy_project(folder)
    (folder / "data").mkdir()
    (folder / "data/list.csv").write_text(LIST, encoding="utf-8")
    for line in LIST.splitlines()[1:]:
        pictures = [numbered(index) for index in range(48)]
        write_video(folder / "data" / line.split(",")[0], pictures, sound=click_track(2.0, [0.5]))
    demo = yaml.safe_load((folder / "config/demo.yaml").read_text(encoding="utf-8"))
    teacher = demo["methods"]["teacher"]
    teacher["rows"] = {"table1": teacher["rows"]["table1"]}
    teacher["architecture"] |= {"max_snippets": 4, "window": 4}
    teacher["recipe"] |= {"epochs": 1, "batch": 2}
    change = {
        "name": "tiny",
        "videos": {"videos": "data", "list": "data/list.csv"},
        "methods": {"teacher": teacher},
        "seeds": [0],
        "shards": {"train": 1, "test": 1},
        "device": device,
        # The jobs' machine may be another one than this, so that auto is refused.
        # Two threads, so that its second attempt asks for what no training does.
        "visual": demo["visual"] | SMALLEST | {"precision": QUICK, "threads": 2},
        "figure4": None,
    }
    write_config(folder, change, name="tiny")
    return folder


def start(
    folder: Path,
    environment: dict[str, str],
    *arguments: str,
    prefix: tuple[str, ...] = (),
    python: Path = REAL,
) -> subprocess.Popen[str]:
    """Start Snakemake on the tiny configuration, with the ``python`` of a folder first on the path for the rules."""
    path = f"{python}{os.pathsep}{environment['PATH']}"
    packages = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), str(APART)]))
    environment = environment | {"PATH": path, "PYTHONPATH": packages, "OMP_NUM_THREADS": "1"}
    command = [*prefix, sys.executable, "-m", "snakemake", "--configfile", "config/tiny.yaml", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finished(process: subprocess.Popen[str], seconds: int = 900) -> tuple[int, str]:
    """Wait for Snakemake and give its exit status and what it said; end it if that takes too long."""
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        said, _ = process.communicate(timeout=120)
    return process.returncode, said


def commands() -> dict[int, list[str]]:
    """Give the words of every running command by its process number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            found[int(path.parent.name)] = path.read_bytes().decode(errors="replace").split("\0")
    return found
