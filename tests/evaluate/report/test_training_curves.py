from pathlib import Path

import pytest

from evaluate.report.training_curves import main, panels, read_curves
from extract.base.errors import InputError

JUDGED = "epoch,classification,total,selection_score,learning_rate\n1,0.7,1.5,0.25,0.001\n2,0.6,1.25,0.5,0.001\n"
UNJUDGED = "epoch,classification,total,learning_rate\n1,0.7,1.5,0.001\n"


def curves(folder: Path, text: str) -> Path:
    path = folder / "curves.csv"
    path.write_text(text)
    return path


def test_each_loss_term_has_a_panel_and_the_judge_s_score_the_last_one(tmp_path: Path) -> None:
    runs = {run: read_curves(curves(tmp_path, JUDGED)) for run in ("seed0", "seed1")}
    shown = panels(runs)
    assert list(shown) == ["classification", "total", "selection_score"]
    assert shown["selection_score"] == {"seed0": {1: 0.25, 2: 0.5}, "seed1": {1: 0.25, 2: 0.5}}
    assert shown["total"]["seed1"] == {1: 1.5, 2: 1.25}


def test_epochs_that_nobody_judged_have_no_panel_for_it(tmp_path: Path) -> None:
    assert list(panels({"seed0": read_curves(curves(tmp_path, UNJUDGED))})) == ["classification", "total"]


def test_equal_curves_are_equal_pictures(tmp_path: Path) -> None:
    path = str(curves(tmp_path, JUDGED))
    for name in ("one", "two"):
        main(["--curves", "teacher", "seed0", path, "--score", "held-out AP", "--out", str(tmp_path / name)])
    assert (tmp_path / "one/teacher.svg").read_bytes() == (tmp_path / "two/teacher.svg").read_bytes()


def test_what_was_not_reported_of_an_epoch_is_left_out(tmp_path: Path) -> None:
    assert read_curves(curves(tmp_path, "epoch,total,score\n1,2,\n2,1,5\n")) == {"total": {1: 2, 2: 1}, "score": {2: 5}}


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "epoch,total\n1,many\n", "epoch,total\none,1\n"])
def test_what_are_no_curves_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"curves\.csv"):
        read_curves(curves(tmp_path, text))
