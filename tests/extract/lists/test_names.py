"""An accent as one character or as two is the same name, and what a folder leaves out is counted."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from extract import cctv, own, ucf, xd
from extract.base.errors import InputError
from extract.catalog import Segment, Video, read_catalog
from extract.lists.feature_list import read_feature_list
from extract.lists.video_sources import read_source
from extract.npy.feature_folder import FeatureFolder
from tests.cases.clips import write
from tests.extract.made_videos import write_numbered


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


Form = Callable[[str], str]
FORMS = [(composed, decomposed), (decomposed, composed)]


def catalog(module: object, folder: Path, **sources: Path) -> dict[str, Video]:
    out = folder / "catalog.jsonl"
    flags = [word for name, path in sources.items() for word in (f"--{name}", str(path))]
    more = ["--dataset", "xd"] if module is own else []
    module.main([*flags, *more, "--out", str(out)])  # type: ignore[attr-defined]
    return {video.video_id: video for video in read_catalog(out)}


@pytest.mark.parametrize(("in_list", "here"), FORMS)
def test_a_listed_video_is_found_in_either_form(tmp_path: Path, in_list: Form, here: Form) -> None:
    folder = tmp_path / "videos" / here("über")
    folder.mkdir(parents=True)
    path = write_numbered(folder / here("café.mp4"), 50)
    rows = tmp_path / "list.csv"
    rows.write_text(f"video,split,labels,segments,unit\n{in_list('über/café.mp4')},test,B1,B1 0.4 1,seconds\n")
    videos = catalog(own, tmp_path, videos=tmp_path / "videos", list=rows)
    assert list(videos) == ["café"] == [composed("café")]
    assert Path(videos["café"].path) == path
    assert videos["café"].segments == (Segment("B1", 10, 25),)


@pytest.mark.parametrize(("in_list", "here"), FORMS)
def test_annotations_find_their_videos_in_either_form(tmp_path: Path, in_list: Form, here: Form) -> None:
    for name in ("train/Ruée__#1_label_A.mp4", "test/Élan__#2_label_B1-0-0.mp4"):
        path = tmp_path / here(name)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    events = tmp_path / "events.txt"
    events.write_text(in_list("Élan__#2_label_B1-0-0 B1 5 9\n"))
    videos = catalog(xd, tmp_path, train=tmp_path / "train", test=tmp_path / "test", annotations=events)
    assert videos["Élan__#2_label_B1-0-0"].segments == (Segment("B1", 5, 9),)
    assert list(videos) == ["Ruée__#1_label_A", "Élan__#2_label_B1-0-0"]

    events.write_text(in_list("Élan__#2 5 9\n"))
    videos = catalog(cctv, tmp_path, train=tmp_path / "train", test=tmp_path / "test", annotations=events)
    assert videos["Élan__#2_label_B1-0-0"].segments == (Segment("B1", 5, 9),)
    events = tmp_path / "groundtruth.json"
    entry = {"frame_rate": 25, "annotations": [{"segment": [0.2, 0.36]}]}
    events.write_text(json.dumps({"database": {in_list("Élan__#2"): entry}}))
    videos = catalog(cctv, tmp_path, train=tmp_path / "train", test=tmp_path / "test", annotations=events)
    assert videos["Élan__#2_label_B1-0-0"].segments == (Segment("B1", 5, 9),)


@pytest.mark.parametrize(("in_list", "here"), FORMS)
def test_ucf_lists_find_their_videos_in_either_form(tmp_path: Path, in_list: Form, here: Form) -> None:
    for name in ("a/Ruée_x264.mp4", "b/Été_x264.mp4"):
        path = tmp_path / "videos" / here(name)
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / "train.txt").write_text(in_list("Training_Normal_Videos_Anomaly/Ruée_x264.mp4\n"))
    (tmp_path / "test.txt").write_text(here("Abuse/Été_x264.mp4\n"))
    (tmp_path / "events.txt").write_text(in_list("Été_x264.mp4  Abuse  5  9  -1  -1\n"))
    sources = {"train": tmp_path / "train.txt", "test": tmp_path / "test.txt", "annotations": tmp_path / "events.txt"}
    videos = catalog(ucf, tmp_path, videos=tmp_path / "videos", **sources)
    assert list(videos) == ["Ruée_x264", "Été_x264"]
    assert all(Path(video.path).is_file() for video in videos.values())


@pytest.mark.parametrize(("in_list", "here"), FORMS)
def test_a_list_of_features_finds_its_files_in_either_form(tmp_path: Path, in_list: Form, here: Form) -> None:
    path = tmp_path / here("Ruée/Été_label_A__0.npy")
    path.parent.mkdir()
    np.save(path, np.zeros((1, 512), np.float16))
    rows = tmp_path / "list.csv"
    rows.write_text(in_list("path,label\n/home/author/Ruée/Été_label_A__0.npy,A\n"))
    (video,) = read_feature_list(rows)
    assert video.video_id == composed("Été_label_A")
    assert FeatureFolder(tmp_path).find(video.visual[0], "here") == path


def test_one_name_in_two_forms_is_refused(tmp_path: Path) -> None:
    (tmp_path / composed("é.mp4")).touch()
    (tmp_path / decomposed("é.mp4")).touch()
    with pytest.raises(InputError, match="has the same name"):
        read_source(tmp_path)


def test_a_list_made_on_windows_names_files_by_their_end(tmp_path: Path) -> None:
    """Backslashes, CRLF and a byte order mark; ids are the files' stems."""
    (tmp_path / "features").mkdir()
    lines = ["path,label"]
    for video, label in (("clip1_label_A", "A"), ("clip2_label_B1-0-0", "B1-0-0")):
        for crop in (0, 5):
            np.save(tmp_path / "features" / f"{video}__{crop}.npy", np.zeros((9, 512), np.float16))
            lines.append(f"D:\\data\\xd\\{video}__{crop}.npy,{label}")
    rows = tmp_path / "xd_win_test.csv"
    rows.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    listed = read_feature_list(rows)
    assert [(video.video_id, video.labels) for video in listed] == [
        ("clip1_label_A", ("A",)),
        ("clip2_label_B1-0-0", ("B1",)),
    ]
    folder = FeatureFolder(tmp_path / "features")
    for video in listed:
        assert [folder.find(video.visual[crop], "here").name for crop in (0, 5)] == [
            f"{video.video_id}__{crop}.npy" for crop in (0, 5)
        ]


def test_files_of_cameras_old_programs_phones_and_discs_are_seen(tmp_path: Path) -> None:
    kinds = {"b.MTS": "mpegts", "d.3gp": "3gp"}
    for name, form in kinds.items():
        write(tmp_path / name, 3, form=form)
    write(tmp_path / "c.wmv", 3, codec="wmv2", form="asf")
    write(tmp_path / "e.VOB", 3, codec="mpeg2video", form="vob")
    assert [video.video_id for video in read_source(tmp_path)] == ["b", "c", "d", "e"]


def test_what_a_folder_leaves_out_is_counted_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.mp4", "deep/b.mkv", "x.npy", "deep/y.NPY", "notes.txt", "README", ".hidden.xyz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [video.video_id for video in read_source(tmp_path)] == ["a", "b"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path}: 4 files are no videos by their names and left out: 2 .npy, ")
    assert {part.strip() for part in line.split(":")[-1].split(",")} == {"2 .npy", "1 .txt", "1 without suffix"}


def test_a_folder_of_videos_alone_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").touch()
    read_source(tmp_path)
    assert capsys.readouterr().err == ""
