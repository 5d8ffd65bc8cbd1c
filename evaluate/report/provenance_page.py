"""``python -m evaluate.report.provenance_page``: what a run's numbers were made with, as a page.

Commit, seeds, encoders, every measured run, software versions, times of the jobs and the whole configuration.
"""

import argparse
import csv
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from evaluate.report.page import described, heading, items, page, paragraph, table, verbatim
from evaluate.report.runs import METAVAR, runs_by_method
from evaluate.tables import Run, read_run
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.json_text import parse_json
from extract.base.regular_file import open_regular_text

# What decides about numbers; an environment that lacks one cannot have used it.
PACKAGES = (
    "av",
    "h5py",
    "librosa",
    "matplotlib",
    "numpy",
    "open_clip_torch",
    "safetensors",
    "scikit-learn",
    "snakemake",
    "soxr",
    "torch",
    "torchaudio",
    "torchvision",
)
CODE = Path(__file__)


@dataclass(frozen=True)
class Jobs:
    """What Snakemake measured of one rule.

    Attributes:
        count: Jobs on record.
        seconds: Sum of their wall-clock times.
        longest: The longest one's.
        memory: Most resident memory of any in MB; ``None`` where all were too short to be measured.
    """

    count: int
    seconds: float
    longest: float
    memory: float | None


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.provenance_page", __doc__, writes="--out (HTML)")
    parser.add_argument(
        "--metrics", nargs=3, action="append", required=True, metavar=METAVAR, help="metrics of one run; repeat"
    )
    parser.add_argument("--configuration", required=True, help="the whole configuration as JSON")
    parser.add_argument("--selected", required=True, help="how the checkpoints were selected, a sentence")
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of Snakemake's benchmark files")
    parser.add_argument("--out", type=Path, required=True, help="page to write (HTML)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    arguments = parser().parse_args(argv)
    try:
        configuration = parse_json(arguments.configuration)
    except ValueError as error:
        raise InputError(f"--configuration: is no JSON: {error}") from None
    runs = {
        (method, run): read_run(path)
        for method, files in runs_by_method(arguments.metrics, "--metrics").items()
        for run, path in files.items()
    }
    parts = [
        *code_parts(arguments.selected, configuration),
        *run_parts(runs),
        *software_parts(),
        *time_parts(read_benchmarks(arguments.benchmarks)),
        *configuration_parts(configuration),
    ]
    write_text(arguments.out, page("Provenance", parts))


def code_parts(selected: str, configuration: Mapping[str, Any]) -> list[str]:
    """Say which code, seeds and selection made the numbers."""
    seeds = ", ".join(map(str, configuration.get("seeds", []))) or "none: nothing was trained here"
    lines = [f"Git commit: {commit()}", f"Seeds: {seeds}", f"Checkpoints: {selected}"]
    return [items(lines)]


def commit(code: Path = CODE) -> str:
    """Name the commit that the code comes from.

    Args:
        code: A file of the code.

    Returns:
        Its hash, with a word about changes since, or why it is not known.
    """
    git = shutil.which("git")
    if git is None:
        return "unknown: git is not installed"

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        # Only fixed words and the code's own path reach git.
        return subprocess.run([git, "-C", str(code.parent), *words], capture_output=True, text=True, check=False)  # noqa: S603

    # A copy of the code inside somebody else's repository must not be given that one's commit.
    if ask("ls-files", "--error-unmatch", code.name).returncode:
        return "unknown: the code is not in a git checkout"
    head = ask("rev-parse", "HEAD").stdout.strip()
    changed = ask("status", "--porcelain", "--untracked-files=no", "--", ":/").stdout.strip()
    return f"{head}, with changes that are not committed" if changed else head


def run_parts(runs: Mapping[tuple[str, str], Run]) -> list[str]:
    """Show the encoders behind the features, and what every measured run was."""
    encoders: dict[tuple[str, ...], list[str]] = {}
    checkpoints: dict[tuple[str, ...], list[str]] = {}
    for (method, name), run in runs.items():
        made = run.provenance
        read = (made.encoders, made.weights, made.precision, made.preprocessing, made.features)
        encoders.setdefault(read, []).append(method)
        remarks = "; ".join([*made.mismatch, made.note])
        what = (method, made.architecture, made.recipe, made.selection, run.scored, remarks)
        checkpoints.setdefault(what, []).append(f"{name} {made.checkpoint_sha256[:12]}")
    names = ("encoders", "weights (sha256)", "precision", "preprocessing", "features", "read by")
    rows = [(what[0], ", ".join(made), *what[1:]) for what, made in checkpoints.items()]
    return [
        heading("Features and encoder weights"),
        *(
            described(dict(zip(names, (*read, ", ".join(dict.fromkeys(users))), strict=True)))
            for read, users in encoders.items()
        ),
        heading("Measured runs"),
        table(["method", "checkpoints", "architecture", "recipe", "selection", "test videos", "note"], rows),
    ]


def software_parts() -> list[str]:
    """List the versions of what the page's own environment holds."""
    rows = [("Python", platform.python_version()), ("platform", f"{platform.system()} {platform.machine()}")]
    return [heading("Software"), table(["package", "version"], [*rows, *versions().items()])]


def versions() -> dict[str, str]:
    """Give the versions of the packages that are installed here."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def time_parts(jobs: Mapping[str, Jobs]) -> list[str]:
    """Show what the jobs on record took."""
    rows = [
        (rule, str(of.count), f"{of.seconds:,.1f}", f"{of.longest:,.1f}", f"{of.memory:,.0f}" if of.memory else "-")
        for rule, of in jobs.items()
    ]
    headings = ["rule", "jobs", "seconds, all", "seconds, longest", "peak memory (MB)"]
    return [
        heading("Times"),
        paragraph("Of every job on record, as Snakemake measured it; jobs side by side slow one another down."),
        table(headings, rows, frozenset({1, 2, 3, 4})),
    ]


def read_benchmarks(folder: Path) -> dict[str, Jobs]:
    """Read Snakemake's benchmark files.

    Args:
        folder: ``RULE.tsv`` and ``RULE/JOB.tsv`` files.

    Returns:
        What was measured by rule, in alphabetic order.

    Raises:
        InputError: If there is no such folder, or a file is malformed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --benchmarks is where Snakemake writes what jobs took")
    measured: dict[str, list[dict[str, str]]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        try:
            with open_regular_text(path) as file:
                lines = list(csv.DictReader(file, delimiter="\t"))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read as a benchmark file: {error}; remove the file") from None
        if not lines or not {"s", "max_rss"} <= lines[0].keys():
            raise InputError(f"{path}: needs the columns s and max_rss and a line; remove the file")
        measured.setdefault(rule, []).extend(lines)
        try:
            _summed(lines)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: {error} in the columns s and max_rss; remove the file") from None
    return {rule: _summed(lines) for rule, lines in sorted(measured.items())}


def _summed(lines: Sequence[Mapping[str, str]]) -> Jobs:
    seconds = [float(line["s"]) for line in lines]
    # Snakemake writes NA or - for a job that ended before it was looked at.
    memory = [float(line["max_rss"]) for line in lines if line["max_rss"] not in ("NA", "-", "")]
    return Jobs(len(lines), sum(seconds), max(seconds), max(memory, default=None))


def configuration_parts(configuration: Mapping[str, Any]) -> list[str]:
    """Show the configuration as it was run, every variant spelled out."""
    import yaml

    text = yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True, width=100)
    return [heading("Configuration"), verbatim(text)]


if __name__ == "__main__":
    command.run(main)
