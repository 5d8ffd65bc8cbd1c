"""The pages of the report: tables, failures, provenance."""

import json
import shutil
import subprocess
from pathlib import Path

import matplotlib
import pytest
import torch

from evaluate.report.failures_page import main as failures_page
from evaluate.report.page import page, paragraph, table
from evaluate.report.provenance_page import Jobs, commit, main, read_benchmarks, versions
from evaluate.report.table_page import main as table_page
from extract.base.errors import InputError
from extract.failures import Failure, write_failures
from tests.evaluate.test_twins import HEADER, ROWS

BENCHMARK = "s\th:m:s\tmax_rss\n{}\t0:00:01\t{}\n"


def test_text_from_files_cannot_become_markup() -> None:
    hostile = "<script>alert('&')</script>"
    made = page(hostile, [paragraph(hostile), table([hostile], [[hostile]])])
    assert "<script" not in made
    assert made.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)") == 5


def test_a_table_s_page_shows_reported_beside_measured_and_the_notes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    table_page([str(tmp_path / "t.csv"), "--title", "Table 1", "--out", str(tmp_path / "t.html")])
    made = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "<td class=number>85.53</td><td class=number>50.25 ± 0.93</td>" in made
    assert "<td>DeepMIL</td><td>RGB(ViT)</td><td class=number>75.18</td><td class=number>-</td>" in made
    assert "selection: last" in made


def test_the_failures_page_names_every_video_or_says_that_there_is_none(tmp_path: Path) -> None:
    write_failures(tmp_path / "f.csv", [Failure("a & b", "visual", "truncated")])
    failures_page([str(tmp_path / "f.csv"), "--out", str(tmp_path / "f.html")])
    assert "<td>a &amp; b</td><td>visual</td><td>truncated</td>" in (tmp_path / "f.html").read_text()
    write_failures(tmp_path / "f.csv", [])
    failures_page([str(tmp_path / "f.csv"), "--out", str(tmp_path / "f.html")])
    assert "None: every video of the catalog was read." in (tmp_path / "f.html").read_text()


def test_versions_are_those_of_what_is_installed() -> None:
    found = versions()
    assert found["torch"] == torch.__version__.partition("+")[0]
    assert found["matplotlib"] == matplotlib.__version__


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_the_code_s_own_and_changes_since_are_said(tmp_path: Path) -> None:
    code = tmp_path / "evaluate/code.py"
    code.parent.mkdir()
    code.write_text("1")
    assert commit(code) == "unknown: the code is not in a git checkout"
    git(tmp_path, "init")
    (tmp_path / "other").write_text("of somebody else")
    git(tmp_path, "add", "other")
    git(tmp_path, "commit", "-m", "theirs")
    assert commit(code) == "unknown: the code is not in a git checkout"
    git(tmp_path, "add", "evaluate")
    git(tmp_path, "commit", "-m", "ours")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(code) == head
    (tmp_path / "other").write_text("changed")
    assert commit(code) == f"{head}, with changes that are not committed"


def test_times_are_summed_by_rule_and_a_job_too_short_to_measure_has_no_memory(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a-seed0.tsv").write_text(BENCHMARK.format(10.5, 800))
    (tmp_path / "train/b-seed0.tsv").write_text(BENCHMARK.format(20, 900.5))
    (tmp_path / "catalog.tsv").write_text(BENCHMARK.format(0.25, "NA"))
    found = read_benchmarks(tmp_path)
    assert found == {"catalog": Jobs(1, 0.25, 0.25, None), "train": Jobs(2, 30.5, 20.0, 900.5)}
    (tmp_path / "catalog.tsv").write_text("nonsense")
    with pytest.raises(InputError, match=r"catalog\.tsv: needs the columns s and max_rss"):
        read_benchmarks(tmp_path)


def test_provenance_names_seeds_weights_versions_times_selection_and_configuration(tmp_path: Path) -> None:
    made = {"encoders": "ViT-B", "weights": "sha-of-clip", "selection": "last", "checkpoint_sha256": "c0ffee" * 10}
    metrics = {"format": "avadclip-metrics", "version": 1, "videos": 3, "missing": ["x"], "provenance": made}
    (tmp_path / "m.json").write_text(json.dumps(metrics))
    (tmp_path / "times").mkdir()
    (tmp_path / "times/train.tsv").write_text(BENCHMARK.format(12.5, 800))
    settings = ["--configuration", json.dumps({"name": "mine", "seeds": [3, 4]}), "--selected", "The last epoch."]
    runs = ["--metrics", "teacher", "seed3", str(tmp_path / "m.json")]
    main([*runs, *settings, "--benchmarks", str(tmp_path / "times"), "--out", str(tmp_path / "p.html")])
    text = (tmp_path / "p.html").read_text()
    for said in ("Git commit: ", "Seeds: 3, 4", "The last epoch.", "sha-of-clip", "c0ffeec0ffee", "2 of 3", "12.5"):
        assert said in text
    assert "name: mine\nseeds:\n- 3\n- 4" in text
    assert f"<td>torch</td><td>{versions()['torch']}</td>" in text
