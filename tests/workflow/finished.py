"""A run that is finished to Snakemake, without a computation: `python` of the rules only makes the files named."""

import os
import subprocess
from pathlib import Path

from tests import forked_python
from tests.workflow.project import copy_project

STAND_IN = """#!/bin/sh
# Makes every file that follows one of these flags.
while [ $# -gt 0 ]; do
  case "$1" in
    --out|--failures|--markdown|--latex) mkdir -p "$(dirname "$2")" && echo "$2" > "$2" ;;
  esac
  shift
done
"""


def project_with_stand_in(folder: Path) -> Path:
    """Copy the workflow, with a ``python`` for its rules in ``bin``."""
    copy_project(folder)
    (folder / "bin").mkdir()
    (folder / "bin/python").write_text(STAND_IN)
    (folder / "bin/python").chmod(0o755)
    return folder


def planned(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in ``folder`` with the stand-in."""
    environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [forked_python.folder() / "python", "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
