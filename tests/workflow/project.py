"""A copy of the workflow in a folder of its own, so that tests never write into the checkout."""

import os
import shutil
import subprocess
from pathlib import Path

import yaml

from tests import forked_python

ROOT = Path(__file__).parents[2]
# ``visual`` of runs that are not about the encoder. As wide as ViT-B/16, an eighth of its work.
SMALL = {"encoder": "ViT-M-32", "batch": 8}
# Half as wide, and so are the networks behind it; a fourteenth.
SMALLEST = {"encoder": "ViT-S-32-alt", "batch": 8}
COPIED = ("config", "extract", "train", "evaluate", "profiles", "envs")


def copy_project(folder: Path) -> Path:
    """Copy what Snakemake reads into ``folder``."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m <command>`` in ``folder``, by a Python that starts at once, as the rules do then."""
    python = forked_python.folder()
    environment = os.environ | {"PATH": f"{python}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [python / "python", "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in ``folder``."""
    return run(folder, "snakemake", *arguments)


def write_config(folder: Path, change: dict[str, object], name: str = "mine", base: str = "demo") -> str:
    """Write configuration ``base`` with other top-level keys (``None`` leaves one out), and give its path."""
    config = yaml.safe_load((folder / f"config/{base}.yaml").read_text(encoding="utf-8")) | change
    if "methods" in change and "sound_study" not in change:
        config.pop("sound_study", None)  # it trains the methods that were there
    config = {key: value for key, value in config.items() if value is not None}
    path = folder / f"config/{name}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return str(path.relative_to(folder))
