"""Which Python makes the environment: the newest in the range that runs, and one line where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.project import ROOT


def fake(folder: Path, name: str, version: str | None) -> Path:
    """Put a Python on a path that says it is ``version``, or one that only stands there, as pyenv's do."""
    folder.mkdir(parents=True, exist_ok=True)
    says = "exit 127" if version is None else f"echo {version}"
    (folder / name).write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
    (folder / name).chmod(0o755)
    return folder / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of what a shell needs, and no Python."""
    (tmp_path / "tools").mkdir()
    for name in ("sh", "sed", "awk", "sort", "head", "cut", "tr", "dirname"):
        found = shutil.which(name)
        assert found
        (tmp_path / "tools" / name).symlink_to(found)
    return tmp_path


def pythons(folder: Path, *arguments: str, path: tuple[str, ...] = ("bin",)) -> subprocess.CompletedProcess[str]:
    places = os.pathsep.join(str(folder / name) for name in (*path, "tools"))
    environment = {"PATH": places, "PYENV_ROOT": str(folder / "pyenv")}
    script = str(ROOT / "envs/pythons.sh")
    return subprocess.run(["/bin/sh", script, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_the_newest_in_the_range_that_runs_is_taken(folder: Path) -> None:
    fake(folder / "bin", "python3.14", "3.14.0")
    fake(folder / "bin", "python3.13", None)
    fake(folder / "bin", "python3.12", "3.12.1")
    fake(folder / "bin", "python3", "3.11.7")
    assert pythons(folder, "newest").stdout == f"{folder}/bin/python3.12\n"


def test_an_environment_of_the_project_never_makes_the_next(folder: Path) -> None:
    fake(folder / ".venv/bin", "python3", "3.13.0")
    fake(folder / "bin", "python3", "3.12.1")
    assert pythons(folder, "newest", path=(".venv/bin", "bin")).stdout == f"{folder}/bin/python3\n"


def test_what_only_pyenv_has_is_found_and_named_but_not_taken(folder: Path) -> None:
    fake(folder / "bin", "python3", "3.9.2")
    inside = fake(folder / "pyenv/versions/3.13.0/bin", "python3", "3.13.0")
    assert pythons(folder, "newest").stdout == ""
    assert pythons(folder, "list").stdout.splitlines() == [
        f"3.13.0\tpyenv\t{inside}",
        f"3.9.2\tpath\t{folder}/bin/python3",
    ]


@pytest.mark.parametrize("asked", ["", "bin/python3.10"])
def test_where_none_fits_one_line_names_what_was_found_and_what_to_write(folder: Path, asked: str) -> None:
    fake(folder / "bin", "python3.10", "3.10.13")
    python = fake(folder / "pyenv/versions/3.12.1/bin", "python3", "3.12.1")
    done = pythons(folder, "check", asked and str(folder / asked), "demo")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "3.11 to 3.13 is needed" in line
    assert f"3.10.13 ({folder}/bin/python3.10)" in line
    assert line.endswith(f"Write: make PYTHON={python} demo")


def test_without_any_python_the_line_still_says_what_to_write(folder: Path) -> None:
    done = pythons(folder, "check", "", "test")
    assert done.returncode == 1
    assert "found: no Python 3. Write: make PYTHON=/path/to/python3.13 test" in done.stderr


def test_a_python_that_is_asked_for_and_fits_passes_without_a_word(folder: Path) -> None:
    done = pythons(folder, "check", sys.executable, "demo")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
