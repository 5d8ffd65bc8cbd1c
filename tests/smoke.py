"""``python -m tests.smoke``: what requirements.txt installs, tried on every other Python of the range that is here.

Each gets an environment of its own, which is removed again. In it every module is imported, every command shows its
help, and a few small videos become one table. Ends with status 1 if anything failed. Where the disk has no room for an
environment, that Python is left out, in words.
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.forked_python import FRESH

ROOT = Path(__file__).parents[1]
# An environment (5.4 GB), what pip downloads for it, and room for the run.
ROOM_GB = 10
PACKAGES = ("extract", "train", "evaluate", "config", "snakemake_logger_plugin_progress")


def main(argv: Sequence[str] | None = None) -> None:
    """Try each Python, or with ``--here`` the one that runs this."""
    parser = argparse.ArgumentParser(prog="python -m tests.smoke", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="these instead of those that are found")
    parser.add_argument("--here", action="store_true", help="try this Python, with what is installed for it")
    arguments = parser.parse_args(argv)
    if arguments.here:
        try_here()
        return
    pythons = arguments.pythons or other_pythons()
    if not pythons:
        print("smoke: no other Python of the range is installed here")
    failed = [python for python in pythons if not succeeds(python)]
    if failed:
        raise SystemExit(f"smoke: failed on {', '.join(failed)}")


def other_pythons() -> list[str]:
    """Find the newest Python of each other minor version in the range."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        lowest, above = (
            int(end.rpartition(".")[2]) for end in tomllib.load(file)["project"]["requires-python"].split(",")
        )
    done = subprocess.run(["sh", "envs/pythons.sh", "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[int, str] = {}
    for line in done.stdout.splitlines():
        version, _, path = line.split("\t")
        minor = int(version.split(".")[1])
        if lowest <= minor < above and minor != sys.version_info.minor:
            found.setdefault(minor, path)
    return list(found.values())


def succeeds(python: str) -> bool:
    """Try one Python in an environment of its own."""
    start = time.monotonic()
    work = ROOT / "work"  # on the disk where .venv is: 5 GB are too much for many a /tmp
    work.mkdir(exist_ok=True)
    free = shutil.disk_usage(work).free / 1e9
    if free < ROOM_GB:
        print(f"smoke: {python} left out: {ROOM_GB} GB of disk are needed, {free:.0f} are free at {work}", flush=True)
        return True
    with tempfile.TemporaryDirectory(prefix="smoke-", dir=work) as folder:
        inside = f"{folder}/bin/python"
        install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            "requirements.txt",
        ]
        commands = ([python, "-m", "venv", folder], [inside, *install], [inside, "-m", "tests.smoke", "--here"])
        # Where TMPDIR is, pip keeps some 3 GB of downloads; a run's sockets have no room in a path as long as this one.
        places = (os.environ, os.environ | {"TMPDIR": folder}, os.environ)
        passed = all(
            subprocess.run(command, cwd=ROOT, env=place, check=False).returncode == 0
            for command, place in zip(commands, places, strict=True)
        )
    print(f"smoke: {python} {'passed' if passed else 'failed'} after {time.monotonic() - start:.0f} s", flush=True)
    return passed


def try_here() -> None:
    """Import every module, show every command's help, and make one table.

    Raises:
        SystemExit: With what a command said, if it failed.
    """
    os.environ[FRESH] = "1"

    from extract.base.command_list import commands_of
    from tests.faults.small_run import COMMAND, TABLE, make_project, make_videos
    from tests.workflow.project import run

    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if path.name != "__main__.py"]
    for path in files:
        parts = path.relative_to(ROOT).with_suffix("").parts
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
    packages = [ROOT / package for package in PACKAGES[:3]]
    commands = [name for package in packages for name in commands_of(package)]
    for package in packages:
        expect(run(ROOT, package.name), f"usage: python -m {package.name}.COMMAND")
    for name in commands:
        expect(run(ROOT, name, "--help"), f"usage: python -m {name}")
    with tempfile.TemporaryDirectory(prefix="smoke-run-") as folder:
        project = make_project(Path(folder) / "run", make_videos(Path(folder) / "videos"), epochs=1)
        expect(run(project, *COMMAND))
        if not (project / TABLE).is_file():
            raise SystemExit(f"{TABLE} was not written")
    print(f"Python {sys.version.split()[0]}: {len(files)} modules, {len(commands)} commands, one table")


def expect(done: subprocess.CompletedProcess[str], said: str = "") -> None:
    """End unless a command succeeded and said something."""
    if done.returncode or said not in done.stdout:
        raise SystemExit(
            f"{' '.join(map(str, done.args))} ended with status {done.returncode}\n{done.stdout}{done.stderr}"
        )


if __name__ == "__main__":
    main()
