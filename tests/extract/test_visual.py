import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from extract import video_features
from extract.base.errors import InputError
from extract.encoders.clip import ClipImageEncoder
from extract.encoders.preprocessing import crop_frames
from extract.failures import read_failures
from extract.media import isolation
from extract.media import reading as media
from extract.media.decode import demuxed_timeline, pictures
from extract.npy.feature_sidecar import read_sidecar, sidecar_text
from extract.shard import Shard
from extract.video_features import extract_video
from extract.visual_settings import VisualSettings
from extract.workfile import UnstorableError, WorkFile, partial_path, stored
from tests.extract import jobs
from tests.extract.made_videos import (
    OPEN_GROUPS,
    cut_short,
    numbered,
    to_front,
    without_first_packets,
    write_numbered,
    write_video,
)
from tests.extract.steps import STRIDE, catalog_of, run_align, run_visual, visual_arguments
from tests.machine import QUICK

SETTINGS = VisualSettings(stride=STRIDE, crops=(0, 5), precision=QUICK, batch=4, dtype="float32")
SPARSE = replace(SETTINGS, stride=30)


def videos_in(folder: Path, lengths: list[int]) -> list[Path]:
    """Videos that differ in length, contents and shape, with names of the kind XD-Violence has."""
    return [
        write_video(
            folder / f"v={index}__#1_label_A.mp4",
            [numbered(frame * 7 + index)[: 120 - 20 * index] for frame in range(frames)],
        )
        for index, frames in enumerate(lengths)
    ]


def test_rows_are_the_features_of_the_sampled_frames_in_the_order_of_the_crops(
    tmp_path: Path, image_encoder: ClipImageEncoder
) -> None:
    path = write_numbered(tmp_path / "a.mp4", 23)
    arrays = extract_video(path, image_encoder, SETTINGS, threads=1)
    assert arrays["visual"].shape == (5, 2, 512)
    assert (int(arrays["frames"]), float(arrays["fps"])) == (23, 25.0)
    np.testing.assert_allclose(arrays["bounds"][:, 0], np.arange(5) * 0.2, atol=1e-9)
    np.testing.assert_allclose(arrays["bounds"][-1], [0.8, 1.0], atol=1e-9)

    frames = np.concatenate(list(pictures(path, 23, stride=STRIDE, batch=9, threads=1)))
    for column, crop in enumerate((0, 5)):
        plain = image_encoder.encode(crop_frames(torch.from_numpy(frames), (crop,))[:, 0]).numpy()
        # The same images at another place of the batch; only rounding may differ.
        np.testing.assert_allclose(arrays["visual"][:, column], plain, atol=0.05)
    # Number 15 is lopsided.
    assert np.abs(arrays["visual"][3, 0] - arrays["visual"][3, 1]).max() > 0.05


@pytest.mark.usefixtures("ready_clip")
def test_features_do_not_depend_on_the_other_videos(tmp_path: Path) -> None:
    videos = videos_in(tmp_path, [7, 18, 11])
    together = run_visual(catalog_of(tmp_path / "all", videos))
    for video in videos:
        alone = run_visual(catalog_of(tmp_path / "one", [video]))
        with WorkFile(together, "visual") as all_rows, WorkFile(alone, "visual") as own_rows:
            assert np.array_equal(all_rows.rows("visual", video.stem), own_rows.rows("visual", video.stem))
            assert np.array_equal(all_rows.rows("bounds", video.stem), own_rows.rows("bounds", video.stem))


@pytest.mark.usefixtures("ready_clip")
@pytest.mark.parametrize("precision", sorted({QUICK, "fp32"}))
def test_features_are_the_same_to_the_bit_whatever_the_workers_shards_and_order(tmp_path: Path, precision: str) -> None:
    videos = videos_in(tmp_path, [7, 18, 1, 11, 2])
    together = catalog_of(tmp_path / "all", videos)
    one = run_visual(together, "--precision", precision, "--workers", "1").read_bytes()
    eight = run_visual(together, "--precision", precision, "--workers", "8")
    assert eight.read_bytes() == one
    halves = catalog_of(tmp_path / "halves", videos[::-1])
    for shard in ("0", "1"):
        half = run_visual(halves, "--precision", precision, "--workers", "3", "--shard", shard, "--shards", "2")
        with WorkFile(eight, "visual") as all_rows, WorkFile(half, "visual") as own_rows:
            assert own_rows.videos
            for name in own_rows.videos:
                assert np.array_equal(all_rows.rows("visual", name), own_rows.rows("visual", name))


@pytest.mark.usefixtures("ready_clip")
def test_another_decoder_gives_the_same_rows_and_is_named_up_to_the_shard_and_its_export(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path / "all", videos_in(tmp_path, [18, 11]))
    without = run_visual(catalog).read_bytes()
    assert run_visual(catalog, "--decoder", "libav").read_bytes() == without
    shard = run_align(tmp_path / "all", with_audio=False)
    with Shard(shard) as usual, h5py.File(shard) as file:
        assert usual.header.decoder == "libav"
        assert "visual_decoder" not in file.attrs
        assert '"decoder"' not in sidecar_text(usual.header, usual.videos)
        rows = [usual.visual(video, 1) for video in usual.videos]
    # Not what the other decoder's run left there.
    assert run_visual(catalog, "--decoder", "decord").read_bytes() != without
    with Shard(run_align(tmp_path / "all", with_audio=False)) as decoded:
        assert decoded.header.decoder == "decord"
        assert all(map(np.array_equal, [decoded.visual(video, 1) for video in decoded.videos], rows))
        (tmp_path / "list.json").write_text(sidecar_text(decoded.header, decoded.videos))
        sidecar = read_sidecar(tmp_path / "list.csv")
        assert sidecar is not None
        assert sidecar.header == decoded.header


@pytest.mark.usefixtures("ready_clip")
def test_a_worker_that_is_killed_costs_its_video_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = videos_in(tmp_path, [6, 6, 6])

    def task(key: str, job: isolation.Job, arguments: tuple[object, ...]) -> isolation.Task[str]:
        crashes = arguments[0] == videos[1]
        return isolation.Task(key, jobs.crash if crashes else job, () if crashes else arguments)

    monkeypatch.setattr(media, "Task", task)
    with WorkFile(run_visual(catalog_of(tmp_path / "all", videos)), "visual") as work:
        assert list(work.videos) == [videos[0].stem, videos[2].stem]
    (failure,) = read_failures(tmp_path / "all" / "visual.csv")
    assert (failure.video_id, failure.stage) == (videos[1].stem, "visual")
    assert "SIGSEGV" in failure.reason


@pytest.mark.usefixtures("ready_clip")
def test_shards_hold_every_video_of_the_split_once_in_catalog_order(tmp_path: Path) -> None:
    videos = videos_in(tmp_path, [1, 2, 3])
    catalog = catalog_of(tmp_path / "all", videos)
    held = []
    for shard in ("0", "1"):
        with WorkFile(run_visual(catalog, "--shard", shard, "--shards", "2"), "visual") as work:
            held.append([(video_id, int(video["frames"])) for video_id, video in work.videos.items()])
    assert [len(part) for part in held] == [1, 2]
    assert held[0] + held[1] == [(video.stem, frames) for video, frames in zip(videos, [1, 2, 3], strict=True)]


@pytest.mark.usefixtures("ready_clip")
def test_a_shard_without_a_readable_video_is_still_a_work_file(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").touch()
    with WorkFile(run_visual(catalog_of(tmp_path / "all", [tmp_path / "broken.mp4"])), "visual") as work:
        assert work.videos == {}
        assert work.dtype("visual") == "float16"


@pytest.mark.usefixtures("ready_clip")
def test_unreadable_videos_are_listed_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = videos_in(tmp_path, [6, 6])
    truncated = cut_short(to_front(write_numbered(tmp_path / "long.mp4", 60)), 0.6)
    catalog = catalog_of(tmp_path / "all", [good[0], truncated, tmp_path / "absent.mp4", good[1]])
    with WorkFile(run_visual(catalog), "visual") as work:
        assert list(work.videos) == [good[0].stem, good[1].stem]
    failures = read_failures(tmp_path / "all" / "visual.csv")
    assert [(failure.video_id, failure.stage) for failure in failures] == [
        (truncated.stem, "visual"),
        ("absent", "visual"),
    ]
    assert "cut short" in failures[0].reason
    assert "No such file" in failures[1].reason
    said = capsys.readouterr().err
    assert re.match(r"device: cpu, [^,]+, 1 thread\n", said)
    assert "2 of 4 videos failed" in said


def test_packets_without_pictures_shift_nothing(tmp_path: Path, image_encoder: ClipImageEncoder) -> None:
    path = without_first_packets(write_numbered(tmp_path / "a.mp4", 100, options=OPEN_GROUPS), 30)
    arrays = extract_video(path, image_encoder, SPARSE, threads=1)
    assert int(arrays["frames"]) == 40 < len(demuxed_timeline(path).starts)
    assert arrays["bounds"][0, 0] == pytest.approx(60 / 25)
    assert len(arrays["visual"]) == len(arrays["bounds"]) == 2


def test_a_killed_run_goes_on_where_it_was_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    videos = [write_numbered(tmp_path / f"v{index}.mp4", 20 + index) for index in range(4)]
    catalog, small = catalog_of(tmp_path / "killed", videos), ("--encoder", "ViT-S-32")
    partial = tmp_path / "killed" / "partial"
    command = [sys.executable, "-m", "extract.visual", *visual_arguments(catalog, *small)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while len(list(partial.glob("*.npz"))) < 1 and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -9
    assert not (tmp_path / "killed" / "visual.h5").exists()
    finished = {path: path.stat().st_mtime_ns for path in partial.glob("*.npz")}
    assert 1 <= len(finished) < 4

    extracted = []
    original = video_features.read_videos

    def counting(asked: list[tuple[str, Path]], **settings: int) -> object:
        extracted.extend(asked)
        return original(asked, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_features, "read_videos", counting)
        resumed = run_visual(catalog, *small)
    assert len(extracted) == 4 - len(finished)
    assert len(list(partial.iterdir())) == 4
    assert resumed.read_bytes() == run_visual(catalog_of(tmp_path / "whole", videos), *small).read_bytes()


def test_finished_videos_are_found_again_only_with_the_same_settings_and_file(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 1)
    settings = {"stride": 16, "crops": [0, 5]}
    first = partial_path(tmp_path, "a", path, settings)
    assert partial_path(tmp_path, "a", path, dict(settings)) == first
    assert partial_path(tmp_path, "b", path, settings) != first
    assert partial_path(tmp_path, "a", path, {**settings, "stride": 4}) != first
    write_numbered(path, 2)
    assert partial_path(tmp_path, "a", path, settings) != first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--crops", "0", "0"], "none twice"),
        (["--crops", "10"], "from 0 to 9"),
        (["--stride", "0"], "stride 0"),
        (["--batch", "0"], "batch 0"),
        (["--shard", "2", "--shards", "2"], "shard 2"),
        (["--weights", "absent.pt"], r"absent\.pt"),
    ],
)
def test_impossible_settings_are_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_visual(catalog_of(tmp_path / "all", []), *arguments)


def test_features_that_float16_cannot_hold_are_refused() -> None:
    assert stored(np.array([1.5], np.float32), "float16").dtype == np.float16
    with pytest.raises(UnstorableError, match="--dtype float32"):
        stored(np.array([1e6], np.float32), "float16")
    with pytest.raises(UnstorableError, match="not finite"):
        stored(np.array([np.nan], np.float32), "float32")


@pytest.mark.parametrize("step", ["visual", "audio", "align", "failures"])
def test_help_is_quick(step: str) -> None:
    code = f"import sys, extract.{step} as step; step.parser().format_help(); print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'argparse'" in modules
    assert not [name for name in ("torch", "h5py", "decord", "av") if f"'{name}'" in modules]
