import json
from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.catalog import Segment, Video, read_catalog
from extract.ucf import main

TRAIN = "Abuse/Abuse001_x264.mp4\nTraining_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4\n"
TEST = "RoadAccidents/RoadAccidents002_x264.mp4 \nTesting_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4\n"
ANNOTATIONS = (
    "RoadAccidents002_x264  RoadAccidents  10  20  30  45  \nNormal_Videos_003_x264  Normal  -1  -1  -1  -1  \n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.txt").write_text(TRAIN)
    (tmp_path / "test.txt").write_text(TEST)
    (tmp_path / "annotations.txt").write_text(ANNOTATIONS)
    for name in (
        "Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4",
        "Anomaly-Videos-Part-3/RoadAccidents/RoadAccidents002_x264.mp4",
        "Training-Normal-Videos-Part-1/Normal_Videos001_x264.mp4",
        "Testing_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4",
    ):
        (tmp_path / "videos" / name).parent.mkdir(parents=True)
        (tmp_path / "videos" / name).touch()
    return tmp_path


def run(folder: Path, train: str = "train.txt", test: str = "test.txt", videos: bool = True) -> list[Video]:
    lists = ["--train", str(folder / train), "--test", str(folder / test)]
    annotations = ["--annotations", str(folder / "annotations.txt")]
    found = ["--videos", str(folder / "videos")] if videos else []
    main([*lists, *annotations, *found, "--out", str(folder / "catalog.jsonl")])
    return read_catalog(folder / "catalog.jsonl")


def test_lists_and_scattered_folders_become_a_catalog(folder: Path) -> None:
    abuse, normal, accident, other = run(folder)
    assert [abuse.split, normal.split, accident.split, other.split] == ["train", "train", "test", "test"]
    assert [abuse.labels, normal.labels, accident.labels] == [("Abuse",), ("Normal",), ("RoadAccidents",)]
    assert accident.segments == (Segment("RoadAccidents", 10, 20), Segment("RoadAccidents", 30, 45))
    assert other.segments == ()
    assert abuse.segments is None
    assert abuse.path == str(folder / "videos/Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4")


def test_feature_lists_give_the_same_videos_without_paths(folder: Path) -> None:
    expected = run(folder, videos=False)
    for name in ("train", "test"):
        part = [video for video in expected if video.split == name]
        rows = [f"/data/{video.video_id}__{crop}.npy,{video.labels[0]}" for video in part for crop in range(2)]
        (folder / f"{name}.csv").write_text("\n".join(["path,label", *rows]))
    assert run(folder, "train.csv", "test.csv", videos=False) == expected
    assert {video.path for video in expected} == {""}


def test_names_with_mp4_as_downloaded_are_accepted_and_reported_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = run(folder)
    assert capsys.readouterr().err == ""
    (folder / "annotations.txt").write_text(ANNOTATIONS.replace("_x264", "_x264.mp4"))
    assert run(folder) == expected
    error = capsys.readouterr().err
    assert error == f"{folder / 'annotations.txt'}: 2 lines with .mp4 after the name, which is dropped: 1-2\n"


def test_an_absent_video_names_list_line_and_how_many(folder: Path) -> None:
    (folder / "videos/Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4").unlink()
    (folder / "videos/Testing_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4").unlink()
    with pytest.raises(InputError, match=r"train\.txt, line 1: 'Abuse001_x264' is not in .* 2 of 4 listed"):
        run(folder)
    assert not (folder / "catalog.jsonl").exists()


def test_videos_in_neither_list_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "videos" / "Normal_Videos_999_x264.mp4").touch()
    run(folder)
    assert "1 videos are in neither list and left out, first" in capsys.readouterr().err


def test_two_files_of_a_listed_name_are_refused(folder: Path) -> None:
    (folder / "videos" / "Abuse001_x264.mp4").touch()
    with pytest.raises(InputError, match=r"Abuse001_x264\.mp4 has the same name, which .*train\.txt, line 1 lists"):
        run(folder)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Abuse003_x264.mp4", r"line 3: 'Abuse003_x264\.mp4' must be"),
        ("Abuse/Abuse003_x264", r"line 3: 'Abuse/Abuse003_x264' must be"),
        ("Abuse/../Abuse003_x264.mp4", "line 3: .* must be"),
        ("Abuse/.mp4", "line 3: video_id is empty"),
        ("abuse/Abuse003_x264.mp4", "line 3: unknown label code 'abuse'"),
        ("Normal/Normal_Videos_003_x264.mp4", r"test\.txt, line 2: .* stands in .*train\.txt, line 3 already"),
        ("Abuse/Abuse001_x264.mp4", r"train\.txt, line 3: 'Abuse001_x264' stands in .*train\.txt, line 1 already"),
    ],
)
def test_a_wrong_line_of_a_list_is_named(folder: Path, line: str, reason: str) -> None:
    (folder / "train.txt").write_text(f"{TRAIN}{line}\n")
    with pytest.raises(InputError, match=reason):
        run(folder)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("RoadAccidents002_x264 RoadAccidents", "line 1: after the name must follow"),
        ("RoadAccidents002_x264 RoadAccidents 1 2 3", "line 1: after the name must follow"),
        ("RoadAccidents002_x264 RoadAccidents 20 10", "line 1: 20 10 must be whole frames"),
        ("RoadAccidents002_x264 RoadAccidents 5 -1", "line 1: 5 -1 must be whole frames"),
        ("RoadAccidents002_x264 Abuse 1 2", r"line 1: class Abuse contradicts .*test\.txt, line 1"),
        ("RoadAccidents002_x264 RoadAccidents -1 -1", "no segment for 'RoadAccidents002_x264'"),
        ("Normal_Videos_003_x264 Normal 1 2", "line 1: a normal video has no event"),
        ("Abuse777_x264 Abuse 1 2", "line 1: 'Abuse777_x264' is not in the list"),
        ("Normal_Videos_003_x264 Normal -1 -1\nNormal_Videos_003_x264 Normal -1 -1", "line 2: .* twice"),
    ],
)
def test_a_wrong_annotation_is_named(folder: Path, line: str, reason: str) -> None:
    (folder / "annotations.txt").write_text(f"{line}\n")
    with pytest.raises(InputError, match=rf"annotations\.txt.*{reason}|{reason}"):
        run(folder)


REAL = Path(__file__).parents[4] / "shared" / "data" / "ucf"


@pytest.mark.skipif(not REAL.exists(), reason="needs UCF-Crime's own lists in ../shared/data/ucf")
def test_the_real_lists_give_the_segments_that_the_released_evaluation_uses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"train": "Anomaly_Train", "test": "Anomaly_Test", "annotations": "Temporal_Anomaly_Annotation"}
    flags = [word for flag, name in files.items() for word in (f"--{flag}", str(REAL / f"{name}.txt"))]
    main([*flags, "--out", str(tmp_path / "catalog.jsonl")])
    assert capsys.readouterr() == (f"{tmp_path / 'catalog.jsonl'}: 1610 train and 290 test videos\n", "")
    test = [video for video in read_catalog(tmp_path / "catalog.jsonl") if video.split == "test"]
    ours = [
        {"labels": [event.label for event in video.segments], "segments": [[e.start, e.end] for e in video.segments]}
        for video in test
        if video.segments
    ]
    released = json.loads((REAL / "gt_ucf.json").read_text())
    # Normal videos stand there as A, which is no class of this set and counts nothing.
    assert ours == [entry for entry in released if entry["labels"] != ["A"]]
    assert len(ours) == 140
    assert all(video.labels == ("Normal",) for video in test if not video.segments)
