from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from extract.media.audio_track import AudioTrack, UnreadableAudio, read_audio, sample_spans
from extract.media.decode import demuxed_timeline
from extract.media.sampling import snippet_bounds
from tests.extract.made_videos import click_track, numbered, spoil_packets, write_video

MILLISECOND = 16


def loudest(track: AudioTrack) -> int:
    return int(np.abs(track.samples).argmax())


def still(path: Path, seconds: float = 2.0, **settings: object) -> Path:
    return write_video(path, [numbered(0)] * round(25 * seconds), **settings)  # type: ignore[arg-type]


def write_sound(path: Path, samples: np.ndarray, codec: str, rate: int, layout: str) -> Path:
    """Write a Matroska file with lossless sound [channels, samples] alone."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        sample_format = stream.codec_context.format.name
        for start in range(0, samples.shape[1], 1000):
            part = samples[:, start : start + 1000].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format=sample_format, layout=layout)
            frame.rate, frame.time_base, frame.pts = rate, Fraction(1, rate), start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv"])
@pytest.mark.parametrize("late", [0.0, 0.7])
def test_a_click_sounds_when_the_file_says(tmp_path: Path, name: str, late: float) -> None:
    path = still(tmp_path / name, sound=click_track(2 - late, [1.2 - late]), sound_start=late)
    start = float(demuxed_timeline(path).starts[0])
    track = read_audio(path, start, start + 2)
    assert track is not None
    assert abs(loudest(track) - 1.2 * 16_000) < 6 * MILLISECOND
    assert track.samples.dtype == np.float32
    assert len(track.samples) == 32_000
    # AAC puts a packet before the first sample.
    assert track.decoded[0, 0] == pytest.approx(late * 16_000, abs=1100)
    assert track.broken == 0


def test_times_count_from_the_start_asked_for(tmp_path: Path) -> None:
    path = still(tmp_path / "a.mp4", sound=click_track(2, [1.2]))
    track = read_audio(path, 1.0, 1.5)
    assert track is not None
    assert len(track.samples) == 8000
    assert abs(loudest(track) - 0.2 * 16_000) < 6 * MILLISECOND


def test_sound_that_ends_early_is_zero_and_not_heard_from_there_on(tmp_path: Path) -> None:
    path = still(tmp_path / "a.mp4", sound=click_track(0.9, [0.5], hum=0.1))
    bounds = snippet_bounds(demuxed_timeline(path).starts, 5, 0.04)  # ten snippets of 0.2 s
    track = read_audio(path, bounds[0, 0], bounds[-1, 1])
    assert track is not None
    assert track.sounding(sample_spans(bounds)).tolist() == [True] * 5 + [False] * 5
    assert not track.samples[16_000:].any()


def test_a_gap_stays_silent_and_what_follows_is_on_time(tmp_path: Path) -> None:
    whole = still(tmp_path / "a.mkv", sound=click_track(2, [1.6], hum=0.1))
    path = tmp_path / "gap.mkv"
    with av.open(whole) as source, av.open(path, "w") as copy:
        stream = copy.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size and not 0.5 < packet.pts * packet.time_base < 1.0:
                packet.stream = stream
                copy.mux(packet)
    track = read_audio(path, 0, 2)
    assert track is not None
    assert abs(loudest(track) - 1.6 * 16_000) < 6 * MILLISECOND
    assert not track.samples[int(0.6 * 16_000) : int(0.95 * 16_000)].any()
    spans = np.array([[0, 3200], [9600, 12800], [12800, 17600], [20000, 24000]])
    assert track.sounding(spans).tolist() == [True, False, True, True]


def test_streamed_resampling_equals_soxr_on_the_whole_and_channels_are_averaged(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).integers(-20_000, 20_000, (2, 60_000)).astype(np.int16)
    track = read_audio(write_sound(tmp_path / "a.mkv", sound, "pcm_s16le", 44_100, "stereo"), 0, 60_000 / 44_100)
    whole = soxr.resample((sound.mean(axis=0) / 32_768).astype(np.float32), 44_100, 16_000)
    assert track is not None
    assert len(track.samples) == len(whole)
    np.testing.assert_allclose(track.samples, whole, atol=1e-6)


@pytest.mark.parametrize(("codec", "rest", "scale"), [("pcm_u8", 128, 128), ("pcm_s16le", 0, 32_768)])
def test_whole_number_samples_are_scaled_to_one(tmp_path: Path, codec: str, rest: int, scale: int) -> None:
    tone = np.sin(np.arange(16_000) / 20) * 0.5
    kind = np.uint8 if codec == "pcm_u8" else np.int16
    samples = np.round(tone * scale + rest).astype(kind)[None]
    track = read_audio(write_sound(tmp_path / "a.mkv", samples, codec, 16_000, "mono"), 0, 1)
    assert track is not None
    np.testing.assert_allclose(track.samples, tone, atol=0.51 / scale)


def test_broken_packets_stay_silent_are_counted_and_shift_nothing(tmp_path: Path) -> None:
    path = still(tmp_path / "a.mp4", sound=click_track(2, [1.6], hum=0.1))
    track = read_audio(spoil_packets(path, "audio", slice(20, 40)), 0, 2)
    assert track is not None
    assert track.broken == 20
    assert abs(loudest(track) - 1.6 * 16_000) < 6 * MILLISECOND
    assert track.sounding(np.array([[0, 3000], [9000, 13_000], [16_000, 20_000]])).tolist() == [True, False, True]


def test_a_stream_of_which_nothing_decodes_is_unreadable(tmp_path: Path) -> None:
    path = still(tmp_path / "a.mp4", sound=click_track(2, [1.0]))
    with pytest.raises(UnreadableAudio, match=r"none of its \d+ audio packets can be decoded: ") as caught:
        read_audio(spoil_packets(path, "audio", slice(None)), 0, 2)
    assert "\n" not in str(caught.value)


def test_no_audio_stream_is_no_error(tmp_path: Path) -> None:
    assert read_audio(still(tmp_path / "a.mp4"), 0, 2) is None


def test_a_file_that_vanished_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match="No such file"):
        read_audio(tmp_path / "absent.mp4", 0, 1)


@given(st.lists(st.integers(0, 400), max_size=12, unique=True), st.lists(st.integers(0, 400), min_size=2, max_size=9))
def test_a_snippet_sounds_if_any_of_its_samples_was_decoded(cuts: list[int], edges: list[int]) -> None:
    cuts = sorted(cuts)[: len(cuts) // 2 * 2]
    decoded = np.array(cuts, dtype=np.int64).reshape(-1, 2)
    mask = np.zeros(401, bool)
    for first, last in decoded:
        mask[first:last] = True
    ordered = np.sort(np.array(edges))
    spans = np.stack([ordered[:-1], ordered[1:]], axis=1)
    heard = AudioTrack(np.zeros(400, np.float32), decoded, 0).sounding(spans)
    assert heard.tolist() == [bool(mask[first:last].any()) for first, last in spans]


@given(st.integers(1, 300), st.sampled_from([23.976, 25.0, 29.97, 30.0, 59.94]), st.integers(1, 20))
def test_sample_spans_have_no_gap_and_never_drift(frames: int, fps: float, stride: int) -> None:
    bounds = snippet_bounds(5 + np.arange(frames) / fps, stride, 1 / fps)
    spans = sample_spans(bounds)
    assert spans[0, 0] == 0
    assert (spans[:-1, 1] == spans[1:, 0]).all()
    assert np.abs(spans / 16_000 - (bounds - 5)).max() <= 0.5 / 16_000 + 1e-9
