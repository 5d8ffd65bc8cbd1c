"""decord in libav's place: the same pictures to the bit, or a reason that says to use libav."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from extract.base.decoders import DECORD, check_decoder
from extract.base.errors import InputError
from extract.media import decode, decord_pictures
from extract.media import reading as media
from extract.media.decode import FrameCountMismatch, UnreadableVideo, demuxed_timeline
from extract.media.isolation import Job, Task
from extract.media.reading import End, read_videos
from tests.extract import jobs
from tests.extract.made_videos import (
    OPEN_GROUPS,
    hide_first_frames,
    spoil_packets,
    turn_right,
    write_numbered,
    write_video,
)
from tests.extract.media.test_decode import COLOURS, write_colours


def assert_equal_pictures(path: Path, *, stride: int, threads: int = 1, batch: int = 3) -> None:
    frames = len(demuxed_timeline(path).starts)
    ours, theirs = (
        list(module.pictures(path, frames, stride=stride, batch=batch, threads=threads))
        for module in (decode, decord_pictures)
    )
    assert [batch.shape for batch in theirs] == [batch.shape for batch in ours]
    assert all(map(np.array_equal, ours, theirs))


@pytest.mark.parametrize("kind", COLOURS)
def test_every_colour_format_is_the_same_to_the_bit(tmp_path: Path, kind: str) -> None:
    assert_equal_pictures(write_colours(tmp_path / "a.mkv", *COLOURS[kind]), stride=1)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_pictures_are_the_same_to_the_bit(tmp_path: Path, quarters: int) -> None:
    assert_equal_pictures(turn_right(write_colours(tmp_path / "a.mp4", *COLOURS["plain"]), quarters, 1), stride=2)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a:b%20'.mp4", "libx264", OPEN_GROUPS),
        ("a.mkv", "libx264", OPEN_GROUPS),
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.flv", "libx264", {}),
        ("a.mpg", "mpeg2video", {"bf": "2"}),
    ],
)
def test_sampled_pictures_are_the_same_to_the_bit(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], threads: int
) -> None:
    assert_equal_pictures(write_numbered(tmp_path / name, 50, codec=codec, options=options), stride=7, threads=threads)


def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path: Path) -> None:
    path = hide_first_frames(write_numbered(tmp_path / "a.mp4", 100, options=OPEN_GROUPS), 20)
    assert_equal_pictures(path, stride=16)


@pytest.mark.parametrize("claimed", [39, 41])
def test_a_wrong_frame_count_never_passes(tmp_path: Path, claimed: int) -> None:
    path = write_numbered(tmp_path / "a.mp4", 40)
    with pytest.raises(FrameCountMismatch, match=r"shows (more than|40 of) .*use decoder libav"):
        list(decord_pictures.pictures(path, claimed, stride=16, batch=1, threads=1))


def test_damage_in_the_middle_is_unreadable_in_one_line(tmp_path: Path) -> None:
    path = spoil_packets(write_numbered(tmp_path / "a.mp4", 60), "video", slice(30, 31))
    with pytest.raises(UnreadableVideo, match="use decoder libav") as caught:
        list(decord_pictures.pictures(path, 60, stride=1, batch=1, threads=1))
    assert "\n" not in str(caught.value)


def test_a_video_that_decord_shows_otherwise_is_refused(tmp_path: Path) -> None:
    """H.264 itself asks to be turned, which decord does not do."""
    path = tmp_path / "turned.mkv"
    with av.open(write_numbered(tmp_path / "a.mp4", 2)) as source, av.open(path, "w") as copy:
        stream = source.streams.video[0]
        target = copy.add_stream_from_template(stream)
        ask = BitStreamFilterContext("h264_metadata=display_orientation=insert:rotate=90", stream, target)
        for packet in source.demux(stream):
            for asking in ask.filter(packet if packet.size else None):
                asking.stream = target
                copy.mux(asking)
    with pytest.raises(UnreadableVideo, match="another first picture than libav; use decoder libav"):
        list(decord_pictures.pictures(path, 2, stride=1, batch=1, threads=1))


def test_what_might_not_fit_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_numbered(tmp_path / "a.mp4", 5)
    monkeypatch.setattr("decord.VideoReader", None)
    with pytest.raises(UnreadableVideo) as caught:
        list(decord_pictures.pictures(path, 30_000, stride=16, batch=1, threads=1))
    assert str(caught.value) == (
        "its 30000 frames of 160 x 120 may take 2.4 GB, as decord decodes ahead of whoever reads; "
        "a worker has 1.6 GB: use decoder libav"
    )


def end_of(path: Path) -> End:
    *_, (_, last) = read_videos([(0, path)], stride=16, threads=1, workers=1, decoder=DECORD)
    assert isinstance(last, End)
    return last


def test_a_video_of_large_pictures_ends_with_that_reason_and_is_read_by_libav(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [np.zeros((4320, 7680, 3), np.uint8)], codec="mpeg4")
    assert "its 1 frames of 7680 x 4320 may take 2.1 GB" in end_of(path).reason
    assert [event for _, event in read_videos([(0, path)], stride=16, threads=1, workers=1)][-1] == End()


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (jobs.eat_memory, r"needs more than 1\.6 GB of memory, decoding ahead by decord; use decoder libav"),
        (jobs.crash, r"its decoder was ended by SIGSEGV, decoding ahead by decord; use decoder libav"),
    ],
)
def test_a_worker_that_reaches_its_limit_says_to_use_libav(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job, reason: str
) -> None:
    monkeypatch.setattr(media, "Task", lambda key, _, arguments: Task(key, job, ()))
    assert end_of(tmp_path).reason == reason.replace("\\", "")


# In a process of its own: reads one picture, waits until it holds all (at most a minute, on however busy a machine) and
# decord decodes no more, and says what it then holds.
SLOW_READER = """
import resource, sys, time
from pathlib import Path
import decord

def held():
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize() - before

before = 0
before = held()
reader = decord.VideoReader(sys.argv[1], num_threads=2, fault_tol=1e-9)
reader.next()
began = time.monotonic()
while held() < int(sys.argv[2]) and time.monotonic() - began < 60:
    time.sleep(0.1)
worked = -1.0
while time.process_time() - worked > 0.02:
    worked = time.process_time()
    time.sleep(1)
print(held(), flush=True)
"""


def test_decord_holds_every_picture_and_never_more_than_is_reckoned_with(tmp_path: Path) -> None:
    film = write_video(
        tmp_path / "a.mp4", [np.full((360, 640, 3), 90, np.uint8)] * 250, options={"preset": "ultrafast"}
    )
    pictures = 250 * 640 * 360 * 3
    done = subprocess.run(
        [sys.executable, "-c", SLOW_READER, str(film), str(pictures)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert pictures <= int(done.stdout) <= decord_pictures.bytes_needed(640, 360, 250, threads=2)


def test_without_the_package_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    check_decoder(DECORD)
    monkeypatch.setattr("extract.base.packages.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"decord2, which is not installed; pip install -r requirements\.txt$"):
        check_decoder(DECORD)
    with pytest.raises(InputError, match="decoder 'opencv' must be one of libav, decord"):
        check_decoder("opencv")
