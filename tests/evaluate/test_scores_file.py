import math
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from evaluate.provenance import Provenance
from evaluate.scores_file import ScoredVideo, ScoresHeader, read_scores, write_scores
from extract.base.errors import InputError

HEADER = ScoresHeader(16, ("A", "B1"), Provenance(method="student", seed=3, mismatch=("stride: 16, not 4",)))


def video(snippets: int = 3, frames: int = 40) -> ScoredVideo:
    rng = np.random.default_rng(snippets)
    classes = rng.random((snippets, 2), dtype=np.float32)
    return ScoredVideo(rng.random(snippets, dtype=np.float32), 1 - classes[:, 0], classes, frames, 23.976)


@pytest.mark.parametrize(
    "video_id",
    [
        "v=ab#1_label_B1-0-0",
        "Bad.Boys.1995__#01-11-55_01-12-40_label_G-B2-B6",
        "a..b.",
        "fight 'n' \"run\" @home",
        "打架_視頻",
        "e\u0301te\u0301",
        "*?[x]$(y);~\\",
    ],
)
def test_scores_come_back_as_written_whatever_the_video_is_called(tmp_path: Path, video_id: str) -> None:
    write_scores(tmp_path / "scores.h5", HEADER, [(video_id, video())])
    header, videos = read_scores(tmp_path / "scores.h5")
    assert header == HEADER
    assert list(videos) == [video_id]
    for name in ("anomaly", "anomaly_alignment", "classes"):
        np.testing.assert_array_equal(getattr(videos[video_id], name), getattr(video(), name))
    assert (videos[video_id].frames, videos[video_id].fps) == (40, 23.976)


@pytest.mark.parametrize("video_id", ["", ".", "..", ".hidden", "a/b", "a\nb", "a\0b"])
def test_an_id_that_cannot_name_a_group_is_refused(tmp_path: Path, video_id: str) -> None:
    with pytest.raises(InputError, match="video_id"):
        write_scores(tmp_path / "scores.h5", HEADER, [(video_id, video())])
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_fails_halfway_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.h5"
    write_scores(path, HEADER, [("old", video())])

    def broken() -> Iterator[tuple[str, ScoredVideo]]:
        yield "new", video()
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError):
        write_scores(path, HEADER, broken())
    assert list(read_scores(path)[1]) == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_video_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        write_scores(tmp_path / "scores.h5", HEADER, [("a", video()), ("a", video())])


def foreign_file(path: Path) -> None:
    """A file as another tool may write it: fixed-length strings, double precision, nothing optional."""
    with h5py.File(path, "w") as file:
        file.attrs["format"] = np.bytes_(b"avadclip-scores")
        file.attrs["version"] = 1.0
        file.attrs["stride"] = np.uint8(16)
        file.attrs["classes"] = np.array([b"A", b"B1"])
        file.attrs["made_by"] = "someone else"
        group = file.create_group("a")
        group["anomaly"] = np.array([0.25, 0.5])
        group["anomaly_alignment"] = np.array([0.5, 0.75])
        group["classes"] = np.array([[0.5, 0.5], [0.25, 0.75]])
        group["extra"] = "ignored"


def test_a_file_of_another_tool_without_optional_attributes_reads(tmp_path: Path) -> None:
    path = tmp_path / "scores.h5"
    foreign_file(path)
    header, videos = read_scores(path)
    assert header == ScoresHeader(16, ("A", "B1"), Provenance())
    assert videos["a"].frames == -1
    assert math.isnan(videos["a"].fps)
    assert videos["a"].anomaly.dtype == np.float32
    assert videos["a"].classes.tolist() == [[0.5, 0.5], [0.25, 0.75]]


@pytest.mark.parametrize("name", ["format", "version", "stride", "classes"])
def test_a_missing_root_attribute_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scores.h5"
    foreign_file(path)
    with h5py.File(path, "a") as file:
        del file.attrs[name]
    with pytest.raises(InputError, match=f"scores.h5: attribute {name} is missing"):
        read_scores(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "avadclip-shard"),
        ("version", 2),
        ("version", [1, 1]),
        ("stride", 0),
        ("stride", 16.5),
        ("stride", "many"),
        ("classes", ["A"]),
        ("classes", ["A", "A"]),
        ("provenance", "{"),
        ("provenance", "[]"),
        ("provenance", '{"seed": "three"}'),
        ("provenance", '{"mismatch": "all"}'),
    ],
)
def test_a_malformed_root_attribute_is_named(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "scores.h5"
    foreign_file(path)
    with h5py.File(path, "a") as file:
        file.attrs[name] = value
    with pytest.raises(InputError, match=rf"scores\.h5: attribute {name}"):
        read_scores(path)


@pytest.mark.parametrize("name", ["anomaly", "anomaly_alignment", "classes"])
def test_a_missing_dataset_is_named_with_its_video(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scores.h5"
    foreign_file(path)
    with h5py.File(path, "a") as file:
        del file["a"][name]
    with pytest.raises(InputError, match=f"'a': dataset {name} is missing"):
        read_scores(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("anomaly", [0.5]),
        ("anomaly", [[0.5], [0.5]]),
        ("anomaly", [0.5, np.nan]),
        ("anomaly_alignment", [0.5, np.inf]),
        ("anomaly_alignment", ["x", "y"]),
        ("classes", [[0.5, 0.25, 0.25]] * 2),
        ("classes", 0.5),
    ],
)
def test_a_malformed_dataset_is_named_with_its_video(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "scores.h5"
    foreign_file(path)
    with h5py.File(path, "a") as file:
        del file["a"][name]
        file["a"][name] = value
    with pytest.raises(InputError, match="'a': dataset"):
        read_scores(path)


def test_a_video_without_snippets_is_refused(tmp_path: Path) -> None:
    empty = ScoredVideo(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
    with pytest.raises(InputError, match="at least 1"):
        write_scores(tmp_path / "scores.h5", HEADER, [("a", empty)])


@pytest.mark.parametrize("frames", [0, -2, 1.5])
def test_an_impossible_number_of_frames_is_refused(tmp_path: Path, frames: float) -> None:
    path = tmp_path / "scores.h5"
    foreign_file(path)
    with h5py.File(path, "a") as file:
        file["a"].attrs["frames"] = frames
    with pytest.raises(InputError, match="'a': attribute frames"):
        read_scores(path)


@pytest.mark.parametrize("fps", [0.0, -25.0, math.inf])
def test_an_impossible_frame_rate_is_refused(tmp_path: Path, fps: float) -> None:
    foreign_file(tmp_path / "scores.h5")
    with h5py.File(tmp_path / "scores.h5", "a") as file:
        file["a"].attrs["fps"] = fps
    with pytest.raises(InputError, match="'a': attribute fps"):
        read_scores(tmp_path / "scores.h5")


def test_a_stray_dataset_at_the_root_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.h5"
    foreign_file(path)
    with h5py.File(path, "a") as file:
        file["stray"] = 1.0
    with pytest.raises(InputError, match="'stray' is no group"):
        read_scores(path)


def test_an_absent_a_foreign_and_a_truncated_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.h5"
    with pytest.raises(InputError, match=r"scores\.h5: no such"):
        read_scores(path)
    path.write_text("no HDF5")
    with pytest.raises(InputError, match=r"scores\.h5: no readable HDF5"):
        read_scores(path)
    foreign_file(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"scores\.h5"):
        read_scores(path)


def test_classes_have_the_words_of_the_file_and_else_those_of_the_built_in_sets(tmp_path: Path) -> None:
    own = ScoresHeader(16, ("A", "火事"), prompts=("calm", "火"))
    write_scores(tmp_path / "own.h5", own, [("a", video())])
    assert read_scores(tmp_path / "own.h5")[0] == own
    assert own.names == ["calm", "火"]
    write_scores(tmp_path / "before.h5", HEADER, [("a", video())])
    assert read_scores(tmp_path / "before.h5")[0].names == ["normal", "fighting"]
    with h5py.File(tmp_path / "own.h5", "r+") as file:
        file.attrs["prompts"] = ["calm"]
    with pytest.raises(InputError, match=r"own\.h5: attribute prompts has 1 texts for 2 classes"):
        read_scores(tmp_path / "own.h5")
