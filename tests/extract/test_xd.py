from pathlib import Path

import pytest

from extract.catalog import Segment, read_catalog
from extract.errors import InputError
from extract.xd import labels_of, main, read_annotations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "train/part 1/v=a__#1_label_A.mp4",
        "train/part 2/Film.2001__#00-01_00-02_label_B2-G-0.mp4",
        "test/v=n__#1_label_A.mp4",
        "test/v=b@2__#1_label_B1-0-0.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "annotations.txt").write_text("v=b@2__#1_label_B1-0-0.mp4 B1 5 90 B1 100 120 \n")
    return tmp_path


def run(folder: Path) -> None:
    paths = {"train": "train", "test": "test", "annotations": "annotations.txt", "out": "catalog.jsonl"}
    main([word for flag, name in paths.items() for word in (f"--{flag}", str(folder / name))])


def test_folders_and_annotations_become_a_catalog(folder: Path) -> None:
    run(folder)
    videos = {video.video_id: video for video in read_catalog(folder / "catalog.jsonl")}
    assert [video.split for video in videos.values()] == ["train", "train", "test", "test"]
    assert videos["Film.2001__#00-01_00-02_label_B2-G-0"].labels == ("B2", "G")
    assert videos["v=b@2__#1_label_B1-0-0"].segments == (Segment("B1", 5, 90), Segment("B1", 100, 120))
    assert videos["v=n__#1_label_A"].segments is None
    assert Path(videos["v=a__#1_label_A"].path).exists()


def test_an_annotation_for_an_absent_video_is_named(folder: Path) -> None:
    with (folder / "annotations.txt").open("a") as file:
        file.write("gone_label_G-0-0 G 1 2\n")
    with pytest.raises(InputError, match=r"annotations\.txt.*'gone_label_G-0-0'"):
        run(folder)
    assert not (folder / "catalog.jsonl").exists()


def test_a_violent_test_video_without_annotation_is_named(folder: Path) -> None:
    (folder / "test" / "new_label_B4-0-0.mp4").touch()
    with pytest.raises(InputError, match="'new_label_B4-0-0'"):
        run(folder)


def test_an_unknown_code_in_a_name_is_refused(folder: Path) -> None:
    (folder / "train" / "x_label_B3-0-0.mp4").touch()
    with pytest.raises(InputError, match=r"x_label_B3-0-0\.mp4.*'B3'"):
        run(folder)


def test_one_name_in_two_folders_is_refused(folder: Path) -> None:
    (folder / "train" / "v=n__#1_label_A.mp4").touch()
    with pytest.raises(InputError, match="the same name"):
        run(folder)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("v_label_B1-0-0 B1 5", "line 2: after the name"),
        ("v_label_B1-0-0 B7 5 9", "line 2: unknown label code 'B7'"),
        ("v_label_B1-0-0 B1 9 5", "line 2: B1 9 5"),
        ("v_label_B1-0-0 B1 a 5", "line 2: B1 a 5"),
        ("v_label_B1-0-0", "line 2: after the name"),
        ("a_label_G-0-0 G 1 2", "line 2: 'a_label_G-0-0' stands there twice"),
    ],
)
def test_a_malformed_annotation_names_its_line(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "annotations.txt"
    path.write_text(f"a_label_G-0-0 G 1 2\n{line}\n")
    with pytest.raises(InputError, match=reason):
        read_annotations(path)


def test_a_name_without_label_is_refused() -> None:
    with pytest.raises(InputError, match=r"holiday\.mp4.*no label"):
        labels_of("holiday", "holiday.mp4")


REAL = Path(__file__).parents[3] / "shared" / "data" / "xd"


@pytest.mark.skipif(not REAL.exists(), reason="needs XD-Violence's own lists in ../shared/data/xd")
def test_the_real_annotations_and_names_are_read() -> None:
    segments = read_annotations(REAL / "annotations_multiclasses.txt")
    names = (REAL / "test_videos.csv").read_text().split("\n")[1:]
    ids = [name.rsplit(",", 1)[0] for name in names if name]
    violent = {video_id for video_id in ids if labels_of(video_id, "list") != ("A",)}
    assert (len(ids), len(violent)) == (800, 500)
    assert set(segments) <= violent
