"""What becomes of a source that is odd: real servers, real worker processes."""

import time
from pathlib import Path

import pytest

from evaluate.watch.camera import LOST, OPENED, Settings
from evaluate.watch.feed import Feed
from evaluate.watch.sources import parse_sources
from extract.media.messages import Message
from tests.evaluate.watch.servers import served, write_alarms

SILENCE = 2.0


def transport_stream(folder: Path, name: str, seconds: float = 2.0, **how: object) -> bytes:
    return write_alarms(folder / f"{name}.ts", seconds, [], **how).read_bytes()  # type: ignore[arg-type]


def until_lost(address: str, folder: Path, seconds: float = 20.0) -> tuple[list[Message], str]:
    """Read a source until its connection is over; gives what was said before, and the reason."""
    said: list[str] = []
    (source,) = parse_sources([f"cam={address}"], "tcp")
    feed = Feed(source, Settings(16, True, folder, 1.0, 5.0, SILENCE), 8, said.append)
    messages: list[Message] = []
    try:
        began = time.monotonic()
        feed.begin_if_due()
        while time.monotonic() - began < seconds:
            for message in feed.messages(feed.connection is not None and feed.connection.poll(0.05)):
                if message.name == LOST:
                    assert said == [] or said[0].startswith("cam: ")
                    return messages, str(message.values["reason"])
                messages.append(message)
                if message.name != OPENED:
                    feed.taken(1)
    finally:
        feed.stop()
    raise AssertionError(f"still there: {messages}")


def test_pictures_of_another_size_end_the_connection(tmp_path: Path) -> None:
    content = transport_stream(tmp_path, "small") + transport_stream(tmp_path, "large", size=(96, 64), begins=2.0)
    with served(content) as address:
        messages, reason = until_lost(address, tmp_path)
    assert reason == "its pictures have changed from 64 x 48 to 96 x 64"
    assert [message.name for message in messages] == ["opened", "snippet", "snippet", "snippet"]


def test_a_clock_that_jumps_ends_the_connection(tmp_path: Path) -> None:
    once = transport_stream(tmp_path, "once")
    with served(once + once) as address:
        _, reason = until_lost(address, tmp_path)
    assert reason.startswith("its clock jumped by -")


def test_sound_that_turns_up_ends_the_connection(tmp_path: Path) -> None:
    content = transport_stream(tmp_path, "silent", sounds=False)
    content += transport_stream(tmp_path, "loud", begins=2.0, seconds=4.0)
    with served(content) as address:
        messages, reason = until_lost(address, tmp_path)
    assert messages[0].values["sound"] is False
    assert reason == "another stream has begun in it"


def test_a_stream_that_ends_has_given_every_whole_snippet_with_its_sound(tmp_path: Path) -> None:
    with served(transport_stream(tmp_path, "whole", 4.0)) as address:
        messages, reason = until_lost(address, tmp_path)
    assert reason == "has ended"
    snippets = [message for message in messages if message.name == "snippet"]
    assert len(snippets) == 100 // 16
    assert [round(message.values["start"], 2) for message in snippets] == [round(0.64 * k, 2) for k in range(6)]
    assert all(len(message.arrays[1]) == pytest.approx(0.64 * 16000, abs=1) for message in snippets)
    assert all(abs(message.arrays[1]).max() > 0.1 for message in snippets)


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"<html>" + b"no video " * 400, "text/html", "cannot be read"),
        (b"", "video/mp2t", "cannot be read"),
        (None, "", "sent nothing for 2 s"),
    ],
)
def test_what_is_no_video_is_said_in_a_line(tmp_path: Path, content: bytes | None, kind: str, reason: str) -> None:
    with served(content, kind) as address:
        messages, found = until_lost(address.replace("//", "//user:s3cret@"), tmp_path)
    assert messages == []
    assert found.startswith(reason)
    assert "s3cret" not in found
    assert "127.0.0.1" not in found


def test_a_playlist_from_the_network_opens_no_file_of_this_machine(tmp_path: Path) -> None:
    own = write_alarms(tmp_path / "own.ts", 2, [])
    for place in (f"file://{own}", str(own), f"concat:{own}", f"subfile,,start,0,end,0,,:{own}"):
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{place}\n#EXT-X-ENDLIST\n"
        with served(playlist.encode(), "application/vnd.apple.mpegurl") as address:
            messages, reason = until_lost(address, tmp_path)
        assert messages == []
        assert reason.startswith("cannot be read")


def test_a_playlist_whose_parts_come_from_the_same_server_is_watched(tmp_path: Path) -> None:
    with served(transport_stream(tmp_path, "part")) as part:
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{part}part.ts\n#EXT-X-ENDLIST\n"
        with served(playlist.encode(), "application/vnd.apple.mpegurl") as address:
            messages, reason = until_lost(f"{address}live.m3u8", tmp_path)
    assert [message.name for message in messages] == ["opened", "snippet", "snippet", "snippet"]
    assert reason == "has ended"


def test_a_lost_source_is_opened_again_after_ever_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluate.watch.feed.SHORTEST_PAUSE", 0.1)
    said: list[str] = []
    (source,) = parse_sources(["cam=rtsp://user:s3cret@127.0.0.1:1/live"], "tcp")
    feed = Feed(source, Settings(16, True, tmp_path, 1.0, 5.0, SILENCE), 8, said.append)
    try:
        while len(said) < 3:
            feed.begin_if_due()
            list(feed.messages(feed.connection is not None and feed.connection.poll(0.05)))
    finally:
        feed.stop()
    assert said == [
        f"cam: lost, it cannot be read: Connection refused; opened again in {pause} s"
        for pause in ("0.1", "0.2", "0.4")
    ]
