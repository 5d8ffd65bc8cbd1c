import csv
import re
from pathlib import Path

import numpy as np
import pytest

from evaluate.compare.__main__ import main, named_files
from evaluate.compare.page import main as page
from evaluate.detection_map import detection_ap, released_map
from evaluate.scores_file import ScoredVideo, ScoresHeader, read_scores, write_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from train.frame_ap import average_precision, join_frames

CODES = ("A", "B1")
VIDEOS = 24
EVENT = Segment("B1", 64, 160)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Catalog, three seeds of a good and of a bad model, and an equally good one."""
    place = tmp_path_factory.mktemp("scores")
    events = [(EVENT,) if number % 2 else None for number in range(VIDEOS)]
    write_catalog(
        place / "catalog.jsonl",
        [Video(f"v{n:02}", "test", "", ("B1",) if one else ("A",), one) for n, one in enumerate(events)],
    )
    for model, skill in (("good", 0.35), ("equal", 0.35), ("bad", 0.0)):
        for seed in range(3):
            write(place / f"{model}{seed}.h5", skill, hash_of(model) + seed)
    write(place / "classless.h5", 0.2, 9, tells_classes=False)
    write(place / "fewer.h5", 0.2, 9, videos=20)
    return place


def hash_of(model: str) -> int:
    return {"good": 0, "equal": 10, "bad": 20}[model]


def write(path: Path, skill: float, seed: int, tells_classes: bool = True, videos: int = VIDEOS) -> None:
    random = np.random.default_rng(seed)
    scored = []
    for number in range(videos):
        anomaly = random.random(15, np.float32) / 2
        if number % 2:
            anomaly[4:10] += skill
        classes = np.stack([1 - anomaly, anomaly], axis=1)
        scored.append((f"v{number:02}", ScoredVideo(anomaly, anomaly, classes, 240)))
    write_scores(path, ScoresHeader(16, CODES, tells_classes=tells_classes), scored)


def compare(folder: Path, out: Path, *words: str) -> dict[tuple[str, str, str], dict[str, str]]:
    files = [re.sub(r"[\w]+\.h5$", lambda name: str(folder / name[0]), word) for word in words]
    settings = ["--resamples", "400", "--swaps", "400"]
    main([*files, "--catalog", str(folder / "catalog.jsonl"), "--out", str(out), *settings])
    with (out / "comparison.csv").open(encoding="utf-8", newline="") as file:
        return {(row["measure"], row["first"], row["second"]): row for row in csv.DictReader(file)}


AP, MAP = "AP (alignment, released)", "mAP (released)"


def test_a_clear_difference_is_told_apart_and_its_numbers_are_those_of_the_metrics(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = compare(folder, tmp_path, "good=good0.h5", "bad=bad0.h5")
    assert [key[0] for key in rows] == [AP, "AUC (alignment, released)", MAP]
    row = rows[AP, "good", "bad"]
    values = []
    for name in ("good", "bad"):
        _, scored = read_scores(folder / f"{name}0.h5")
        anomalies = [video.anomaly for video in scored.values()]
        events = [[EVENT] if number % 2 else [] for number in range(VIDEOS)]
        values.append(100 * average_precision(*join_frames(anomalies, events, normal="A", stride=16)))
    assert (float(row["first_mean"]), float(row["second_mean"])) == pytest.approx(values, abs=0.01)
    assert float(row["difference_mean"]) == pytest.approx(values[0] - values[1], abs=0.011)
    assert 0 < float(row["difference_low"]) < float(row["difference_mean"]) < float(row["difference_high"])
    assert float(row["p"]) == pytest.approx(1 / 401, abs=1e-4)
    assert (row["warning"], row["videos"], row["seeds"]) == ("", "24", "1 and 1")
    assert f"warning: {AP}" not in capsys.readouterr().err
    # mAP as the released evaluation has it.
    _, scored = read_scores(folder / "good0.h5")
    segments = [[EVENT] if number % 2 else [Segment("A", 0, 240)] for number in range(VIDEOS)]
    expected = 100 * released_map(detection_ap([one.classes for one in scored.values()], segments, CODES, 16)).mean()
    assert float(rows[MAP, "good", "bad"]["first_mean"]) == pytest.approx(expected, abs=0.01)


def test_a_model_against_itself_has_no_difference_and_a_warning(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = compare(folder, tmp_path, "one=good0.h5", "other=good0.h5")[AP, "one", "other"]
    assert (row["difference_mean"], row["difference_low"], row["difference_high"]) == ("0.00", "0.00", "0.00")
    assert row["p"] == "1.0000"
    assert row["warning"] == "within the spread over videos; p not below 0.05 after Holm's correction"
    assert f"warning: {AP}: one and other differ by 0.00, within the spread over videos" in capsys.readouterr().err


def test_seeds_are_averaged_and_their_spread_warns(folder: Path, tmp_path: Path) -> None:
    files = [f"{model}={model}{seed}.h5" for model in ("good", "equal") for seed in range(3)]
    row = compare(folder, tmp_path, *files)[AP, "good", "equal"]
    alone = [
        float(compare(folder, tmp_path, f"a=good{seed}.h5", "b=bad0.h5")[AP, "a", "b"]["first_mean"])
        for seed in range(3)
    ]
    assert float(row["first_mean"]) == pytest.approx(np.mean(alone), abs=0.011)
    assert float(row["first_std"]) == pytest.approx(np.std(alone, ddof=1), abs=0.011)
    assert row["seeds"] == "3 and 3"
    assert "within 2 standard deviations over seeds" in row["warning"]


def test_models_of_unlike_numbers_of_seeds_are_compared_too(folder: Path, tmp_path: Path) -> None:
    row = compare(folder, tmp_path, "good=good0.h5", "good=good1.h5", "bad=bad0.h5")[AP, "good", "bad"]
    assert (row["seeds"], row["warning"]) == ("2 and 1", "")


def test_every_pair_is_compared_and_p_is_corrected_for_their_number(folder: Path, tmp_path: Path) -> None:
    rows = compare(folder, tmp_path, "good=good0.h5", "equal=equal0.h5", "bad=bad0.h5")
    of_ap = [row for (measure, *_), row in rows.items() if measure == AP]
    assert [(row["first"], row["second"]) for row in of_ap] == [("good", "equal"), ("good", "bad"), ("equal", "bad")]
    smallest = min(float(row["p"]) for row in of_ap)
    assert min(float(row["p_holm"]) for row in of_ap) == pytest.approx(3 * smallest, abs=1e-3)
    assert "Holm's correction for 3 comparisons by this measure" in of_ap[0]["note"]


def test_the_table_has_twins_and_a_picture_that_are_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        compare(folder, tmp_path / name, "good=good0.h5", "bad=bad0.h5")
    names = ["comparison.csv", "comparison.md", "comparison.svg", "comparison.tex"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert "| good | bad |" in (tmp_path / "one" / "comparison.md").read_text()
    assert "\\toprule" in (tmp_path / "one" / "comparison.tex").read_text()


def test_a_method_that_tells_no_classes_is_compared_by_its_frames(folder: Path, tmp_path: Path) -> None:
    rows = compare(folder, tmp_path, "good=good0.h5", "none=classless.h5")
    assert [key[0] for key in rows] == [AP, "AUC (alignment, released)"]


def test_only_videos_that_all_files_have_count_and_that_is_said(folder: Path, tmp_path: Path) -> None:
    row = compare(folder, tmp_path, "good=good0.h5", "fewer=fewer.h5")[AP, "good", "fewer"]
    assert row["videos"] == "20 of 24"


def test_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "a=b.h5").touch()
    odd = str(tmp_path / "a=b.h5")
    assert named_files([odd, "x=y.h5", "x=z.h5"]) == {odd: [Path(odd)], "x": [Path("y.h5"), Path("z.h5")]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a=x.h5", "a=y.h5"], "only one model, 'a', is given"),
        (["a=x.h5", "a=x.h5", "b=y.h5"], "x.h5: is given twice for a"),
        (["=x.h5", "b=y.h5"], "'=x.h5' is not of the form NAME=FILE"),
        (["a=x.h5", "b=y.h5", "--swaps", "9"], "--swaps: 9 must be at least 100"),
        (["a=x.h5", "b=y.h5", "--name", "../x"], "--name: '../x' cannot name a file"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        main([*words, "--catalog", "c.jsonl", "--out", str(tmp_path)])


def test_the_page_shows_every_pair_and_how_the_numbers_came_about(folder: Path, tmp_path: Path) -> None:
    compare(folder, tmp_path, "<b>good=good0.h5", "bad=bad0.h5")
    page([str(tmp_path / "comparison.csv"), "--title", "Comparison", "--out", str(tmp_path / "c.html")])
    text = (tmp_path / "c.html").read_text()
    assert text.count("<td>&lt;b&gt;good</td><td>bad</td>") == 3
    assert "24 test videos; difference: first minus second" in text
    (tmp_path / "comparison.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"comparison\.csv: is no comparison"):
        page([str(tmp_path / "comparison.csv"), "--title", "Comparison", "--out", str(tmp_path / "c.html")])
