import math
from pathlib import Path

import numpy as np
import pytest

from evaluate.alarms.budget import Point
from evaluate.report.alarm_delay import main, spelled
from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from extract.catalog import Segment, Video, write_catalog
from tests.evaluate.annotated_files import write_annotated


def draw(folder: Path, scores: Path, catalog: Path, *methods: str) -> None:
    given = [word for method in methods for word in ("--scores", method, "seed0", str(scores))]
    shown = ["--branch", "classification", "--protocol", "released"]
    main([*given, *shown, "--catalog", str(catalog), "--out", str(folder)])


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An hour in which nothing happens with three alarms, and a fight."""
    quiet, fight = np.zeros(3600, np.float32), np.zeros(100, np.float32)
    quiet[[5, 50, 500]] = 0.2, 0.4, 0.6
    fight[[30, 40]] = 0.3, 0.7
    catalog = [
        Video("quiet", "test", "", ("A",), None, 3600, 1.0),
        Video("fight", "test", "", ("B1",), (Segment("B1", 20, 80),), 100, 1.0),
    ]
    write_catalog(tmp_path / "catalog.jsonl", catalog)
    scored = {name: ScoredVideo(rows, rows, np.stack([1 - rows, rows], 1)) for name, rows in
              (("quiet", quiet), ("fight", fight))}  # fmt: skip
    write_scores(tmp_path / "scores.h5", ScoresHeader(1, ("A", "B1")), scored.items())
    return tmp_path / "scores.h5", tmp_path / "catalog.jsonl"


def test_equal_scores_give_equal_pictures_one_for_each_method(tmp_path: Path, files: tuple[Path, Path]) -> None:
    for name in ("one", "two"):
        draw(tmp_path / name, *files, "vadclip", "student")
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["student.svg", "vadclip.svg"]
    assert (tmp_path / "one/vadclip.svg").read_bytes() == (tmp_path / "two/vadclip.svg").read_bytes()


def test_what_cannot_be_told_is_drawn_as_such_and_breaks_no_report(tmp_path: Path, files: tuple[Path, Path]) -> None:
    (tmp_path / "unknown").mkdir()
    draw(tmp_path / "out", *write_annotated(tmp_path / "unknown"), "vadclip")
    draw(tmp_path / "known", *files, "vadclip")
    assert (tmp_path / "out/vadclip.svg").read_bytes() != (tmp_path / "known/vadclip.svg").read_bytes()


def test_one_false_alarm_an_hour_is_said_in_words() -> None:
    assert spelled(Point(0.5, 1, 0, 1, 0.75, 2.56)) == "75 % found, half within 2.6 s"
    assert spelled(Point(0.5, 1, 0, 1, 0.25, math.inf)) == "25 % found, half of all never"
