import os
import shutil
import time
from pathlib import Path

import av
import decord
import numpy as np
import pytest

from extract.media.decode import (
    FrameCountMismatch,
    UnreadableVideo,
    decoded_timeline,
    demuxed_timeline,
    pictures,
)
from tests.extract.made_videos import (
    HEIGHT,
    OPEN_GROUPS,
    WIDTH,
    click_track,
    cut_short,
    hide_first_frames,
    number_of,
    numbered,
    spoil_packets,
    to_front,
    turn_right,
    without_first_packets,
    write_numbered,
    write_video,
)


def numbers_seen(path: Path, frames: int, stride: int = 16, threads: int = 1) -> list[int]:
    batches = pictures(path, frames, stride=stride, batch=3, threads=threads)
    return [number_of(picture) for batch in batches for picture in batch]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", OPEN_GROUPS),
        ("a.mkv", "libx264", OPEN_GROUPS),
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.flv", "libx264", {}),
        ("a.ts", "libx264", {"x264-params": "keyint=20"}),
        ("a.mpg", "mpeg2video", {"bf": "2"}),
    ],
)
def test_sampled_pictures_are_the_right_ones(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], threads: int
) -> None:
    path = write_numbered(tmp_path / name, 100, codec=codec, options=options)
    timeline = demuxed_timeline(path)
    assert len(timeline.starts) == 100
    assert timeline.fps == pytest.approx(25, abs=0.01)
    assert numbers_seen(path, 100, threads=threads) == list(range(0, 100, 16))


COLOURS = {
    "plain": ("libx264", "yuv420p", (322, 242), {}),
    "BT.709": ("libx264", "yuv420p", (322, 242), {"colorspace": 1, "color_range": 1}),
    "full range": ("libx264", "yuvj420p", (322, 242), {"color_range": 2}),
    "10 bit BT.2020": ("libx265", "yuv420p10le", (322, 242), {"colorspace": 9, "color_range": 1}),
    "4:2:2": ("libx264", "yuv422p", (322, 242), {}),
    "RGB": ("ffv1", "bgr0", (322, 242), {}),
    "odd size": ("ffv1", "yuv420p", (101, 67), {}),
}


def write_colours(path: Path, codec: str, pixels: str, size: tuple[int, int], tags: dict[str, int]) -> Path:
    """Write five pictures with every hue and edges in all directions."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for index in range(5):
            picture = np.stack([x + 3 * index, 2 * y + index, x * y // 50 + 5 * index], -1) % 256
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), "rgb24").reformat(format=pixels)
            frame.pts = index
            for name, value in tags.items():
                setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def assert_decord_agrees(path: Path, frames: int) -> None:
    reader = decord.VideoReader(str(path), num_threads=1)
    ours = [picture for batch in pictures(path, frames, stride=1, batch=2, threads=1) for picture in batch]
    assert len(ours) == frames
    assert all(np.array_equal(picture, reader.next().asnumpy()) for picture in ours)


@pytest.mark.parametrize("kind", COLOURS)
def test_pictures_are_decord_s_to_the_bit(tmp_path: Path, kind: str) -> None:
    assert_decord_agrees(write_colours(tmp_path / "a.mkv", *COLOURS[kind]), 5)


@pytest.mark.parametrize("off", [0, 1])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_pictures_are_decord_s_to_the_bit(tmp_path: Path, quarters: int, off: int) -> None:
    plain = write_colours(tmp_path / "a.mp4", *COLOURS["plain"])
    path = turn_right(plain, quarters, off)
    assert_decord_agrees(path, 5)
    upright, turned = (next(pictures(file, 5, stride=1, batch=1, threads=1))[0] for file in (plain, path))
    assert turned.shape == np.rot90(upright, -quarters).shape


def test_nothing_is_decoded_ahead_of_a_slow_reader(tmp_path: Path) -> None:
    """On a processor, encoding is slower than decoding: what is not read yet has to wait in the file."""
    film = tmp_path / "a.mp4"
    write_video(film, [np.full((360, 640, 3), 90, np.uint8)] * 800, options={"preset": "ultrafast"})
    asked = pictures(film, 800, stride=16, batch=1, threads=2)
    next(asked)
    before = resident_bytes()
    while seconds_worked_in(0.5) > 0.1:
        pass
    assert resident_bytes() - before < 50e6
    assert len(list(asked)) == 49


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def seconds_worked_in(seconds: float) -> float:
    before = time.process_time()
    time.sleep(seconds)
    return time.process_time() - before


def test_batches_are_full_but_for_the_last(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 33)
    shapes = [batch.shape for batch in pictures(path, 33, stride=4, batch=4, threads=1)]
    assert shapes == [(4, HEIGHT, WIDTH, 3)] * 2 + [(1, HEIGHT, WIDTH, 3)]


def test_a_single_frame_is_a_video(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 1)
    timeline = demuxed_timeline(path)
    assert timeline.starts.tolist() == [0.0]
    assert timeline.frame_seconds == pytest.approx(0.04)
    assert numbers_seen(path, 1) == [0]


def test_a_variable_frame_rate_gives_true_times(tmp_path: Path) -> None:
    times = np.round(np.cumsum([0.0] + [0.04, 0.12, 0.5] * 10), 4)
    path = write_numbered(tmp_path / "a.mp4", len(times), times=times.tolist())
    timeline = demuxed_timeline(path)
    np.testing.assert_allclose(timeline.starts, times, atol=1e-4)
    assert timeline.frame_seconds == pytest.approx(times[-1] / (len(times) - 1), rel=1e-3)


def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path: Path) -> None:
    path = hide_first_frames(write_numbered(tmp_path / "a.mp4", 100, options=OPEN_GROUPS), 20)
    timeline = demuxed_timeline(path)
    assert len(timeline.starts) == 80
    assert timeline.starts[:2].tolist() == [0.0, 0.04]
    assert numbers_seen(path, 80) == [20, 36, 52, 68, 84]


def test_both_ways_to_read_times_agree(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 70, options=OPEN_GROUPS)
    assert demuxed_timeline(path).starts.tolist() == decoded_timeline(path).starts.tolist()


def test_packets_that_cannot_become_pictures_are_noticed_and_decoding_tells_the_true_times(tmp_path: Path) -> None:
    path = without_first_packets(write_numbered(tmp_path / "a.mp4", 100, options=OPEN_GROUPS), 30)
    with pytest.raises(FrameCountMismatch, match="shows 40 of the 70 frames"):
        numbers_seen(path, len(demuxed_timeline(path).starts))
    timeline = decoded_timeline(path)
    seen = numbers_seen(path, len(timeline.starts), stride=1)
    np.testing.assert_allclose(timeline.starts, np.array(seen) / 25, atol=1e-3)


@pytest.mark.parametrize("claimed", [39, 41])
def test_a_wrong_frame_count_never_passes(tmp_path: Path, claimed: int) -> None:
    path = write_numbered(tmp_path / "a.mp4", 40)
    with pytest.raises(FrameCountMismatch, match=r"shows (more than|40 of)"):
        numbers_seen(path, claimed)


def test_rotation_is_applied(tmp_path: Path) -> None:
    plain = write_numbered(tmp_path / "a.mp4", 1)
    upright = next(pictures(plain, 1, stride=1, batch=1, threads=1))[0]
    turned = next(pictures(turn_right(plain), 1, stride=1, batch=1, threads=1))[0]
    assert np.array_equal(turned, np.rot90(upright, k=-1))


@pytest.mark.parametrize("name", ["x__#00-01_label_A.mp4", "a:b.mp4", "c=d@e%20f.mp4", "Ümläut 'quoted'.mp4"])
def test_odd_names_are_files_and_nothing_else(tmp_path: Path, name: str) -> None:
    plain = write_numbered(tmp_path / "plain.mp4", 20)
    odd = tmp_path / name
    shutil.copy(plain, odd)
    assert numbers_seen(odd, len(demuxed_timeline(odd).starts)) == [0, 16]


def test_titles_in_other_alphabets_are_no_obstacle(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.avi", 20, codec="mpeg4")
    with av.open(path) as source, av.open(tmp_path / "b.avi", "w") as copy:
        copy.metadata["title"] = "Cafe"
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    latin = tmp_path / "c.avi"
    latin.write_bytes((tmp_path / "b.avi").read_bytes().replace(b"Cafe", "Café".encode("latin-1")))
    with pytest.raises(UnicodeDecodeError), av.open(latin):
        pass
    assert numbers_seen(latin, len(demuxed_timeline(latin).starts)) == [0, 16]


def test_sound_that_turns_up_midway_is_no_obstacle(tmp_path: Path) -> None:
    """Recordings joined in one MPEG file; libav looks for streams at its two ends."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 240, 320, 3), np.uint8)
    sharp = {"qmin": "1", "qmax": "2", "g": "5"}
    silent = write_video(tmp_path / "a.mpg", [*noise] * 35, codec="mpeg2video", options=sharp)
    copied = write_video(tmp_path / "b.mpg", [*noise] * 3, codec="mpeg2video")
    with av.open(copied) as source, av.open(tmp_path / "c.mpg", "w") as copy:
        video = copy.add_stream_from_template(source.streams.video[0])
        sound = copy.add_stream("mp2", rate=44100, layout="mono")
        for number in range(16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), "s16p", "mono")
            frame.rate, frame.pts = 44100, 1152 * number
            copy.mux(sound.encode(frame))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                copy.mux(packet)
        copy.mux(sound.encode(None))
    joined = tmp_path / "d.mpg"
    joined.write_bytes(silent.read_bytes() + (tmp_path / "c.mpg").read_bytes() + silent.read_bytes())
    with av.open(joined) as container:
        assert len(container.streams) == 1
    assert len(demuxed_timeline(joined).starts) == len(decoded_timeline(joined).starts) == 292
    assert sum(map(len, pictures(joined, 292, stride=1, batch=8, threads=2))) == 292


def test_a_truncated_mp4_is_unreadable_and_says_how_much_is_missing(tmp_path: Path) -> None:
    whole = to_front(write_numbered(tmp_path / "a.mp4", 100))
    with pytest.raises(UnreadableVideo, match=r"cut short: holds \d+ of 100 frames"):
        demuxed_timeline(cut_short(whole, 0.7))


def test_a_truncated_matroska_file_is_unreadable(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mkv", 100)
    assert len(demuxed_timeline(path).starts) == 100
    with pytest.raises(UnreadableVideo, match=r"cut short: ends after \d\.\d of 4\.0 s"):
        demuxed_timeline(cut_short(path, 0.6))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_truncated_avi_file_is_unreadable(tmp_path: Path, share: float) -> None:
    path = write_numbered(tmp_path / "a.avi", 100, codec="mpeg4")
    assert len(demuxed_timeline(path).starts) == 100
    with pytest.raises(UnreadableVideo, match=r"cut short: its last \d+ bytes are missing"):
        demuxed_timeline(cut_short(path, share))


def test_a_truncated_flv_file_is_unreadable(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.flv", 100)
    assert len(demuxed_timeline(path).starts) == 100
    with pytest.raises(UnreadableVideo, match=r"cut short: ends after \d\.\d of 4\.\d s"):
        demuxed_timeline(cut_short(path, 0.6))


def test_pictures_larger_than_8k_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [np.zeros((4322, 7680, 3), np.uint8)], codec="mpeg4")
    with pytest.raises(UnreadableVideo, match="7680 x 4322 are larger than 8K"):
        demuxed_timeline(path)


def test_an_mp4_that_lost_its_index_is_unreadable(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 40)
    with pytest.raises(UnreadableVideo, match="cannot be read: Invalid data"):
        demuxed_timeline(cut_short(path, 0.5))


def test_damage_in_the_middle_is_unreadable_in_one_line(tmp_path: Path) -> None:
    path = spoil_packets(write_numbered(tmp_path / "a.mp4", 60), "video", slice(30, 31))
    with pytest.raises(UnreadableVideo, match="cannot be decoded") as caught:
        numbers_seen(path, len(demuxed_timeline(path).starts))
    assert "\n" not in str(caught.value)


def test_what_is_no_video_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\n" * 50)
    for name, reason in [("empty.mp4", "Invalid data"), ("text.mp4", "Invalid data"), ("absent.mp4", "No such file")]:
        with pytest.raises(UnreadableVideo, match=reason):
            demuxed_timeline(tmp_path / name)
        with pytest.raises(UnreadableVideo, match=f"cannot be decoded: {reason}"):
            numbers_seen(tmp_path / name, 1)
    with pytest.raises(UnreadableVideo, match="directory"):
        demuxed_timeline(tmp_path)


def test_sound_without_pictures_is_unreadable(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [numbered(0)], sound=click_track(1, [0.5]))
    with av.open(path) as source, av.open(tmp_path / "b.mp4", "w") as copy:
        stream = copy.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)
    with pytest.raises(UnreadableVideo, match="no video stream"):
        demuxed_timeline(tmp_path / "b.mp4")
