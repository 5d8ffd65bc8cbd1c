from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from extract.base.errors import InputError
from extract.shard import Encoding, Shard, ShardHeader, new_shard, shard_paths

VISUAL = Encoding("ViT-B-16-quickgelu", "random:0", "fp32", "resize")
AUDIO = Encoding("Wav2CLIP", "random:1", "bf16", "spectrogram")
HEADER = ShardHeader("xd", "train", 16, (0, 5), VISUAL, AUDIO, "generated")


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    with new_shard(tmp_path / "train-00000.h5", HEADER, "float32") as writer:
        for name, rows, audio_rows in (("a__#1_label_B1-G-0", 3, 3), ("ü=2@label_A", 5, 7)):
            writer.add(
                name,
                ("B1", "G") if rows == 3 else ("A",),
                random.standard_normal((rows, 2, 512)).astype(np.float32),
                random.standard_normal((audio_rows, 512)).astype(np.float32),
                audio_sounding=audio_rows - 1,
                frames=rows * 16 - 3,
                fps=24.0,
            )
    return tmp_path / "train-00000.h5"


def test_a_shard_comes_back_as_it_was_written(shard: Path) -> None:
    expected = np.random.default_rng(0)
    with Shard(shard) as opened:
        assert opened.header == HEADER
        for video, rows in zip(opened.videos, ((3, 3), (5, 7)), strict=True):
            visual = expected.standard_normal((rows[0], 2, 512)).astype(np.float32)
            audio = expected.standard_normal((rows[1], 512)).astype(np.float32)
            np.testing.assert_array_equal(opened.visual(video, 1), visual[:, 1])
            np.testing.assert_array_equal(opened.audio(video), audio)
        assert [video.labels for video in opened.videos] == [("B1", "G"), ("A",)]
        assert opened.videos[1].video_id == "ü=2@label_A"
        assert opened.column_of(5) == 1


def test_another_tool_sees_the_documented_names(shard: Path) -> None:
    with h5py.File(shard) as file:
        assert file.attrs["format"] == b"avadclip-shard"
        assert file.attrs["version"] == 1
        assert file.attrs["crops"].tolist() == [0, 5]
        assert {
            f"{s}_{n}" for s in ("visual", "audio") for n in ("encoder", "weights", "precision", "preprocessing")
        } <= set(file.attrs)
        assert file["videos/labels"].asstr()[0] == "B1-G"
        assert file["videos/start"][:].tolist() == [0, 3]
        assert file["videos/audio_rows"][:].tolist() == [3, 7]


def test_each_stream_is_as_wide_as_its_encoder(tmp_path: Path) -> None:
    header = replace(HEADER, visual=replace(VISUAL, width=24), audio=replace(AUDIO, width=16))
    visual, audio = np.ones((3, 2, 24), np.float32), np.ones((3, 16), np.float32)
    path = tmp_path / "train-00000.h5"
    with new_shard(path, header, "float32") as writer:
        writer.add("a", ("A",), visual, audio, audio_sounding=3, frames=48, fps=24.0)
    with h5py.File(path) as file:
        assert (file["visual"].shape, file["audio"].shape) == ((3, 2, 24), (3, 16))
    with Shard(path) as opened:
        assert opened.header == header
        assert opened.header.widths == (24, 16)
        assert opened.visual(opened.videos[0], 1).shape == (3, 24)
    assert replace(header, audio=None).widths == (24, 24)


def test_rows_of_no_numbers_are_no_features(shard: Path) -> None:
    with h5py.File(shard, "a") as file:
        del file["audio"]
        file["audio"] = np.zeros((10, 0), np.float32)
    with pytest.raises(InputError, match="dataset audio: width 0 must be a number from 1"):
        Shard(shard)


def test_text_of_fixed_length_is_read_too(shard: Path) -> None:
    with h5py.File(shard, "a") as file:
        for name in ("format", "dataset", "split", "visual_encoder"):
            file.attrs[name] = np.bytes_(file.attrs[name])
    with Shard(shard) as opened:
        assert opened.header == HEADER


def test_unknown_attributes_are_ignored(shard: Path) -> None:
    with h5py.File(shard, "a") as file:
        file.attrs["camera"] = "north gate"
    with Shard(shard) as opened:
        assert opened.header == HEADER


@pytest.mark.parametrize(
    "name", ["format", "version", "dataset", "split", "stride", "crops", "visual_weights", "audio_encoder"]
)
def test_a_missing_attribute_is_named(shard: Path, name: str) -> None:
    with h5py.File(shard, "a") as file:
        del file.attrs[name]
    with pytest.raises(InputError, match=f"{shard.name}.*{name}"):
        Shard(shard)


@pytest.mark.parametrize("name", ["visual", "videos/start", "videos/fps"])
def test_a_missing_dataset_is_named(shard: Path, name: str) -> None:
    with h5py.File(shard, "a") as file:
        del file[name]
    with pytest.raises(InputError, match=f"{shard.name}.*{name}"):
        Shard(shard)


@pytest.mark.parametrize(
    ("name", "value"), [("start", 7), ("snippets", 100), ("audio_rows", 11), ("audio_sounding", 9), ("start", -1)]
)
def test_rows_outside_the_datasets_are_refused(shard: Path, name: str, value: int) -> None:
    with h5py.File(shard, "a") as file:
        file[f"videos/{name}"][1] = value
    with pytest.raises(InputError, match=name):
        Shard(shard)


def test_features_of_the_wrong_width_or_type_are_refused(shard: Path) -> None:
    with h5py.File(shard, "a") as file:
        del file["visual"]
        file["visual"] = np.zeros((8, 2, 256), np.float64)
    with pytest.raises(InputError, match=r"visual is float64 \[8, 2, 256\]"):
        Shard(shard)


def test_a_missing_crop_is_named_with_those_there_are(shard: Path) -> None:
    with Shard(shard) as opened, pytest.raises(InputError, match="no crop 3, only 0, 5"):
        opened.column_of(3)


@pytest.mark.parametrize("kept", [0, 10, 600, 3000])
def test_a_cut_off_file_is_refused(shard: Path, kept: int) -> None:
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(InputError, match=shard.name):
        Shard(shard)


def test_a_shard_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with new_shard(tmp_path / "train-00000.h5", HEADER, "float16") as writer:
            writer.add("a", ("A",), np.zeros((2, 2, 512)), np.zeros((2, 512)), audio_sounding=2, frames=32, fps=24.0)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_shard_is_a_shard(tmp_path: Path) -> None:
    with new_shard(tmp_path / "train-00000.h5", HEADER, "float16"):
        pass
    with Shard(tmp_path / "train-00000.h5") as opened:
        assert opened.videos == []


def test_a_folder_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"test-00000\.h5"):
        shard_paths(tmp_path, "test")


def test_a_note_that_hdf5_cannot_hold_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    new = new_shard(tmp_path / "train-00000.h5", replace(HEADER, note="a\0b"), "float32")
    with pytest.raises(InputError, match="contains a NUL character"), new:
        pass
    assert not list(tmp_path.iterdir())
