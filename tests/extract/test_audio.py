import re
from pathlib import Path

import numpy as np
import pytest

from extract.base.errors import InputError
from extract.failures import read_failures
from extract.media.audio_track import read_audio, sample_spans
from extract.media.decode import demuxed_timeline, pictures
from extract.media.sampling import snippet_bounds
from extract.workfile import WorkFile
from tests.extract.made_videos import click_track, hide_first_frames, numbered, spoil_packets, write_video
from tests.extract.steps import STRIDE, catalog_of, run_audio, run_visual

DARK, BRIGHT = (np.full((120, 160, 3), level, np.uint8) for level in (16, 235))


def clip_of(path: Path, seconds: float, sound: np.ndarray | None) -> Path:
    frames = round(25 * seconds)
    return write_video(path, [numbered(frame) for frame in range(frames)], sound=sound)


def flash_and_click(path: Path, times: np.ndarray, flash: int, sound_start: float = 0.0) -> Path:
    """A dark video with one bright snippet, and a click while its first frame is shown."""
    frames = [BRIGHT if flash <= index < flash + STRIDE else DARK for index in range(len(times))]
    click = (times[flash] + times[flash + 1]) / 2
    sound = click_track(times[-1] - sound_start, [click - sound_start])
    return write_video(path, frames, times=times.tolist(), sound=sound, sound_start=sound_start)


def brightest_and_loudest(path: Path) -> tuple[int, int]:
    timeline = demuxed_timeline(path)
    bounds = snippet_bounds(timeline.starts, STRIDE, timeline.frame_seconds)
    frames = np.concatenate(list(pictures(path, len(timeline.starts), stride=STRIDE, batch=8, threads=1)))
    track = read_audio(path, bounds[0, 0], bounds[-1, 1])
    assert track is not None
    energy = [float(np.square(track.samples[start:end]).sum()) for start, end in sample_spans(bounds)]
    assert len(frames) == len(energy)
    return int(frames.mean(axis=(1, 2, 3)).argmax()), int(np.argmax(energy))


CONSTANT = np.arange(60) / 25
# Half the video at five frames a second, half at fifty: frame index times 1/25 would be seconds off.
VARIABLE = np.concatenate([np.arange(30) / 5, 6 + np.arange(30) / 50])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("sound_start", [0.0, 0.73])
@pytest.mark.parametrize("times", [CONSTANT, VARIABLE], ids=["constant rate", "variable rate"])
@pytest.mark.parametrize("snippet", [5, 8])
def test_a_flash_and_its_bang_fall_into_the_same_snippet(
    tmp_path: Path, suffix: str, sound_start: float, times: np.ndarray, snippet: int
) -> None:
    path = flash_and_click(tmp_path / f"a{suffix}", times, snippet * STRIDE, sound_start)
    assert brightest_and_loudest(path) == (snippet, snippet)


def test_an_edit_list_moves_pictures_and_sound_together(tmp_path: Path) -> None:
    path = hide_first_frames(flash_and_click(tmp_path / "a.mp4", CONSTANT, 8 * STRIDE), 2 * STRIDE)
    # Only the pictures' list is cut, so the sound stays where it was on the container's axis.
    assert brightest_and_loudest(path) == (6, 8)


@pytest.fixture
def catalog(tmp_path: Path, ready_clip: None) -> Path:
    videos = [
        clip_of(tmp_path / "whole.mp4", 1.1, click_track(1.1, [0.5], hum=0.1)),
        clip_of(tmp_path / "mute.mp4", 0.5, None),
        clip_of(tmp_path / "ends.mp4", 1.0, click_track(0.3, [0.1], hum=0.2)),
        spoil_packets(clip_of(tmp_path / "noise.mp4", 0.4, click_track(0.4, [0.1], hum=0.2)), "audio", slice(None)),
        clip_of(tmp_path / "short.mp4", 0.04, click_track(0.2, [0.1], hum=0.1)),
    ]
    catalog = catalog_of(tmp_path / "all", videos)
    run_visual(catalog)
    return catalog


def test_every_snippet_gets_a_row_and_silence_is_zero_and_counted(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with WorkFile(catalog.parent / "visual.h5", "visual") as visual, WorkFile(run_audio(catalog), "audio") as audio:
        assert list(audio.videos) == ["whole", "mute", "ends", "short"]
        for video_id in audio.videos:
            assert len(audio.rows("audio", video_id)) == len(visual.rows("visual", video_id))
        counts = {video_id: (int(v["rows"]), int(v["sounding"])) for video_id, v in audio.videos.items()}
        assert counts == {"whole": (6, 6), "mute": (3, 0), "ends": (5, 2), "short": (1, 1)}
        assert not audio.rows("audio", "mute").any()
        sounds = audio.rows("audio", "ends").any(axis=1)
        assert sounds.tolist() == [True, True, False, False, False]
    failures = read_failures(catalog.parent / "audio.csv")
    assert [(failure.video_id, failure.stage) for failure in failures] == [("spoilt-noise", "audio")]
    assert "1 of 5 videos failed" in capsys.readouterr().err


def test_features_do_not_depend_on_the_other_videos(catalog: Path, tmp_path: Path) -> None:
    together = run_audio(catalog)
    for name in ("whole", "ends"):
        alone = catalog_of(tmp_path / "one", [tmp_path / f"{name}.mp4"])
        run_visual(alone)
        with WorkFile(together, "audio") as all_rows, WorkFile(run_audio(alone), "audio") as own_rows:
            assert np.array_equal(all_rows.rows("audio", name), own_rows.rows("audio", name))


def test_a_second_run_is_the_same_to_the_byte(catalog: Path) -> None:
    first = run_audio(catalog).read_bytes()
    assert run_audio(catalog).read_bytes() == first


def test_broken_packets_are_reported(tmp_path: Path, ready_clip: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = clip_of(tmp_path / "a.mp4", 1.0, click_track(1.0, [0.1], hum=0.2))
    catalog = catalog_of(tmp_path / "all", [spoil_packets(path, "audio", slice(10, 13))])
    run_visual(catalog)
    capsys.readouterr()
    run_audio(catalog)
    said = capsys.readouterr().err
    assert re.match(r"device: cpu, [^,]+, 1 thread\n", said)
    assert "spoilt-a has 3 broken packets, left silent" in said


def test_a_catalog_that_lost_a_video_is_named(catalog: Path, tmp_path: Path) -> None:
    catalog_of(tmp_path / "all", [tmp_path / "whole.mp4"])
    with pytest.raises(InputError, match=r"catalog\.jsonl: lacks video_id 'mute'"):
        run_audio(catalog)


def test_an_absent_or_foreign_work_file_is_named(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path / "all", [])
    with pytest.raises(InputError, match=r"visual\.h5: no such file; run the visual step again"):
        run_audio(catalog)
