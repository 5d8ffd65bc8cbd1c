"""Empty packets, damage between packets, half a picture at the end: nothing is both silent and shorter."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from extract.media.audio_track import read_audio
from extract.media.decode import Timeline, UnreadableVideo, demuxed_timeline, pictures, shown
from extract.media.reading import read_timeline, read_videos
from tests.cases.clips import write
from tests.cases.odd_packets import damaged, empty_chunks, empty_samples, motion_jpeg
from tests.extract.made_videos import number_of, write_numbered

NINETY = [index for index in range(100) if index % 10 != 5]


def seen(path: Path, threads: int = 1) -> tuple[Timeline, list[int], list[str]]:
    """Decode every picture of a file: when they are shown, their numbers, and what is said of it."""
    said: list[str] = []

    def look(timeline: Timeline) -> tuple[Timeline, list[int]]:
        found = pictures(path, len(timeline.starts), stride=1, batch=1, threads=threads, remark=said.append)
        return timeline, [number_of(picture[0]) for picture in found]

    timeline, numbers = shown(path, look, remark=said.append)
    return timeline, numbers, said


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("suffix", [".mov", ".avi"])
def test_an_empty_packet_is_a_picture_that_stays_not_the_end(tmp_path: Path, suffix: str, threads: int) -> None:
    path = motion_jpeg(tmp_path / f"v{suffix}", 100)
    path = empty_samples(path) if suffix == ".mov" else empty_chunks(path)
    timeline, numbers, said = seen(path, threads)
    assert numbers == NINETY
    assert timeline.starts.tolist() == pytest.approx([index / 25 for index in NINETY])
    assert said == []


def test_an_empty_packet_of_sound_is_not_its_end(tmp_path: Path) -> None:
    path = empty_samples(write(tmp_path / "v.mp4", 100, [3.2]), b"soun")
    track = read_audio(path, 0.0, 4.0)
    assert track is not None
    # A tenth of the packets has no sound; holes that short are closed until they add up.
    assert int(track.decoded[-1, 1]) > 3.7 * 16_000
    loud = np.flatnonzero(np.abs(track.samples[:]) > 0.3)
    assert loud[0] == pytest.approx(3.2 * 16_000, abs=0.25 * 16_000)


def test_small_holes_never_add_up_to_more_than_a_quarter_of_a_second(tmp_path: Path) -> None:
    path = empty_samples(write(tmp_path / "v.mp4", 300, [3.2, 10.0]), b"soun")
    track = read_audio(path, 0.0, 12.0)
    assert track is not None
    samples = track.samples[:]
    for second in (3.2, 10.0):
        around = samples[round((second - 0.5) * 16_000) : round((second + 0.7) * 16_000)]
        assert np.flatnonzero(np.abs(around) > 0.3)[0] == pytest.approx(0.5 * 16_000, abs=0.25 * 16_000)


@pytest.mark.parametrize(
    ("suffix", "size", "reason"),
    [
        (".mkv", 16, r"damaged at 2\.36 s: no picture for 0\.64 s beside what libav reports \(0x00 at pos"),
        (".mkv", 2048, r"damaged at 2\.3\d s: no picture for 0\.\d+ s beside what libav reports \(0x00 at pos"),
        (".flv", 16, r"damaged at 2\.38 s: no picture for 0\.08 s beside what libav reports \(Packet mismatch"),
        (".avi", 8, r"damaged: gives 199 of the 200 pictures that its index lists"),
    ],
)
def test_pictures_that_are_lost_to_damage_make_a_video_unreadable_in_one_line(
    tmp_path: Path, suffix: str, size: int, reason: str
) -> None:
    path = damaged(tmp_path / f"v{suffix}", size=size)
    with pytest.raises(UnreadableVideo, match=reason) as caught:
        demuxed_timeline(path)
    assert "\n" not in str(caught.value)


def test_pictures_that_are_lost_to_damage_at_the_end_make_a_video_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo, match=r"damaged at 7\.8\d of 8\.0\d s, where libav reports 0x00 at pos"):
        demuxed_timeline(damaged(tmp_path / "v.mkv", picture=196))


@pytest.mark.parametrize("suffix", [".ts", ".mpg"])
def test_pictures_that_a_demuxer_steps_over_without_a_word_are_told(tmp_path: Path, suffix: str) -> None:
    path = damaged(tmp_path / f"v{suffix}", size=2048)
    timeline, numbers, said = seen(path)
    assert len(numbers) < 200
    # What is there keeps its time: its number is 25 times its second.
    places = (timeline.starts - timeline.starts[0]) * 25
    intact = [index for index, number in enumerate(numbers) if number == round(places[index])]
    assert len(intact) >= len(numbers) - 25  # no more than one group of pictures is hurt
    assert any(re.match(r"shows no new picture for 0\.\d\d s from \d\.\d\d s", text) for text in said)


def test_damage_that_costs_no_picture_is_told(tmp_path: Path) -> None:
    _, numbers, said = seen(damaged(tmp_path / "v.flv", kind="audio"))
    assert numbers == list(range(200))
    assert len(said) == 1
    assert said[0].startswith("is damaged: libav reports Packet mismatch")


def test_whole_files_of_every_form_are_read_without_a_remark(tmp_path: Path) -> None:
    for suffix in (".mkv", ".flv", ".avi", ".ts", ".mpg", ".mp4", ".ogg"):
        codec, audio = {".avi": ("mpeg4", "mp3"), ".mpg": ("mpeg2video", "mp2"), ".ogg": ("libvpx", "libopus")}.get(
            suffix, ("libx264", "aac")
        )
        path = write(tmp_path / f"v{suffix}", 30, [0.4], codec=codec, audio=audio, rate=48_000)
        assert seen(path)[1:] == (list(range(30)), [])


def test_uneven_pictures_are_no_loss(tmp_path: Path) -> None:
    times = np.cumsum([0.04, 0.04, 0.2, 0.04, 0.12] * 20).tolist()
    for suffix in (".mkv", ".ts"):
        _, numbers, said = seen(write_numbered(tmp_path / f"v{suffix}", 100, times=times))
        assert (numbers, said) == (list(range(100)), [])


def test_what_is_said_of_a_video_reaches_whoever_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = damaged(tmp_path / "v.ts", size=2048)
    assert len(read_timeline(path).starts) < 200
    assert f"{path}: shows no new picture for" in capsys.readouterr().err
    events = [event for _, event in read_videos([(0, path)], stride=100, threads=1, workers=1)]
    assert any("shows no new picture for" in getattr(event, "text", "") for event in events)


def test_half_a_picture_at_the_end_of_a_stream_without_a_length_is_left_out(tmp_path: Path) -> None:
    """An MPEG elementary stream, cut within its last three pictures; ffmpeg shows as many."""
    whole = write(tmp_path / "whole.m2v", 12, codec="mpeg2video").read_bytes()
    starts = [match.start() for match in re.finditer(b"\x00\x00\x01\x00", whole)]  # of pictures
    left_out = 0
    ends = [start + more for start in starts[-3:] for more in (5, 7, 9, 20, 40, 100, 300)]
    for number, end in enumerate(end for end in ends if end < len(whole)):
        path = tmp_path / "cut.m2v"
        path.write_bytes(whole[:end])
        begun = sum(start < end for start in starts)
        (timeline, numbers, said), again = seen(path), seen(path, threads=3)
        assert begun - 1 <= len(numbers) <= begun
        assert (again[1], again[2]) == (numbers, said)
        assert len(timeline.starts) == len(numbers)
        left_out += said == ["ends within its last picture, which is left out"]
        if number % 5 == 0 and shutil.which("ffmpeg"):
            assert len(numbers) == shown_by_ffmpeg(path)
    assert left_out > 0


def shown_by_ffmpeg(path: Path) -> int:
    command = [
        "ffmpeg",
        "-v",
        "quiet",
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
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return sum(not line.startswith("#") for line in lines)
