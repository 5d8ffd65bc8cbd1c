import json
from pathlib import Path

import pytest

from evaluate.report.per_class import main, per_class
from extract.base.errors import InputError

AVERAGES = {"A": {"avg": 10.0}, "B1": {"avg": 42.5}, "B2": {"avg": None}}


def test_each_class_has_its_mean_over_the_thresholds_and_an_absent_one_none() -> None:
    assert per_class({"per_class": AVERAGES}, Path("m.json")) == {"A": 10.0, "B1": 42.5, "B2": None}


@pytest.mark.parametrize("found", [{}, None, {"A": {"0.1": 3.0}}])
def test_metrics_without_classes_are_refused(found: object) -> None:
    with pytest.raises(InputError, match=r"m\.json: field per_class"):
        per_class({"per_class": found}, Path("m.json"))


def test_runs_of_a_method_become_one_picture_though_a_class_has_no_event(tmp_path: Path) -> None:
    metrics = {"format": "avadclip-metrics", "version": 1, "videos": 3, "missing": [], "per_class": AVERAGES}
    (tmp_path / "m.json").write_text(json.dumps(metrics))
    runs = [word for run in ("seed0", "seed1") for word in ("--metrics", "teacher", run, str(tmp_path / "m.json"))]
    for name in ("one", "two"):
        main([*runs, "--out", str(tmp_path / name)])
    assert (tmp_path / "one/teacher.svg").read_bytes() == (tmp_path / "two/teacher.svg").read_bytes()
