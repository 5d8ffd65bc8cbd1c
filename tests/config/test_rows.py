"""The rows that methods fill, held against the paper's tables before anything is trained."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from config.rows import problem
from tests.workflow.project import ROOT

REPORTED = ROOT / "evaluate/reported"


def configuration(base: str) -> Any:
    return yaml.safe_load((ROOT / f"config/{base}.yaml").read_text(encoding="utf-8"))


def test_the_project_s_own_configurations_name_rows_that_there_are() -> None:
    for path in (ROOT / "config").glob("*.yaml"):
        if path.stem != "schema":
            assert problem(configuration(path.stem), REPORTED) is None, path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["vadclip"]["rows"].update(table1="VadClip"), "'VadClip' is no row of .*; did you mean VadCLIP\\?"),
        (lambda c: c["vadclip"]["rows"].update(table1="mine"), "write unreported: true beside rows"),
        (lambda c: c["vadclip"].update(unreported=True), "is a row of .*xd_table1.csv, .* leave unreported out"),
        (lambda c: c["vadclip"]["rows"].update(table1="AVadCLIP"), "vadclip fills row 'AVadCLIP' already"),
        (lambda c: c["vadclip"]["rows"].update(table3="VadCLIP"), "data set xd has no table 3, but table1"),
        (lambda c: c["no_fusion"]["rows"].update(table4="yes"), "'yes' is no row of .*xd_table4.csv"),
        (
            lambda c: c["no_fusion"].update(rows={"table4": "no"}, unreported=True),
            "'no' must be 3 cells joined by a slash, av_fusion/av_prompt/focal_loss",
        ),
    ],
)
def test_a_row_that_would_fail_after_the_training_is_refused_before(
    change: Callable[[Any], object], expected: str
) -> None:
    settings = configuration("demo")
    change(settings["methods"])
    key, message = problem(settings, REPORTED) or ("", "")
    assert key.startswith("methods.")
    assert re.search(expected, message), message


def test_a_measure_that_the_table_does_not_report_is_refused() -> None:
    settings = configuration("demo")
    settings["frame_level"]["measure"] = "auc"
    assert problem(settings, REPORTED) == (
        "frame_level.measure",
        f"the paper's table 1 ({REPORTED / 'xd_table1.csv'}) has no auc, but ap",
    )


def test_a_method_of_one_s_own_is_unreported() -> None:
    settings = configuration("demo")
    settings["methods"]["vadclip"] |= {"rows": {"table1": "mine"}, "unreported": True}
    assert problem(settings, REPORTED) is None


def test_own_videos_have_rows_of_any_name_and_any_measure() -> None:
    settings = configuration("demo")
    settings["videos"] = {"videos": "DIR", "list": "FILE"}
    settings["methods"]["vadclip"]["rows"] = {"table1": "mine", "table4": "a/b/c"}
    settings["frame_level"]["measure"] = "auc"
    assert problem(settings, REPORTED) is None
