import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from extract.base.errors import InputError
from extract.catalog import Video, write_catalog
from extract.failures import Failure, read_failures, write_failures
from extract.shard import Encoding, Shard
from extract.workfile import write_workfile
from tests.extract.made_videos import click_track, numbered, write_video
from tests.extract.steps import catalog_of, run_align, run_audio, run_visual

VISUAL = {
    "dataset_split": "train",
    "stride": 16,
    "crops": [0, 5],
    "encoder": "ViT-B-16-quickgelu",
    "weights": "random:0",
    "precision": "bf16",
    "preprocessing": "resized",
}
AUDIO = {"encoder": "Wav2CLIP", "weights": "random:1", "precision": "fp32", "preprocessing": "listened"}
ROWS = {"a": 3, "b": 1, "c": 2}


def features(video_id: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(ord(video_id)).standard_normal(shape).astype(np.float16)


def write_visual(folder: Path, rows: dict[str, int], labels: str = "B1-G") -> None:
    videos = (
        (
            {"video_id": video_id, "labels": labels, "frames": count * 16 - 5, "fps": 24.0},
            {"visual": features(video_id, count, 2, 512), "bounds": np.zeros((count, 2))},
        )
        for video_id, count in rows.items()
    )
    empty = {"visual": np.empty((0, 2, 512), np.float16), "bounds": np.empty((0, 2))}
    write_workfile(folder / "visual.h5", "visual", VISUAL, empty, videos)
    write_failures(folder / "visual.csv", [])


def write_audio(folder: Path, rows: dict[str, int]) -> None:
    videos = (
        ({"video_id": video_id, "sounding": count - 1}, {"audio": features(video_id, count, 512)})
        for video_id, count in rows.items()
    )
    write_workfile(folder / "audio.h5", "audio", AUDIO, {"audio": np.empty((0, 512), np.float16)}, videos)
    write_failures(folder / "audio.csv", [])


def test_a_shard_holds_what_both_steps_made(tmp_path: Path) -> None:
    write_visual(tmp_path, ROWS)
    write_audio(tmp_path, ROWS)
    with Shard(run_align(tmp_path)) as shard:
        assert shard.header.visual == Encoding("ViT-B-16-quickgelu", "random:0", "bf16", "resized")
        assert shard.header.audio == Encoding("Wav2CLIP", "random:1", "fp32", "listened")
        assert (shard.header.dataset, shard.header.split, shard.header.note) == ("xd", "train", "simulated")
        assert (shard.header.stride, shard.header.crops) == (16, (0, 5))
        assert [video.video_id for video in shard.videos] == list(ROWS)
        for video in shard.videos:
            count = ROWS[video.video_id]
            assert (video.snippets, video.audio_rows, video.audio_sounding) == (count, count, count - 1)
            assert (video.labels, video.frames, video.fps) == (("B1", "G"), count * 16 - 5, 24.0)
            expected = features(video.video_id, count, 2, 512)
            assert np.array_equal(shard.visual(video, 1), expected[:, 1].astype(np.float32))
            assert np.array_equal(shard.audio(video), features(video.video_id, count, 512).astype(np.float32))
    with h5py.File(tmp_path / "train-00000.h5") as file:
        assert file["visual"].dtype == np.float16


def test_a_set_without_audio_has_no_audio_dataset(tmp_path: Path) -> None:
    write_visual(tmp_path, ROWS)
    with Shard(run_align(tmp_path, with_audio=False)) as shard:
        assert shard.header.audio is None
        assert {(video.audio_rows, video.audio_sounding) for video in shard.videos} == {(0, 0)}
    with h5py.File(tmp_path / "train-00000.h5") as file:
        assert "audio" not in file


def test_videos_that_failed_in_either_step_are_absent_and_listed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_visual(tmp_path, ROWS)
    write_audio(tmp_path, {"a": 3, "c": 2})
    write_failures(tmp_path / "visual.csv", [Failure("z", "visual", "cut short")])
    write_failures(tmp_path / "audio.csv", [Failure("b", "audio", "noise")])
    with Shard(run_align(tmp_path)) as shard:
        assert [video.video_id for video in shard.videos] == ["a", "c"]
    failures = read_failures(tmp_path / "train-00000.csv")
    assert [(failure.video_id, failure.stage) for failure in failures] == [("z", "visual"), ("b", "audio")]
    assert "2 of 4 videos are absent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("audio", "message"),
    [({"a": 3, "b": 2, "c": 2}, r"'b' has 2 rows but 1 snippets"), ({"a": 3, "b": 1}, r"lacks video_id 'c'")],
)
def test_steps_that_disagree_are_refused_and_leave_no_shard(
    tmp_path: Path, audio: dict[str, int], message: str
) -> None:
    write_visual(tmp_path, ROWS)
    write_audio(tmp_path, audio)
    with pytest.raises(InputError, match=message):
        run_align(tmp_path)
    assert not (tmp_path / "train-00000.h5").exists()


def test_labels_of_another_set_are_refused(tmp_path: Path) -> None:
    write_visual(tmp_path, ROWS, labels="Fighting")
    write_audio(tmp_path, ROWS)
    with pytest.raises(InputError, match=r"visual\.h5: a: unknown label code 'Fighting'"):
        run_align(tmp_path)


def test_another_split_or_half_an_audio_step_is_refused(tmp_path: Path) -> None:
    write_visual(tmp_path, ROWS)
    write_audio(tmp_path, ROWS)
    with pytest.raises(InputError, match="dataset_split is 'train', not 'test'"):
        run_align(tmp_path, "--split", "test")
    with pytest.raises(InputError, match="belong together"):
        run_align(tmp_path, "--audio", str(tmp_path / "audio.h5"), with_audio=False)
    shutil.copy(tmp_path / "visual.h5", tmp_path / "audio.h5")
    with pytest.raises(InputError, match=r"audio\.h5: attributes format and version"):
        run_align(tmp_path)


@pytest.mark.usefixtures("ready_clip")
def test_real_videos_become_a_shard_with_equally_many_rows(tmp_path: Path) -> None:
    sound = click_track(0.5, [0.2], hum=0.1)
    videos = [
        write_video(tmp_path / f"v{index}.mp4", [numbered(index)] * frames, sound=sound)
        for index, frames in enumerate([12, 4])
    ]
    catalog = catalog_of(tmp_path / "all", videos)
    write_catalog(catalog, [Video(video.stem, "train", str(video), ("B2", "G")) for video in videos])
    run_visual(catalog)
    run_audio(catalog)
    with Shard(run_align(catalog.parent)) as shard:
        described = [(video.snippets, video.audio_rows, video.frames, video.labels) for video in shard.videos]
        assert described == [(3, 3, 12, ("B2", "G")), (1, 1, 4, ("B2", "G"))]
        assert [video.audio_start for video in shard.videos] == [video.start for video in shard.videos]
