"""Three kills at random moments of a whole run, its commands forked; `make faults` has fifty, of real starts."""

from pathlib import Path

from tests import forked_python
from tests.faults.kills import run_lives


def test_a_killed_run_loses_nothing_and_ends_with_the_files_of_an_undisturbed_one(tmp_path: Path) -> None:
    report = run_lives(tmp_path / "runs", tmp_path / "kills.json", kills=3, seed=36, python=forked_python.folder())
    problems = [problem for life in report["lives"] for problem in life["problems"]]
    problems += [problem for life in report["lives"] for kill in life["kills"] for problem in kill["problems"]]
    assert problems == []
    assert report["summary"]["survived"] == 3
