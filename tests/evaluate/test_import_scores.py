import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluate import metrics, operating_point, tables
from evaluate.alarms import __main__ as alarms
from evaluate.import_scores import main
from evaluate.scores_file import read_scores
from evaluate.twins import read_rows
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog
from extract.check import check
from tests.test_help import ROOT

# Three test videos, in the catalog's order; 16 frames a snippet.
FRAMES = {"fight": 40, "quiet": 33, "riot": 64}
EVENTS = {"fight": ("B1", 10, 30), "riot": ("B4", 0, 20)}
CODES = ("A", "B1", "B2", "B4", "B5", "B6", "G")
Import = Callable[..., Path]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.jsonl"
    videos = [Video("other", "train", "", ("A",))]
    for name, frames in FRAMES.items():
        events = tuple([Segment(*EVENTS[name])] if name in EVENTS else [])
        videos.append(Video(name, "test", "", (EVENTS[name][0] if name in EVENTS else "A",), events, frames, 25.0))
    write_catalog(path, videos)
    return path


@pytest.fixture
def imported(tmp_path: Path, catalog: Path) -> Import:
    def run(source: Path, *words: str, **flags: object) -> Path:
        given = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
        out = tmp_path / "scores.h5"
        main([str(source), "--catalog", str(catalog), "--dataset", "xd", "--out", str(out), *given, *words])
        return out

    return run


def save(path: Path, values: NDArray[np.float64]) -> Path:
    path.parent.mkdir(exist_ok=True)
    np.save(path, values, allow_pickle=False)
    return path


def some_scores(seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """A score a snippet."""
    random = np.random.default_rng(seed)
    return {name: random.random(-(-frames // 16)).round(4) for name, frames in FRAMES.items()}


def labels() -> dict[str, NDArray[np.bool_]]:
    """Whether each frame is abnormal."""
    found = {name: np.zeros(frames, np.bool_) for name, frames in FRAMES.items()}
    for name, (_, start, end) in EVENTS.items():
        found[name][start:end] = True
    return found


def test_an_array_in_the_list_s_order_gives_the_ap_and_auc_of_its_frames(
    tmp_path: Path, catalog: Path, imported: Import
) -> None:
    order = ["riot", "fight", "quiet"]
    frames = {name: np.repeat(values, 16)[: FRAMES[name]] for name, values in some_scores().items()}
    joined = np.concatenate([frames[name] for name in order])
    (tmp_path / "test.list").write_text("".join(f"/somewhere/{name}__0.npy\n" for name in order))
    path = imported(save(tmp_path / "all.npy", joined), list=tmp_path / "test.list")
    header, videos = read_scores(path)
    assert check(path)[1] == []
    assert (header.stride, header.tells_classes, [*videos]) == (16, False, [*FRAMES])
    for name, values in some_scores().items():
        np.testing.assert_array_equal(videos[name].anomaly, values.astype(np.float32))
        assert videos[name].frames == FRAMES[name]
    found = metrics.measure(path, catalog)["classification"]["exact"]
    truth = np.concatenate([labels()[name] for name in order])
    assert found["ap"] == pytest.approx(100 * average_precision_score(truth, joined))
    assert found["auc"] == pytest.approx(100 * roc_auc_score(truth, joined))


def test_scores_that_differ_from_frame_to_frame_lose_nothing(tmp_path: Path, catalog: Path, imported: Import) -> None:
    random = np.random.default_rng(1)
    frames = {name: random.random(count) for name, count in FRAMES.items()}
    path = imported(save(tmp_path / "all.npy", np.concatenate([*frames.values()])))
    header, videos = read_scores(path)
    assert header.stride == 1
    np.testing.assert_array_equal(videos["riot"].anomaly, frames["riot"].astype(np.float32))
    truth = np.concatenate([*labels().values()])
    expected = 100 * average_precision_score(truth, np.concatenate([*frames.values()]))
    both = metrics.measure(path, catalog)["alignment"]
    assert (both["exact"]["ap"], both["released"]["ap"]) == (pytest.approx(expected), pytest.approx(expected))


@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_a_file_a_video_is_found_by_its_name(tmp_path: Path, imported: Import, suffix: str) -> None:
    for name, values in some_scores().items():
        path = tmp_path / "folder" / f"{name}_pred{suffix}"
        if suffix == ".npy":
            save(path, values)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(f"0,{value}\n" for value in values.tolist()))
    columns = ["--columns", "-", "anomaly"] if suffix == ".csv" else []
    _, videos = read_scores(imported(tmp_path / "folder", *columns, suffix="_pred"))
    for name, values in some_scores().items():
        np.testing.assert_array_equal(videos[name].anomaly, values.astype(np.float32))


def test_columns_of_classes_give_an_map(tmp_path: Path, catalog: Path, imported: Import) -> None:
    random = np.random.default_rng(2)
    classes = {name: random.dirichlet(np.ones(7), len(values)) for name, values in some_scores().items()}
    order = ["G", "A", "B1", "B2", "B4", "B5", "B6"]
    columns = [CODES.index(code) for code in order]
    (tmp_path / "folder").mkdir()
    for name, rows in classes.items():
        lines = [",".join(map(str, row)) for row in rows[:, columns].tolist()]
        (tmp_path / "folder" / f"{name}.csv").write_text("\n".join([",".join(order), *lines]))
    path = imported(tmp_path / "folder")
    header, videos = read_scores(path)
    assert header.tells_classes
    np.testing.assert_allclose(videos["riot"].classes, classes["riot"], atol=1e-6)
    np.testing.assert_allclose(videos["riot"].anomaly, 1 - classes["riot"][:, 0], atol=1e-6)
    assert metrics.measure(path, catalog)["map"]["abnormal"]["avg"] is not None


def test_a_column_of_anomaly_beside_the_classes_is_the_classification_branch(tmp_path: Path, imported: Import) -> None:
    rows = np.concatenate([np.full((10, 1), 0.25), np.full((10, 7), 1 / 7)], axis=1)
    _, videos = read_scores(imported(save(tmp_path / "all.npy", rows), "--columns", "anomaly", *CODES))
    assert set(videos["fight"].anomaly.tolist()) == {0.25}
    np.testing.assert_allclose(videos["fight"].anomaly_alignment, 6 / 7, rtol=1e-6)


def test_lengths_may_come_from_a_file_and_videos_may_be_left_out(
    tmp_path: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lengths.csv").write_text("video_id,rows\nfight,2\nquiet,3\n")
    (tmp_path / "list").write_text("quiet\nfight\n")
    source = save(tmp_path / "all.npy", np.arange(5.0) / 5)
    given = {"list": tmp_path / "list", "lengths": tmp_path / "lengths.csv"}
    with pytest.raises(InputError, match="has nothing for 1 of 3 test videos, first 'riot'; .* --allow-missing"):
        imported(source, **given)
    _, videos = read_scores(imported(source, "--allow-missing", **given))
    assert videos["fight"].anomaly.tolist() == pytest.approx([0.6, 0.8])
    assert "warning" in capsys.readouterr().err


def test_a_list_in_another_order_is_suspected_though_the_sum_fits(
    tmp_path: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [np.repeat(values, 16)[: FRAMES[name]] for name, values in some_scores().items()]
    (tmp_path / "list").write_text("riot\nquiet\nfight\n")
    imported(save(tmp_path / "all.npy", np.concatenate(frames)), list=tmp_path / "list")
    assert "is the list in the array's order?" in capsys.readouterr().err


def test_scores_outside_0_to_1_are_kept_and_named(
    tmp_path: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    _, videos = read_scores(imported(save(tmp_path / "all.npy", np.arange(10.0) - 1), rows="snippets-up"))
    assert videos["riot"].anomaly.max() == 8
    assert "3 videos have scores outside 0..1, first 'fight'" in capsys.readouterr().err


class Evil:
    """Makes a file as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["all.npy", "all.pkl", "all.pth"])
def test_no_pickle_is_opened(tmp_path: Path, imported: Import, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        if name == "all.npy":
            np.save(file, np.array([Evil(tmp_path / "evil"), None], dtype=object), allow_pickle=True)
        else:
            pickle.dump(Evil(tmp_path / "evil"), file)
    with pytest.raises(InputError, match="is a pickle.* which runs code as it is read; .* docs/unpickle_scores.py"):
        imported(tmp_path / name)
    assert not (tmp_path / "evil").exists()


def test_what_a_user_unpickles_himself_can_be_imported(tmp_path: Path, imported: Import) -> None:
    pickled = {
        "Abuse": {"fight": some_scores()["fight"]},
        **{name: some_scores()[name].tolist() for name in ("quiet", "riot")},
    }
    np.save(tmp_path / "pre_dict.npy", np.array(pickled, dtype=object), allow_pickle=True)
    script = ROOT / "docs/unpickle_scores.py"
    subprocess.run([sys.executable, script, "pre_dict.npy", "--out", "folder"], cwd=tmp_path, check=True)
    _, videos = read_scores(imported(tmp_path / "folder"))
    np.testing.assert_array_equal(videos["riot"].anomaly, some_scores()["riot"].astype(np.float32))


@pytest.mark.parametrize(
    ("values", "words", "message"),
    [
        (np.zeros((10, 2)), [], "--columns: names 0, but .* has 2 columns; say what each is"),
        (np.zeros((10, 2)), ["--columns", "anomaly", "B9"], "--columns: 'B9' is no column; use anomaly, A, B1"),
        (np.zeros((10, 2)), ["--columns", "A", "B1"], "lacks B2, B4, B5, B6, G; name anomaly, every class, or both"),
        (np.full(9, np.nan), [], "row 0 is not finite"),
        (np.full(9, 1e300), [], "row 0 is not finite, or too large"),
        (np.zeros((3, 3, 1)), [], "must be numbers .rows. or .rows, C."),
        (np.zeros(9), [], "has 9 rows, but its 3 videos need"),
        (np.zeros(0), [], "holds no number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, imported: Import, values: NDArray[np.float64], words: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        imported(save(tmp_path / "all.npy", values), *words)
    assert not (tmp_path / "scores.h5").exists()


def test_classes_of_one_s_own_are_named_by_their_file(tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text("nothing: nothing\nfall: a person falling\n")
    videos = [
        Video("a", "test", "", ("fall",), (Segment("fall", 0, 9),), 32),
        Video("b", "test", "", ("nothing",), None, 16),
    ]
    write_catalog(tmp_path / "own.jsonl", videos)
    source = save(tmp_path / "all.npy", np.array([0.9, 0.2, 0.1]))
    words = ["--catalog", str(tmp_path / "own.jsonl"), "--classes", str(tmp_path / "classes.yaml")]
    main([str(source), *words, "--out", str(tmp_path / "own.h5")])
    header, _ = read_scores(tmp_path / "own.h5")
    assert (header.classes, header.prompts) == (("nothing", "fall"), ("nothing", "a person falling"))


def test_alarms_are_counted_and_a_threshold_is_chosen_by_imported_scores(
    tmp_path: Path, catalog: Path, imported: Import
) -> None:
    scores = imported(save(tmp_path / "all.npy", np.concatenate([*some_scores().values()])))
    given = ["--scores", str(scores), "--catalog", str(catalog)]
    alarms.main([*given, "--out", str(tmp_path / "alarms.json")])
    operating_point.main([*given, "--alarms-per-hour", "5000", "--out", str(tmp_path / "point.json")])
    point = operating_point.read_point(tmp_path / "point.json")
    at = json.loads((tmp_path / "alarms.json").read_text())["alarms"]["merged"]["0"]["at_threshold"]
    assert 0 < point.threshold < 1
    assert at["found"] is not None


def test_a_table_is_made_of_imported_scores(tmp_path: Path, catalog: Path, imported: Import) -> None:
    scores = imported(save(tmp_path / "all.npy", np.concatenate([*some_scores().values()])), method="theirs")
    metrics.main(["--scores", str(scores), "--catalog", str(catalog), "--out", str(tmp_path / "m.json")])
    reported = ["--reported", str(ROOT / "evaluate/reported/xd_table1.csv"), "--row", "theirs=RTFM"]
    measured = ["--measured", f"theirs={tmp_path / 'm.json'}", "--modality", "theirs=RGB"]
    tables.main(["--table", "1", *reported, *measured, "--out", str(tmp_path / "table.csv")])
    (row,) = [line for line in read_rows(tmp_path / "table.csv") if line["measured_ap_mean"]]
    assert "scores imported from all.npy" in row["note"]
