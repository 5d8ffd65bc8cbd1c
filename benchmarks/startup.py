"""``python -m benchmarks.startup``: how long it takes before anything happens.

Plans XD-Violence's Table 1 with the default configuration (``snakemake -n``), in an empty folder whose data set is in
place but for its videos: the plan has one job for each shard, so that how many videos there are does not matter to it.
Then asks every command for its help.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.measurements import Measurement, publish
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

ROOT = Path(__file__).parent.parent
TARGET = "results/xd_table1.csv"
PACKAGES = ("extract", "train", "evaluate")
# What tells the packages' commands from their other modules.
COMMAND = 'if __name__ == "__main__":'


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.startup", __doc__, writes="--out (JSON)")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    arguments = parser().parse_args(argv)
    helps = {module: time_help(module) for module in commands()}
    slowest = max(helps, key=lambda module: helps[module])
    measurements = [
        Measurement("snakemake -n", time_plan(), "s", at_most=5, how=f"{TARGET}, config/config.yaml"),
        Measurement("slowest --help", helps[slowest], "s", how=f"{slowest}, of {len(helps)} commands"),
    ]
    publish("startup", measurements, arguments.out, {})


def time_plan() -> float:
    """Time the plan of XD-Violence's Table 1, in seconds."""
    config = Path("config") / "config.yaml"
    with tempfile.TemporaryDirectory() as folder:
        for part in ("Snakefile", "config", "profiles", "envs", *PACKAGES):
            (Path(folder) / part).symlink_to(ROOT / part)
        for source in yaml.safe_load((ROOT / config).read_text(encoding="utf-8"))["videos"].values():
            # Lists are files and videos lie in folders; what is in them is only looked at when a job runs.
            place = Path(folder) / source
            (place.parent if place.suffix else place).mkdir(parents=True, exist_ok=True)
            if place.suffix:
                place.touch()
        return _seconds(["snakemake", "-n", "--configfile", str(config), "--", TARGET], Path(folder))


def commands() -> list[str]:
    """Name the packages' modules that can be run."""
    return [
        f"{package}.{path.stem}"
        for package in PACKAGES
        for path in sorted((ROOT / package).glob("*.py"))
        if COMMAND in path.read_text(encoding="utf-8")
    ]


def time_help(module: str) -> float:
    """Time a command's help, in seconds."""
    return _seconds([module, "--help"], ROOT)


def _seconds(words: Sequence[str], folder: Path) -> float:
    started = time.perf_counter()
    # Every word is ours.
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise InputError(f"python -m {' '.join(words)}: failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started


if __name__ == "__main__":
    command.run(main)
