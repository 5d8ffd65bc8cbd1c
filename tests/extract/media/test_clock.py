"""Files whose clock or sound is not the plain one; what is right is known from ffmpeg, arithmetic or their making."""

import shutil
import subprocess
import tracemalloc
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from av.stream import Disposition

from extract.audio import embed_track
from extract.encoders.wav2clip import Wav2Clip, Wav2ClipEncoder
from extract.media.audio_track import AudioTrack, read_audio, sample_spans
from extract.media.clock import Clock
from extract.media.decode import Timeline, decoded_timeline, demuxed_timeline
from extract.media.sampling import snippet_bounds
from tests.cases.clips import write
from tests.cases.joined import joined
from tests.cases.odd_sound import empty_first_sound, jittered, long_packets_gap, marked, motion_gap
from tests.extract.made_videos import numbered, write_numbered, write_video

STRIDE = 16
LOUD = 0.4


def heard(path: Path) -> tuple[Timeline, np.ndarray, AudioTrack]:
    timeline = demuxed_timeline(path)
    bounds = snippet_bounds(timeline.starts, STRIDE, timeline.frame_seconds)
    track = read_audio(path, bounds[0, 0], bounds[-1, 1])
    assert track is not None
    return timeline, bounds, track


def beeping(bounds: np.ndarray, track: AudioTrack) -> list[int]:
    """Snippets in which a beep is heard."""
    parts = [np.abs(track.samples[start : min(end, start + 16_000)]) for start, end in sample_spans(bounds).tolist()]
    return [row for row, part in enumerate(parts) if part.max(initial=0) > LOUD]


def length(timeline: Timeline) -> float:
    return float(timeline.starts[-1] - timeline.starts[0]) + timeline.frame_seconds


@pytest.mark.parametrize("suffix", [".ts", ".mpg", ".mkv", ".flv"])
def test_a_clock_that_begins_again_goes_on_behind_what_was(tmp_path: Path, suffix: str) -> None:
    path = joined(tmp_path, suffix)
    timeline, bounds, track = heard(path)
    assert len(timeline.starts) == 200
    assert timeline.fps == pytest.approx(25)
    assert length(timeline) == pytest.approx(8)
    assert np.diff(timeline.starts) == pytest.approx(0.04, abs=1e-6)
    # 64 / 16, and (100 + 32) / 16.
    assert beeping(bounds, track) == [4, 8]
    np.testing.assert_allclose(decoded_timeline(path).starts, timeline.starts, atol=1e-6)


def test_sound_that_is_missing_from_a_run_does_not_move_the_next_one(tmp_path: Path) -> None:
    """The sound of the first recording ends after a second; that of the second one begins after two."""
    one, two = tmp_path / "one.ts", tmp_path / "two.ts"
    short, late = np.zeros(44_100, np.float32), np.zeros(88_200, np.float32)
    late[13_230:22_050] = 0.7 * np.sin(np.arange(8_820) / 7)
    write(one, 100, tracks=[short])
    write(two, 100, tracks=[late], audio_start=2.0)
    path = tmp_path / "joined.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    _, bounds, track = heard(path)
    # 2.3 s to 2.5 s of the second: 6.3 s to 6.5 s, in snippets of 0.64 s.
    assert beeping(bounds, track) == [9, 10]
    assert np.diff(track.decoded[:, 0]).tolist() == [pytest.approx(6 * 16_000, abs=1600)]


def stamped(seconds: list[float]) -> list[int]:
    """Runs of the packets of one stream of pictures."""
    clock, stream = Clock(), SimpleNamespace(type="video")
    settings = {"stream": stream, "stream_index": 0, "time_base": Fraction(1, 1000), "size": 1, "duration": 40}
    stamps = [round(1000 * second) for second in seconds]
    return [clock.run(SimpleNamespace(pts=stamp, dts=stamp, **settings)) for stamp in stamps]


def test_one_damaged_stamp_is_no_new_beginning() -> None:
    assert stamped([0.0, 0.04, 3600.0, 0.12, 0.16]) == [0] * 5
    # A long hole, then a new beginning.
    assert stamped([0.0, 2.0, 500.0, 500.04, 0.0, 0.04]) == [0, 0, 0, 0, 1, 1]


def test_joined_recordings_have_as_many_pictures_as_ffmpeg_shows(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    path = joined(tmp_path, ".ts")
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len(demuxed_timeline(path).starts) == sum(not line.startswith("#") for line in shown.splitlines())


def test_a_jump_is_kept_however_long_the_packets_are(tmp_path: Path) -> None:
    _, bounds, track = heard(long_packets_gap(tmp_path))
    assert beeping(bounds, track) == [11]
    assert track.decoded.tolist() == [[0, 64_000], [78_400, 158_400]]


def test_sound_stamped_by_its_arrival_is_not_torn(tmp_path: Path) -> None:
    _, _, track = heard(jittered(tmp_path))
    assert len(track.decoded) == 1
    assert np.ptp(track.decoded) >= 7.9 * 16_000
    inside = track.samples[1600 : 7 * 16_000].reshape(-1, 160)  # ten periods each
    assert np.ptp(np.square(inside).mean(axis=1)) < 0.01 * np.square(inside).mean()


def test_a_jump_is_kept_among_stamps_that_are_early_and_late(tmp_path: Path) -> None:
    _, _, track = heard(jittered(tmp_path, lost=40))  # 0.8 s
    assert len(track.decoded) == 2
    hole = track.decoded[1, 0] - track.decoded[0, 1]
    assert hole / 16_000 == pytest.approx(0.8, abs=0.15)


def test_aac_with_stamps_that_are_early_and_late_keeps_its_sound(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mkv", 200, [5.0])
    path = tmp_path / "jitter.mkv"
    off, last = np.random.default_rng(1).uniform(-0.05, 0.05, 1000), 0
    with av.open(whole) as source, av.open(path, "w") as target:
        made = [target.add_stream_from_template(stream) for stream in source.streams]
        for number, packet in enumerate(packet for packet in source.demux() if packet.size):
            if packet.stream_index == 1:
                last = max(last, round(packet.pts + off[number] / float(packet.time_base)))
                packet.pts = packet.dts = last
            packet.stream = made[packet.stream_index]
            target.mux(packet)
    _, _, plain = heard(whole)
    _, _, track = heard(path)
    assert len(track.decoded) == 1
    # The beep's length is what it was.
    loud, loud_plain = (int((np.abs(sound.samples[:]) > LOUD).sum()) for sound in (track, plain))
    assert loud == pytest.approx(loud_plain, rel=0.02)


def test_sound_that_runs_slow_is_followed_without_a_hole(tmp_path: Path) -> None:
    """Stamps of a clock that is 0.5 % fast: after 20 s the sound is 0.1 s behind, a beep at 18 s by 0.09 s."""
    whole = write(tmp_path / "whole.mkv", 500, [18.0])
    path = tmp_path / "slow.mkv"
    with av.open(whole) as source, av.open(path, "w") as target:
        made = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                if packet.stream_index == 1:
                    packet.pts = packet.dts = round(packet.pts * 1.005)
                packet.stream = made[packet.stream_index]
                target.mux(packet)
    _, _, track = heard(path)
    assert len(track.decoded) == 1
    first = int((np.abs(track.samples[:]) > LOUD).argmax()) / 16_000
    assert first == pytest.approx(18.09, abs=0.06)


def test_one_long_picture_changes_neither_the_rate_nor_the_end(tmp_path: Path) -> None:
    times = [index / 25 + (30 if index >= 20 else 0) for index in range(40)]
    timeline = demuxed_timeline(write_numbered(tmp_path / "a.mp4", 40, times=times))
    assert timeline.fps == pytest.approx(25)
    assert length(timeline) == pytest.approx(31.6)


@pytest.fixture
def encoder(wav2clip_model: Wav2Clip) -> Wav2ClipEncoder:
    return Wav2ClipEncoder(wav2clip_model, batch=8, precision="fp32", device=torch.device("cpu"))


@pytest.mark.parametrize("gap", [500, 7200])
def test_time_over_which_nobody_recorded_changes_no_other_row(
    tmp_path: Path, encoder: Wav2ClipEncoder, gap: int
) -> None:
    timeline, bounds, track = heard(motion_gap(tmp_path, gap))
    assert timeline.fps == pytest.approx(25)
    assert length(timeline) == pytest.approx(gap + 2)
    assert beeping(bounds, track) == [2, 5]
    rows, sounding = embed_track(track, bounds, encoder)
    assert sounding == 7
    _, plain_bounds, plain = heard(tmp_path / "whole.mkv")
    expected, _ = embed_track(plain, plain_bounds, encoder)
    others = [0, 1, 2, 4, 5]  # 3 spans the gap; the last one's sound ends with its file
    cosine = torch.nn.functional.cosine_similarity(torch.tensor(rows[others]), torch.tensor(expected[others]))
    assert cosine.min() > 0.99


def test_of_a_snippet_that_lasts_too_long_the_beginning_is_heard(
    encoder: Wav2ClipEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.audio.LONGEST_SNIPPET_SECONDS", 3)
    bounds = np.array([[0, 1], [1, 2], [2, 10], [10, 11]], np.float64)
    sound = np.random.default_rng(0).normal(0, 0.1, 11 * 16_000).astype(np.float32)
    rows, sounding = embed_track(AudioTrack(sound, np.array([[0, len(sound)]]), 0), bounds, encoder)
    assert sounding == 4
    assert np.array_equal(rows, encoder.encode(sound, np.array([[0, 1], [1, 2], [2, 5], [10, 11]]) * 16_000))


def test_long_sound_takes_bounded_memory_and_reads_as_short_sound_does(tmp_path: Path) -> None:
    """Forty minutes with a beep each quarter of an hour; held in memory, the samples alone are 154 MB."""
    path, rate, seconds = tmp_path / "long.mkv", 8000, 2400
    second = (0.5 * np.sin(np.arange(rate) / 5) * 32_767).astype(np.int16)
    with av.open(path, "w") as file:
        stream = file.add_stream("pcm_s16le", rate=rate, layout="mono")
        for start in range(seconds):
            samples = second if start % 900 == 5 else np.zeros(rate, np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.rate, frame.time_base, frame.pts = rate, Fraction(1, rate), start * rate
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    tracemalloc.start()
    try:
        track = read_audio(path, 0, seconds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert track is not None
    assert peak < 64e6
    assert len(track.samples) == seconds * 16_000
    assert track.decoded.tolist() == [[0, seconds * 16_000]]
    loud = [
        start for start in range(seconds) if np.abs(track.samples[start * 16_000 : (start + 1) * 16_000]).max() > LOUD
    ]
    assert loud == [5, 905, 1805]
    part = read_audio(path, 900, 910)
    assert part is not None
    assert np.array_equal(part.samples[:], track.samples[900 * 16_000 : 910 * 16_000])


@pytest.mark.parametrize(
    ("suffix", "marks", "snippet"),
    [
        (".mkv", [Disposition.comment | Disposition.visual_impaired, Disposition.default], 4),
        (".mp4", [Disposition.comment, Disposition.default], 4),
        (".mkv", [Disposition.default, Disposition.comment], 1),
        (".mkv", [Disposition(0), Disposition(0)], 1),
    ],
)
def test_the_default_sound_is_heard_not_a_commentary(
    tmp_path: Path, suffix: str, marks: list[Disposition], snippet: int
) -> None:
    _, bounds, track = heard(marked(tmp_path, suffix, marks))
    assert snippet in beeping(bounds, track)
    assert (4 if snippet == 1 else 1) not in beeping(bounds, track)
    assert track.chosen.startswith(f"sound stream {2 if snippet == 4 else 1} of 2 (")


def test_sound_that_is_announced_and_empty_is_passed_over(tmp_path: Path) -> None:
    _, bounds, track = heard(empty_first_sound(tmp_path))
    assert track.sounding(sample_spans(bounds)).tolist() == [True] * 7
    assert beeping(bounds, track) == [4]


def test_the_sound_is_that_of_the_pictures_own_program(tmp_path: Path) -> None:
    """A transport stream of two programs: the sound of one alone, first, and pictures with sound."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    other = write(tmp_path / "other.ts", 100, [1.0], audio="mp2")
    own = write(tmp_path / "own.ts", 100, [2.56], audio="mp2")
    path = tmp_path / "programs.ts"
    inputs = ["-i", str(other), "-i", str(own), "-map", "0:a", "-map", "1:v", "-map", "1:a", "-c", "copy"]
    programs = ["-program", "title=one:st=0", "-program", "title=two:st=1:st=2"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *programs, str(path)], check=True)
    _, bounds, track = heard(path)
    assert beeping(bounds, track) == [4]
    assert track.chosen.startswith("sound stream 2 of 2 (mp2")


def test_a_cover_is_not_the_video(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", [numbered(index) for index in range(20)], codec="mpeg4")
    path = tmp_path / "covered.mp4"
    picture = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 200, np.uint8), "rgb24")
    with av.open(whole) as video, av.open(path, "w") as target:
        front = target.add_stream("png", rate=25)
        front.width, front.height, front.pix_fmt = 640, 480, "rgb24"
        front.disposition = Disposition.attached_pic
        shown = target.add_stream_from_template(video.streams.video[0])
        target.mux(front.encode(picture) + front.encode(None))
        for packet in video.demux():
            if packet.size:
                packet.stream = shown
                target.mux(packet)
    with av.open(path) as file:
        assert len(file.streams.video) == 2
    assert len(demuxed_timeline(path).starts) == 20
