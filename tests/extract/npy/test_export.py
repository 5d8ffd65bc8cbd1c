"""Shards become the files that other repositories read, and these become the same shards again."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.base.errors import InputError
from extract.export import main
from extract.released import main as import_features
from extract.shard import Encoding, Shard, ShardHeader, new_shard
from tests.shards import Made, make_shard

VISUAL = Encoding("ViT-B-16-quickgelu", "ab" * 32, "bf16", 'resize, "crop" é')
AUDIO = Encoding("Wav2CLIP", "random:1", "fp32", "spectrogram")
FIGHT, QUIET, FILM = (
    Made("v=ab.#1_label_B1-0-0", ("B1",), 3, 5),
    Made("a, b__3", ("A",), 2, 1),
    Made("c", ("B2", "G"), 4),
)


def export(folder: Path, *words: str) -> Path:
    main([str(folder / "shards"), "--out", str(folder / "out"), *words])
    return folder / "out"


def import_again(folder: Path, name: str, *words: str) -> Path:
    files = ["--list", str(folder / "out" / name), "--root", str(folder / "out"), "--out", str(folder / "back")]
    import_features([*files, *words])
    return folder / "back"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shards").mkdir()
    make_shard(tmp_path / "shards/train-00000.h5", [FIGHT, QUIET], crops=(5, 0))
    make_shard(tmp_path / "shards/train-00001.h5", [FILM], crops=(5, 0), seed=1)
    make_shard(tmp_path / "shards/test-00000.h5", [Made("t", ("A",), 2)], split="test")
    return tmp_path


def test_both_lists_and_every_file_are_what_other_programs_expect(folder: Path) -> None:
    out = export(folder)
    train = pd.read_csv(out / "xd_CLIP_rgb.csv")
    assert list(train.columns) == ["path", "audio_path", "label"]
    assert [Path(path).name for path in train["path"]] == [
        f"{made.video_id}__{crop}.npy" for made in (FIGHT, QUIET, FILM) for crop in (5, 0)
    ]
    assert list(train["label"]) == ["B1", "B1", "A", "A", "B2-G", "B2-G"]
    assert list(pd.read_csv(out / "xd_CLIP_rgbtest.csv")["path"]) == ["visual/t__0.npy"]
    with Shard(folder / "shards/train-00000.h5") as shard:
        fight = shard.videos[0]
        visual = np.load(out / train["path"][1], allow_pickle=False)
        np.testing.assert_array_equal(visual, shard.visual(fight, 1), strict=True)
        audio = np.load(out / train["audio_path"][1], allow_pickle=False)
        np.testing.assert_array_equal(audio, shard.audio(fight), strict=True)


def test_a_set_without_audio_has_a_list_without(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    make_shard(tmp_path / "shards/test-00000.h5", [FILM], split="test", audio=None)
    out = export(tmp_path)
    assert (out / "xd_CLIP_rgbtest.csv").read_text() == "path,label\nvisual/c__0.npy,B2-G\n"
    assert not (out / "audio").exists()
    assert not (out / "xd_CLIP_rgb.csv").exists()


def test_the_sidecar_holds_what_the_list_cannot(folder: Path) -> None:
    content = json.loads((export(folder, "--split", "train") / "xd_CLIP_rgb.json").read_text())
    assert (content["format"], content["version"], content["stride"]) == ("avadclip-feature-list", 1, 16)
    assert content["audio"]["encoder"] == "Wav2CLIP"
    assert content["videos"][QUIET.video_id] == {"frames": 32, "fps": None, "audio_sounding": 1}
    assert not (folder / "out/xd_CLIP_rgbtest.csv").exists()


def test_a_second_run_writes_only_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = export(folder)
    gone = out / f"visual/{QUIET.video_id}__5.npy"
    content = gone.read_bytes()
    gone.unlink()
    (out / "xd_CLIP_rgb.csv").unlink()
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    capsys.readouterr()
    export(folder)
    assert "3 videos, 1 files written" in capsys.readouterr().out
    assert gone.read_bytes() == content
    assert (out / "xd_CLIP_rgb.csv").exists()
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.parametrize("name", ["visual/c__0.npy", "audio/c.npy", "xd_CLIP_rgb.csv", "xd_CLIP_rgb.json"])
def test_files_of_others_are_never_replaced(folder: Path, name: str) -> None:
    path = folder / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("somebody's work")
    with pytest.raises(InputError, match=f"{path.name}: is there already, with other content"):
        export(folder)
    assert path.read_text() == "somebody's work"
    assert name == "xd_CLIP_rgb.csv" or not (folder / "out/xd_CLIP_rgb.csv").exists()


def test_shards_that_do_not_belong_together_are_refused(folder: Path) -> None:
    make_shard(folder / "shards/train-00001.h5", [FILM], crops=(5, 0), stride=4)
    with pytest.raises(InputError, match=r"train-00001\.h5: its attributes .* differ from those of .*train-00000\.h5"):
        export(folder)
    make_shard(folder / "shards/train-00001.h5", [FIGHT], crops=(5, 0))
    with pytest.raises(InputError, match=r"train-00000\.h5 holds 'v=ab\.#1_label_B1-0-0' too"):
        export(folder)
    make_shard(folder / "shards/train-00001.h5", [FILM], crops=(5, 0), dataset="../xd")
    with pytest.raises(InputError, match=r"train-00001\.h5"):
        export(folder)
    assert not (folder / "out").exists()


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    with pytest.raises(InputError, match="holds no shard"):
        export(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stride", "4"), "field stride is 16, but --stride 4"),
        (("--dataset", "cctv"), "field dataset is 'xd', but --dataset cctv"),
        (("--split", "test"), "field split is 'train', but --split test"),
    ],
)
def test_an_argument_that_contradicts_the_sidecar_is_refused(
    folder: Path, words: tuple[str, str], message: str
) -> None:
    export(folder)
    with pytest.raises(InputError, match=message):
        import_again(folder, "xd_CLIP_rgb.csv", *words)


def test_a_given_note_never_hides_the_one_the_features_came_with(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    make_shard(tmp_path / "shards/train-00000.h5", [FILM], note="simulated features")
    export(tmp_path)
    with Shard(import_again(tmp_path, "xd_CLIP_rgb.csv", "--note", "ours") / "train-00000.h5") as shard:
        assert shard.header.note == "simulated features; ours"


def test_a_sidecar_of_other_videos_is_refused(folder: Path) -> None:
    export(folder)
    path = folder / "out/xd_CLIP_rgb.json"
    content = json.loads(path.read_text())
    sounding = content["videos"]["c"]["audio_sounding"]
    content["videos"]["c"]["audio_sounding"] = 100
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"xd_CLIP_rgb\.json: 'c': audio_sounding is 100"):
        import_again(folder, "xd_CLIP_rgb.csv")
    for broken in ({"frames": -7}, {"frames": 10**30}, {"frames": "9"}, {"fps": "24"}, {"audio_sounding": None}):
        content["videos"]["c"] = {"frames": 64, "fps": 24.0, "audio_sounding": sounding} | broken
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"xd_CLIP_rgb\.json"):
            import_again(folder, "xd_CLIP_rgb.csv")
    del content["videos"]["c"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"xd_CLIP_rgb\.json: field videos lacks 'c'"):
        import_again(folder, "xd_CLIP_rgb.csv")


# HDF5 text cannot hold a NUL.
NOTES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
IDS = st.sampled_from(["v=ab.#1_label_B1-0-0", "a__3", "a__3__0", "a b", " a ", "a@b=c", "a,b", 'a"b', "$(a);'", "é"])


@st.composite
def contents(draw: st.DrawFn) -> tuple[ShardHeader, list[dict[str, object]]]:
    crops = tuple(draw(st.permutations(range(10)))[: draw(st.integers(1, 3))])
    split, stride = draw(st.sampled_from(["train", "test"])), draw(st.integers(1, 32))
    audio = draw(st.sampled_from([None, AUDIO]))
    header = ShardHeader("xd", split, stride, crops, VISUAL, audio, draw(NOTES))
    videos = []
    for video_id in draw(st.lists(IDS, min_size=1, max_size=4, unique=True)):
        rows = draw(st.integers(1, 5))
        labels = draw(st.lists(st.sampled_from(["B1", "B2", "G"]), min_size=1, max_size=3, unique=True))
        videos.append(
            {
                "video_id": video_id,
                "labels": tuple(labels),
                "snippets": draw(st.integers(1, 5)),
                "audio_rows": rows,
                "audio_sounding": draw(st.integers(0, rows)) if audio else 0,
                "frames": draw(st.just(-1) | st.integers(0, 10**6)),
                "fps": draw(st.just(math.nan) | st.floats(1, 120)),
            }
        )
    return header, videos


@settings(max_examples=40)
@given(content=contents(), dtype=st.sampled_from(["float16", "float32"]))
def test_import_after_export_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory, content: tuple[ShardHeader, list[dict[str, object]]], dtype: str
) -> None:
    folder = tmp_path_factory.mktemp("identity")
    header, videos = content
    random = np.random.default_rng(1)
    shard_file = folder / f"shards/{header.split}-00000.h5"
    with new_shard(shard_file, header, dtype) as writer:
        for video in videos:
            visual = random.standard_normal((video["snippets"], len(header.crops), 512)).astype(dtype)
            audio = random.standard_normal((video["audio_rows"], 512)).astype(dtype) if header.audio else None
            facts = {name: video[name] for name in ("audio_sounding", "frames", "fps")}
            writer.add(video["video_id"], video["labels"], visual, audio, **facts)
    export(folder)
    back = import_again(folder, f"xd_CLIP_rgb{'test' if header.split == 'test' else ''}.csv")
    assert [path.name for path in back.iterdir()] == [shard_file.name]
    assert (back / shard_file.name).read_bytes() == shard_file.read_bytes()
