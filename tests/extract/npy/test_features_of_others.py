"""I3D, VGGish and other features in the layouts and lists in which their authors released them."""

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from extract.base.errors import InputError
from extract.released import main
from extract.shard import Shard

RANDOM = np.random.default_rng(5)


def features(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=array.dtype == object)
    return path


def listed(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def imported(folder: Path, name: str, *more: str, dataset: str = "ucf", split: str = "train") -> Shard:
    """Import a list of a folder, and open the one shard."""
    out = folder / "shards"
    files = ["--list", str(folder / name), "--root", str(folder / "features"), "--out", str(out)]
    main([*files, "--dataset", dataset, "--split", split, *more])
    return Shard(out / f"{split}-00000.h5")


XD = {"a__#1_label_B2-G-0": 7, "b__#00-10_label_A": 5}


@pytest.fixture
def xd(tmp_path: Path) -> dict[str, np.ndarray]:
    """XDVioDet's release: five files a video, one of VGGish, absolute paths, abnormal videos first."""
    made = {}
    rgb, sound = [], []
    for video, rows in XD.items():
        for crop in range(5):
            made[f"{video}__{crop}"] = array = features(rows, 1024)
            save(tmp_path / f"features/i3d-features/RGB/{video}__{crop}.npy", array)
            rgb.append(f"/home/wu/XDVioDet/i3d-features/RGB/{video}__{crop}.npy")
        made[video] = features(rows - 1, 128)
        save(tmp_path / f"features/vggish-features/train/{video}__vggish.npy", made[video])
        sound.append(f"/home/wu/XDVioDet/vggish-features/train/{video}__vggish.npy")
    listed(tmp_path / "rgb.list", *rgb)
    listed(tmp_path / "audio.list", *reversed(sound))
    return made


def test_xd_violence_s_i3d_and_vggish_are_joined_by_name(tmp_path: Path, xd: dict[str, np.ndarray]) -> None:
    with imported(tmp_path, "rgb.list", "--audio-list", str(tmp_path / "audio.list"), dataset="xd") as shard:
        assert [(video.video_id, video.labels) for video in shard.videos] == [
            ("a__#1_label_B2-G-0", ("B2", "G")),
            ("b__#00-10_label_A", ("A",)),
        ]
        assert shard.header.crops == (0, 1, 2, 3, 4)
        assert (shard.header.visual.encoder, shard.header.visual.width) == ("i3d-rgb-1024", 1024)
        assert shard.header.audio is not None
        assert (shard.header.audio.encoder, shard.header.audio.width) == ("vggish-128", 128)
        for video in shard.videos:
            for crop in range(5):
                np.testing.assert_array_equal(shard.visual(video, crop), xd[f"{video.video_id}__{crop}"])
            # The lines stand in another order than those of the pictures.
            np.testing.assert_array_equal(shard.audio(video), xd[video.video_id])


def test_a_video_without_sound_in_the_list_of_sound_is_named(tmp_path: Path, xd: dict[str, np.ndarray]) -> None:
    listed(tmp_path / "audio.list", "x/b__#00-10_label_A__vggish.npy")
    with pytest.raises(InputError, match=r"audio.list: has no sound of 'a__#1_label_B2-G-0' and 1 of 2"):
        imported(tmp_path, "rgb.list", "--audio-list", str(tmp_path / "audio.list"), dataset="xd")
    with pytest.raises(InputError, match="is sound; give its list as --audio-list"):
        imported(tmp_path, "audio.list", dataset="xd")


UCF = {"Abuse001_x264": 9, "Arrest002_x264": 10, "Normal_Videos003_x264": 4}


def ucf(folder: Path, *, swapped: bool = False, ending: str = ".npy") -> dict[str, np.ndarray]:
    """Write ten crops a file, [T, 10, 64] or with the first axes swapped."""
    made = {video: features(rows, 10, 64) for video, rows in UCF.items()}
    names = []
    for video, array in made.items():
        names.append(f"/home/yu/UCF/{video}_i3d{ending}")
        save(folder / f"features/{video}_i3d.npy", array.swapaxes(0, 1) if swapped else array)
    listed(folder / "ucf-i3d.list", *names)
    return made


def ten_files(folder: Path, made: dict[str, np.ndarray]) -> None:
    names = []
    for video, array in made.items():
        for crop in range(10):
            names.append(f"E:\\features\\{video}__{crop}.npy")
            save(folder / f"features/{video}__{crop}.npy", array[:, crop])
    listed(folder / "ten.list", *names)


def stored(shard: Shard) -> dict[str, np.ndarray]:
    return {
        video.video_id: np.stack([shard.visual(video, crop) for crop in range(len(shard.header.crops))], 1)
        for video in shard.videos
    }


@pytest.mark.parametrize("form", ["rows-crops", "crops-rows", "ten files"])
def test_the_three_forms_of_ten_crops_give_the_same_rows(tmp_path: Path, form: str) -> None:
    made = ucf(tmp_path, swapped=form == "crops-rows")
    if form == "ten files":
        ten_files(tmp_path, made)
    with imported(tmp_path, "ten.list" if form == "ten files" else "ucf-i3d.list") as shard:
        assert [video.labels for video in shard.videos] == [("Abuse",), ("Arrest",), ("Normal",)]
        assert shard.header.crops == tuple(range(10))
        found = stored(shard)
    for video, array in made.items():
        np.testing.assert_array_equal(found[video], array)


def test_one_video_of_ten_rows_needs_a_hint(tmp_path: Path) -> None:
    array = features(10, 10, 64)
    save(tmp_path / "features/Abuse001_x264_i3d.npy", array)
    listed(tmp_path / "one.list", "Abuse001_x264_i3d.npy")
    with pytest.raises(InputError, match=r"shape \[10, 10, 64\]: both axes could be the crops; name it with --layout"):
        imported(tmp_path, "one.list")
    with imported(tmp_path, "one.list", "--layout", "crops-rows") as shard:
        np.testing.assert_array_equal(stored(shard)["Abuse001_x264"], array.swapaxes(0, 1))


def test_a_layout_that_is_not_theirs_is_refused_with_what_was_seen(tmp_path: Path) -> None:
    ucf(tmp_path)
    with pytest.raises(InputError, match=r"as crops-rows its files have 4, 9, 10 crops.*is \[9, 10, 64\]"):
        imported(tmp_path, "ucf-i3d.list", "--layout", "crops-rows")
    assert not (tmp_path / "shards").exists()


def test_features_of_two_widths_are_refused_with_both(tmp_path: Path) -> None:
    ucf(tmp_path)
    save(tmp_path / "features/Normal_Videos003_x264_i3d.npy", features(4, 10, 32))
    with pytest.raises(InputError, match=r"features of two widths: .*\[9, 10, 64\].*\[4, 10, 32\]"):
        imported(tmp_path, "ucf-i3d.list")


def test_another_order_of_the_crops_is_kept_by_their_numbers(tmp_path: Path) -> None:
    ucf(tmp_path)
    order = [1, 2, 0, 3, 4, 6, 7, 5, 8, 9]  # UR-DMU's extractor has the centre third
    with imported(tmp_path, "ucf-i3d.list", "--crop-numbers", *map(str, order)) as shard:
        assert shard.header.crops == tuple(order)
        assert shard.column_of(0) == 2
    with pytest.raises(InputError, match="must be 10 different numbers"):
        imported(tmp_path, "ucf-i3d.list", "--crop-numbers", "0", "1")


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    save(tmp_path / "features/Abuse001_x264_i3d.npy", np.array([Bomb()], object))
    listed(tmp_path / "one.list", "Abuse001_x264_i3d.npy")
    with pytest.raises(InputError, match="none of the files that were tried"):
        imported(tmp_path, "one.list")
    ucf(tmp_path)
    save(tmp_path / "features/Arrest002_x264_i3d.npy", np.array([Bomb()], object))
    with pytest.raises(InputError, match=r"Arrest002_x264_i3d.npy: holds pickled objects"):
        imported(tmp_path, "ucf-i3d.list")
    assert not (tmp_path / "ran").exists()


def as_file(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".npz":
            np.savez_compressed(path, feature=array)
        case ".pt":
            torch.save({"feature": torch.from_numpy(array)}, path)
        case ".h5":
            with h5py.File(path, "w") as file:
                file["feature"] = array
        case _:
            save(path, array)


@pytest.mark.parametrize("ending", [".npy", ".npz", ".pt", ".h5"])
def test_one_file_a_video_of_any_kind_is_read(tmp_path: Path, ending: str) -> None:
    made = {"Fire_1": features(3, 48), "MSAD_normal_2": features(6, 48)}
    for video, array in made.items():
        as_file(tmp_path / f"features/{video}{ending}", array)
    rows = "".join(f"there/{video}{ending},{'Fire' if 'Fire' in video else 'Normal'}\n" for video in made)
    (tmp_path / "msad_own.csv").write_text(f"path,label\n{rows}")
    with imported(tmp_path, "msad_own.csv", "--visual-encoder", "mine", dataset="msad") as shard:
        assert (shard.header.visual.encoder, shard.header.visual.width, shard.header.crops) == ("mine", 48, (0,))
        for video in shard.videos:
            np.testing.assert_array_equal(shard.visual(video, 0), made[video.video_id])


def two_arrays(path: Path) -> None:
    np.savez(path, a=features(3, 48), b=features(3, 48))


def bomb(path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (3, 48)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", head.getvalue() + bytes(50_000_000))


def module(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path.with_suffix(".pt"))


@pytest.mark.parametrize(
    ("write", "ending", "message"),
    [
        (two_arrays, ".npz", "holds 2 arrays"),
        (bomb, ".npz", "that its header promises"),
        (module, ".pt", "no file of tensors alone"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"), ".h5", "no readable HDF5"),
        (lambda path: as_file(path, features(3)), ".npy", r"holds float32 \[3\]"),
        (lambda path: as_file(path, np.full((3, 48), np.nan, np.float32)), ".pt", "not finite"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_it_holds(
    tmp_path: Path, write: Any, ending: str, message: str
) -> None:
    (tmp_path / "features").mkdir()
    write(tmp_path / f"features/Fire_1{ending}")
    as_file(tmp_path / "features/Fire_2.npy", features(3, 48))
    listed(tmp_path / "msad.list", "Fire_2.npy", f"Fire_1{ending}")
    with pytest.raises(InputError, match=f"Fire_1{ending}: .*{message}"):
        imported(tmp_path, "msad.list", dataset="msad")


def test_a_list_without_labels_needs_the_data_set_and_a_name_that_tells(tmp_path: Path) -> None:
    ucf(tmp_path)
    with pytest.raises(InputError, match=r"ucf-i3d.list: has no labels.*--dataset"):
        main(
            [
                "--list",
                str(tmp_path / "ucf-i3d.list"),
                "--root",
                str(tmp_path / "features"),
                "--out",
                str(tmp_path / "o"),
            ]
        )
    with pytest.raises(InputError, match=r"ucf-i3d.list, line 1: the name of 'Abuse001_x264' tells no class of msad"):
        imported(tmp_path, "ucf-i3d.list", dataset="msad")
    with pytest.raises(InputError, match="carries no label"):
        imported(tmp_path, "ucf-i3d.list", dataset="xd")


def test_the_first_crop_of_some_lists_has_no_number(tmp_path: Path) -> None:
    for name in ("Abuse028_x264", "Abuse028_x264__1"):
        save(tmp_path / f"features/{name}.npy", features(3, 64))
    listed(tmp_path / "pel.list", "Abuse028_x264.npy", "Abuse028_x264__1.npy")
    with imported(tmp_path, "pel.list") as shard:
        assert shard.header.crops == (0, 1)


def test_a_second_run_keeps_what_the_first_has_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ucf(tmp_path)
    imported(tmp_path, "ucf-i3d.list").close()
    imported(tmp_path, "ucf-i3d.list").close()
    assert "finished before, kept" in capsys.readouterr().err
