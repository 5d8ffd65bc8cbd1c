"""When Snakemake looks for jobs to start."""

import re
from pathlib import Path

import pytest

from tests.cluster.tiny import tiny_project
from tests.workflow.project import snakemake

# Jobs of a second each, beside the pipeline's, and an account of the looks.
WATCHED = """
include: "Snakefile"

def watch():
    select, looks = workflow.scheduler.job_selector, []
    workflow.scheduler.job_selector = lambda jobs: looks.append(1) or select(jobs)
    return looks

rule waits:
    output: "waited-{number}"
    shell: "sleep 1; touch {output}"

rule many:
    input: expand("waited-{number}", number=range(4))

start = workflow._onstart

onstart:
    start(log)
    workflow.looks = watch()

onsuccess:
    print(f"looked {len(workflow.looks)} times")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_project(tmp_path_factory.mktemp("tiny"), device="cpu")
    (folder / "Watched").write_text(WATCHED, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("asked", "least", "most"), [((), 4, 5), (("--max-jobs-per-timespan", "50/1s"), 6, 99)])
def test_it_looks_when_a_job_has_ended_and_by_the_clock_only_if_a_limit_is_asked_for(
    project: Path, asked: tuple[str, ...], least: int, most: int
) -> None:
    words = ("--snakefile", "Watched", "--cores", "1", "--configfile", "config/tiny.yaml", "--forceall", *asked)
    done = snakemake(project, *words, "--", "many")
    assert done.returncode == 0, done.stderr
    (looks,) = re.findall(r"looked (\d+) times", done.stdout + done.stderr)
    assert least <= int(looks) <= most
