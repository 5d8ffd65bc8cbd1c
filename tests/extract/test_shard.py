from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from extract.base.errors import InputError
from extract.labels.label_set import one_word_each
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


def test_a_shard_names_its_classes_and_one_written_before_has_those_of_its_data_set(shard: Path) -> None:
    with h5py.File(shard) as file:
        assert [code.decode() for code in file.attrs["codes"]] == ["A", "B1", "B2", "B4", "B5", "B6", "G"]
        assert file.attrs["prompts"][1] == b"fighting"
    with h5py.File(shard, "r+") as file:
        for name in ("codes", "model_codes", "prompts"):
            del file.attrs[name]
    with Shard(shard) as opened:
        assert opened.header == HEADER
        assert opened.header.label_set(shard).prompts[6] == "explosion"


def test_a_shard_can_be_read_alone_whatever_its_classes(tmp_path: Path) -> None:
    labels = one_word_each("own", {"normal": "normal", "می‌افتد": "کسی می‌افتد", "火事": "火"})
    with new_shard(tmp_path / "train-00000.h5", replace(HEADER, dataset="own", labels=labels), "float32"):
        pass
    with Shard(tmp_path / "train-00000.h5") as opened:
        assert opened.header.label_set(tmp_path) == labels
    many = one_word_each("own", {f"code {n:05d}{'x' * 30}": f"prompt {n:05d}{'y' * 60}" for n in range(2000)})
    with new_shard(tmp_path / "many.h5", replace(HEADER, dataset="own", labels=many), "float32"):
        pass
    with Shard(tmp_path / "many.h5") as opened:
        assert opened.header.label_set(tmp_path) == many


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("prompts", None, r"attribute prompts: is None"),
        ("prompts", np.array([b"normal"]), r"attribute prompts: there are 1 for 7 classes"),
        ("codes", np.array([b"A", b"X"]), r"attribute codes: X must be classes of the model"),
        ("model_codes", np.arange(7), r"attribute model_codes: is .* must be a list of texts"),
    ],
)
def test_classes_that_do_not_fit_together_are_refused(shard: Path, name: str, value: object, reason: str) -> None:
    with h5py.File(shard, "r+") as file:
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value
    with pytest.raises(InputError, match=rf"train-00000\.h5: {reason}"):
        Shard(shard)


def test_a_shard_of_an_unknown_set_that_names_no_classes_is_refused_where_they_are_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shards: attribute dataset: unknown data set 'own'"):
        ShardHeader("own", "train", 16, (0,), VISUAL, None).label_set(Path("shards"))


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
