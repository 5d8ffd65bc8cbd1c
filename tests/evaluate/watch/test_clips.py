from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from evaluate.watch.clips import Cutter
from evaluate.watch.ring import Ring, piece_of
from tests.evaluate.watch.servers import FPS, write_alarms

SECONDS = 12


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_alarms(tmp_path_factory.mktemp("clips") / "v.mp4", SECONDS, [(6, 8)])


def redness(path: Path) -> tuple[list[float], list[float]]:
    """Decode a clip: when each picture is shown and how red it is."""
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    return [time for time, _ in frames], [float(picture[..., 0].mean()) for _, picture in frames]


def played(video: Path, folder: Path, *, longest: float = 60.0, keep: float = 3.0) -> list[tuple[Any, ...]]:
    """Play a video to a ring, cut a clip of its red part from two seconds before to one after; gives what was told."""
    told: list[tuple[Any, ...]] = []

    def tell(*words: Any) -> None:
        told.append(words)

    with av.open(str(video)) as container:
        ring = Ring(keep)
        cutter = Cutter(folder, container, longest=longest, written=tell, failed=tell)
        begun = False
        for packet in container.demux():
            if packet.size == 0:
                continue
            piece = piece_of(packet)
            ring.add(piece)
            cutter.add(piece)
            if not begun and piece.seconds >= 6.5:
                cutter.begin("e", ring, 4.0)
                begun = True
            if piece.seconds >= 8.5:
                cutter.end("e", 9.0)
        cutter.close()
    return told


def test_a_clip_shows_what_was_sent_from_before_the_event_until_after_it(video: Path, tmp_path: Path) -> None:
    ((event, file, start, _),) = played(video, tmp_path)
    assert (event, file) == ("e", "e.mp4")
    assert start == pytest.approx(4.0)
    times, red = redness(tmp_path / file)
    assert times[0] == pytest.approx(0, abs=0.05)
    # Twenty-five pictures a second from 4 s to 9 s; red from 6 s to 8 s.
    assert len(times) == pytest.approx(5 * FPS, abs=2)
    shown = np.array(times) + start
    assert (np.array(red)[(shown > 6.1) & (shown < 7.9)] > 200).all()
    assert (np.array(red)[(shown < 5.9) | (shown > 8.1)] < 50).all()
    with av.open(str(tmp_path / file)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        assert sum(frame.samples for frame in container.decode(audio=0)) / 16000 == pytest.approx(5, abs=0.3)


def test_a_clip_ends_by_itself_when_it_is_long_enough(video: Path, tmp_path: Path) -> None:
    ((_, file, _, end),) = played(video, tmp_path, longest=3.5)
    assert end <= 7.5
    assert redness(tmp_path / file)[0][-1] == pytest.approx(3.5, abs=0.1)


def test_the_ring_forgets_what_is_older_and_begins_with_a_key_frame(video: Path) -> None:
    with av.open(str(video)) as container:
        pieces = [piece_of(packet) for packet in container.demux() if packet.size > 0]
    by_time, by_size = Ring(3.0), Ring(100.0, most_bytes=2000)
    for piece in pieces:
        by_time.add(piece)
        by_size.add(piece)
        held = by_time.since(-1)
        assert not held or held[0].key
        assert not held or piece.seconds - held[0].seconds < 3 + 1.1
        assert sum(len(one.content) for one in by_size.since(-1)) <= 2000
    assert held[0] in pieces
    assert by_time.since(10.5)[0].seconds == pytest.approx(10)


def test_where_nothing_can_be_written_there_is_no_clip_and_one_line_says_why(video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ((event, reason),) = played(video, tmp_path / "file")
    assert event == "e"
    assert "e.mp4: cannot be written there (File exists); choose another place" in reason
