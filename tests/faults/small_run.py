"""The smallest whole run: a handful of generated videos, one method, one seed, one table."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import yaml

from tests.workflow.project import SMALLEST, copy_project, run, snakemake, write_config

NAME = "small"
TABLE = f"results/{NAME}_table1.csv"
WORK = f"work/{NAME}"
CONFIG = f"config/{NAME}.yaml"
COMMAND = ("snakemake", "--cores", "2", "--configfile", CONFIG, "--", TABLE)


def make_videos(folder: Path) -> Path:
    """Generate the videos, with lists and annotations, in ``folder``/data."""
    settings = ("--train", "4", "--test", "2", "--max-snippets", "48")
    made = run(copy_project(folder), "extract.demo", "--out", "data", *settings)
    if made.returncode:
        raise RuntimeError(made.stderr)
    return folder / "data"


def make_project(folder: Path, data: Path, *, epochs: int = 4) -> Path:
    """Make a project in ``folder`` that reads the videos in ``data``."""
    copy_project(folder)
    demo = yaml.safe_load((folder / "config/demo.yaml").read_text(encoding="utf-8"))
    method = demo["methods"]["vadclip"]
    method["rows"] = {"table1": "VadCLIP"}
    method["architecture"] |= {"max_snippets": 16, "window": 16}
    method["recipe"] |= {"epochs": epochs, "batch": 2}
    change: dict[str, object] = {
        "name": NAME,
        "videos": {
            "train": str(data / "train"),
            "test": str(data / "test"),
            "annotations": str(data / "annotations_multiclasses.txt"),
        },
        "visual": demo["visual"] | SMALLEST,
        "methods": {"vadclip": method},
        "seeds": [0],
        "shards": {"train": 1, "test": 1},
        "figure4": None,
    }
    write_config(folder, change, NAME)
    return folder


def start(folder: Path, python: Path) -> subprocess.Popen[bytes]:
    """Start the run in a process group of its own; what it says is appended to ``folder``/run.log.

    Args:
        folder: The project.
        python: Folder whose ``python`` the rules take; Snakemake itself is started by the real one.
    """
    environment = os.environ | {"PATH": f"{python}{os.pathsep}{os.environ['PATH']}"}
    with (folder / "run.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *COMMAND],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def unlock_if_asked(folder: Path) -> None:
    """Do what the README says after a kill."""
    locks = folder / ".snakemake/locks"
    if locks.is_dir() and any(locks.iterdir()):
        done = snakemake(folder, "--configfile", CONFIG, "--unlock")
        if done.returncode:
            raise RuntimeError(done.stderr)


def kill_group(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Kill the run and all it has started, and wait until none of them is left.

    A forked command (``tests.forked_python``) is of another group: it is killed as soon as who asked for it is gone,
    and known by the ``folder`` that it works in.
    """
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if not _left(process.pid, str(folder.resolve())):
            return
        time.sleep(0.02)
    raise TimeoutError(f"processes outlive the kill of the run in {folder}")


def _left(group: int, folder: str) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return any(process.info["cwd"] == folder for process in psutil.process_iter(["cwd"]))
