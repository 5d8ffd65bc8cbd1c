"""ShanghaiTech, MSAD, UBnormal, TAD and LAD2000 from files as their authors have them."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from extract.base.errors import InputError
from extract.catalog import Segment, Video, read_catalog
from extract.catalogs import lad, msad, shanghaitech, tad, ubnormal
from extract.datasets import DATA_SETS
from tests.extract.made_videos import write_numbered

Entry = tuple[str, str, list[list[float]]]


def uniform(path: Path, entries: Sequence[Entry]) -> Path:
    path.write_text(
        json.dumps(
            [
                {
                    "path": f"other_datasets/x_features/{name}.npy",
                    "video_path": f"other_datasets/x_videos/{name}.mp4",
                    "class_name": code,
                    "descriptions": None,
                    "anomaly_span": spans,
                }
                for name, code, spans in entries
            ]
        )
    )
    return path


def catalog(main: Callable[[Sequence[str]], None], folder: Path, **sources: Any) -> dict[str, Video]:
    out = folder / "catalog.jsonl"
    main([*(word for name, path in sources.items() for word in (f"--{name}", str(path))), "--out", str(out)])
    return {video.video_id: video for video in read_catalog(out)}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def frames(folder: Path, **counts: int) -> Path:
    return write(folder / "frames.csv", "video_id,frames\n" + "".join(f"{k},{v}\n" for k, v in counts.items()))


@pytest.fixture
def shanghai(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "masks").mkdir()
    for name, mask in {"01_0015": [0, 1, 1, 0, 0, 1], "04_0001": [1, 1, 0]}.items():
        np.save(tmp_path / f"masks/{name}.npy", np.array(mask, np.float64))
    return {
        "train": write(tmp_path / "SH_Train.txt", "01_001\n04_0001"),
        "test": write(tmp_path / "SH_Test.txt", "01_0015\n02_003"),
        "annotations": tmp_path / "masks",
    }


def test_shanghaitech_s_masks_become_segments_and_lengths(tmp_path: Path, shanghai: dict[str, Path]) -> None:
    found = catalog(shanghaitech.main, tmp_path, **shanghai)
    assert {name: (video.split, *video.labels) for name, video in found.items()} == {
        "01_001": ("train", "Normal"),
        "04_0001": ("train", "Abnormal"),
        "01_0015": ("test", "Abnormal"),
        "02_003": ("test", "Normal"),
    }
    assert found["01_0015"].segments == (Segment("Abnormal", 1, 3), Segment("Abnormal", 5, 6))
    assert found["01_0015"].frames == 6
    assert found["02_003"].segments == ()


def test_shanghaitech_s_feature_lists_name_the_same_videos(tmp_path: Path, shanghai: dict[str, Path]) -> None:
    expected = catalog(shanghaitech.main, tmp_path, **shanghai)
    for part in ("train", "test"):
        names = shanghai[part].read_text().split("\n")
        shanghai[part] = write(tmp_path / f"sh-{part}.list", "".join(f"/home/yu/SH/{n}_i3d.npy\n" for n in names))
    assert catalog(shanghaitech.main, tmp_path, **shanghai) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SH_Test.txt": "01_0016\n"}, "has no 01_0016.npy"),
        ({"SH_Test.txt": "04_0001\n"}, "has the same name"),
        ({"SH_Test.txt": "01_0015\n01_0015\n"}, "stands in line 1 already"),
    ],
)
def test_shanghaitech_s_lists_and_masks_must_fit(
    tmp_path: Path, shanghai: dict[str, Path], change: dict[str, str], message: str
) -> None:
    for name, text in change.items():
        write(tmp_path / name, text)
    with pytest.raises(InputError, match=message):
        catalog(shanghaitech.main, tmp_path, **shanghai)


def test_a_mask_of_pickled_objects_is_refused(tmp_path: Path, shanghai: dict[str, Path]) -> None:
    np.save(tmp_path / "masks/01_0015.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"01_0015.npy: holds object"):
        catalog(shanghaitech.main, tmp_path, **shanghai)


def test_msad_s_names_tell_classes_and_shares_become_frames(tmp_path: Path) -> None:
    found = catalog(
        msad.main,
        tmp_path,
        train=write(tmp_path / "train.list", "a/Traffic_accident_3_i3d.npy\na/MSAD_normal_frontdoor1_2_i3d.npy\n"),
        test=write(tmp_path / "test.list", "a/People_falling_7_i3d.npy\na/MSAD_normal_testing_1_x_i3d.npy\n"),
        annotations=uniform(
            tmp_path / "anno.json",
            [
                # As the published file has UCF-Crime's Abuse028, 165 and 240 of 1412 frames, and an end past the last.
                ("People_falling_7", "People_falling", [[165 / 1412, 240 / 1412], [0.9, 1.00117]]),
                ("MSAD_normal_testing_1_x", "Normal", []),
            ],
        ),
        frames=frames(tmp_path, People_falling_7=1412),
    )
    assert [video.labels for video in found.values()] == [
        ("Traffic_accident",), ("Normal",), ("People_falling",), ("Normal",),
    ]  # fmt: skip
    assert found["People_falling_7"].segments == (
        Segment("People_falling", 165, 240),
        Segment("People_falling", 1271, 1412),
    )


def test_without_a_list_of_lengths_the_video_itself_is_counted(tmp_path: Path) -> None:
    for part, names in {"train": ["Normal_001"], "test": ["01_Accident_004", "Normal_259"]}.items():
        (tmp_path / part).mkdir()
        for name in names:
            write_numbered(tmp_path / part / f"{name}.mp4", 20)
    found = catalog(
        tad.main,
        tmp_path,
        train=tmp_path / "train",
        test=tmp_path / "test",
        annotations=uniform(
            tmp_path / "anno.json", [("01_Accident_004", "Car Accident", [[0.25, 0.26]]), ("Normal_259", "Normal", [])]
        ),
    )
    accident = found["01_Accident_004"]
    assert (accident.labels, accident.frames) == (("CarAccident",), 20)
    assert accident.segments == (Segment("CarAccident", 5, 6),)  # a share less than a frame is one frame


TAD_LISTS = {"train": "Normal_1\n", "test": "01_Accident_4\nNormal_2\n"}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("01_Accident_4", "Car Accident", [[0.2, 0.4]])], "give a folder of videos, or its length in --frames"),
        ([("01_Accident_4", "Normal", [])], "class_name is 'Normal', but .* says CarAccident"),
        ([("01_Accident_4", "Car Accident", [[0.4, 0.2]])], "0 <= start < end <= 1"),
        ([("01_Accident_4", "Car Accident", [[10, 20]])], "0 <= start < end <= 1"),
        ([("03_Accident_9", "Car Accident", [[0.2, 0.4]])], "annotates 1 videos that"),
        ([("Normal_2", "Normal", [[0.2, 0.4]])], "has no entry for test video '01_Accident_4'"),
        ([("01_Accident_4", "Car Accident", [])] * 2, "stands there twice"),
    ],
)
def test_uniform_annotations_that_do_not_fit_are_refused(tmp_path: Path, entries: list[Entry], message: str) -> None:
    lists = {part: write(tmp_path / f"{part}.txt", text) for part, text in TAD_LISTS.items()}
    with pytest.raises(InputError, match=message):
        catalog(tad.main, tmp_path, **lists, annotations=uniform(tmp_path / "anno.json", entries))
    assert not (tmp_path / "catalog.jsonl").exists()


@pytest.fixture
def crossing(tmp_path: Path) -> dict[str, Path]:
    names = {"training": ["scene_1_scenario_1"], "validation": ["scene_3_scenario_1"], "test": ["scene_2_scenario_6"]}
    for part, scenes in names.items():
        for kind in ("normal", "abnormal"):
            text = "".join(f"{kind}_{scene}\n" for scene in scenes)
            write(tmp_path / f"scripts/{kind}_{part}_video_names.txt", text)
    video = tmp_path / "UBnormal/Scene2/abnormal_scene_2_scenario_6_annotations"
    write(video / "abnormal_scene_2_scenario_6_tracks.txt", "3,10,19\n1,15,29\n1,40,40\n")
    return {"train": tmp_path / "scripts", "test": tmp_path / "scripts", "annotations": tmp_path / "UBnormal"}


def test_ubnormal_s_tracks_are_joined_and_their_last_frame_belongs_to_them(
    tmp_path: Path, crossing: dict[str, Path]
) -> None:
    found = catalog(ubnormal.main, tmp_path, **crossing)
    assert {name: video.split for name, video in found.items()} == {
        "normal_scene_1_scenario_1": "train",
        "abnormal_scene_1_scenario_1": "train",
        "normal_scene_2_scenario_6": "test",
        "abnormal_scene_2_scenario_6": "test",
    }
    assert found["abnormal_scene_2_scenario_6"].segments == (Segment("Abnormal", 10, 30), Segment("Abnormal", 40, 41))
    assert found["abnormal_scene_1_scenario_1"].labels == ("Abnormal",)


def test_ubnormal_takes_uniform_annotations_too(tmp_path: Path, crossing: dict[str, Path]) -> None:
    name = "abnormal_scene_2_scenario_6"
    crossing["annotations"] = uniform(
        tmp_path / "anno.json", [(name, "Abnormal", [[0.5, 1.0]]), (name.replace("abn", "n"), "Normal", [])]
    )
    found = catalog(ubnormal.main, tmp_path, **crossing, frames=frames(tmp_path, **{name: 60}))
    assert found[name].segments == (Segment("Abnormal", 30, 60),)


@pytest.mark.parametrize("line", ["3,10", "3,19,10", "3,-1,4", "a;b"])
def test_a_track_that_is_none_is_named_with_its_line(tmp_path: Path, crossing: dict[str, Path], line: str) -> None:
    (path,) = crossing["annotations"].rglob("*_tracks.txt")
    path.write_text(f"3,10,19\n{line}\n")
    with pytest.raises(InputError, match="tracks.txt, line 2"):
        catalog(ubnormal.main, tmp_path, **crossing)


def lad_lists(folder: Path) -> dict[str, Path]:
    return {
        "train": write(folder / "train.txt", "v_FallIntoWater_a_s1_c1.avi\nv_Crash_n_s9_c1.avi\n"),
        "test": write(folder / "test.txt", "v_Thiefing_a_s2_c1.avi\nv_Thiefing_n_s2_c2.avi\n"),
    }


def test_lad2000_s_matlab_files_say_which_frames_are_abnormal(tmp_path: Path) -> None:
    (tmp_path / "GT/Thiefing").mkdir(parents=True)
    savemat(tmp_path / "GT/Thiefing/gt_Thiefing_a_s2_c1.mat", {"gt": np.array([[0, 0, 1, 1, 0]], np.uint8)})
    found = catalog(lad.main, tmp_path, **lad_lists(tmp_path), annotations=tmp_path / "GT")
    assert [video.labels for video in found.values()] == [("FallIntoWater",), ("Normal",), ("Thiefing",), ("Normal",)]
    assert found["v_Thiefing_a_s2_c1"].segments == (Segment("Thiefing", 2, 4),)
    assert found["v_Thiefing_a_s2_c1"].frames == 5


@pytest.mark.parametrize("content", [{"gt": np.ones((3, 3))}, {"other": np.ones((1, 3))}, None])
def test_a_matlab_file_without_frame_labels_is_named(tmp_path: Path, content: dict[str, Any] | None) -> None:
    (tmp_path / "GT").mkdir()
    path = tmp_path / "GT/gt_Thiefing_a_s2_c1.mat"
    if content is None:
        path.write_bytes(b"MATLAB 5.0 MAT-file" + b"\0" * 200)
    else:
        savemat(path, content)
    with pytest.raises(InputError, match=r"gt_Thiefing_a_s2_c1.mat: "):
        catalog(lad.main, tmp_path, **lad_lists(tmp_path), annotations=tmp_path / "GT")


def test_lad2000_takes_uniform_annotations_too(tmp_path: Path) -> None:
    entries = [("v_Thiefing_a_s2_c1", "Thiefing", [[0.1, 0.2]]), ("v_Thiefing_n_s2_c2", "Normal", [])]
    annotations = uniform(tmp_path / "anno.json", entries)
    counts = frames(tmp_path, v_Thiefing_a_s2_c1=50)
    found = catalog(lad.main, tmp_path, **lad_lists(tmp_path), annotations=annotations, frames=counts)
    assert found["v_Thiefing_a_s2_c1"].segments == (Segment("Thiefing", 5, 10),)


@pytest.mark.parametrize(
    ("name", "classes"), [("shanghaitech", 2), ("msad", 12), ("ubnormal", 2), ("tad", 2), ("lad", 15)]
)
def test_each_set_has_its_classes_normal_first(name: str, classes: int) -> None:
    labels = DATA_SETS[name]
    assert len(labels.codes) == len(set(labels.codes)) == len(labels.prompts) == classes
    assert labels.normal == "Normal"
    assert labels.prompts[0] == "normal"


def test_a_list_with_labels_decides_where_names_tell_nothing(tmp_path: Path) -> None:
    def listed(name: str, rows: list[list[str]]) -> Path:
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([["video_id", "label"], *rows])
        return tmp_path / name

    found = catalog(
        tad.main,
        tmp_path,
        train=listed("train.csv", [["Normal_but_not", "CarAccident"]]),
        test=listed("test.csv", [["x", "Normal"]]),
        annotations=uniform(tmp_path / "anno.json", [("x", "Normal", [])]),
    )
    assert [video.labels for video in found.values()] == [("CarAccident",), ("Normal",)]


def test_lengths_can_come_from_a_folder_of_features(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    for name, rows in {"Fire_2_i3d": 25, "MSAD_normal_1_i3d": 4}.items():
        np.save(tmp_path / f"features/{name}.npy", np.zeros((rows, 10, 8), np.float32))
    found = catalog(
        msad.main,
        tmp_path,
        train=write(tmp_path / "train.txt", "Fire_1\n"),
        test=write(tmp_path / "test.txt", "Fire_2\nMSAD_normal_1\n"),
        annotations=uniform(
            tmp_path / "anno.json", [("Fire_2", "Fire", [[0.5, 1.0]]), ("MSAD_normal_1", "Normal", [])]
        ),
        frames=tmp_path / "features",
    )
    assert found["Fire_2"].segments == (Segment("Fire", 200, 400),)
