"""A song with a cover has no video stream, and says so."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from extract.media.decode import UnreadableVideo
from extract.media.reading import read_timeline
from tests.cases.clips import sound_packets

SONG = 0.1 * np.sin(np.arange(44_100) / 20).astype(np.float32)


def song(path: Path, codec: str) -> Path:
    """Write a second of sound with a cover, as music shops sell it."""
    cover = io.BytesIO()
    Image.new("RGB", (320, 320), (200, 30, 30)).save(cover, "JPEG")
    with av.open(str(path), "w", format="mp4" if path.suffix == ".m4a" else None) as out:
        sound = out.add_stream(codec, rate=44_100, layout="mono")
        picture = out.add_stream("mjpeg", rate=1)
        picture.width = picture.height = 320
        picture.pix_fmt = "yuvj420p"
        picture.disposition = Disposition.attached_pic
        shown = picture.encode(av.VideoFrame.from_image(Image.open(cover)).reformat(format="yuvj420p"))
        packets = shown + picture.encode(None)
        for packet in packets + sound_packets(sound, SONG, 44_100, "mono"):
            out.mux(packet)
    return path


@pytest.mark.parametrize(("suffix", "codec"), [(".mp3", "mp3"), (".m4a", "aac"), (".flac", "flac")])
def test_a_song_with_a_cover_has_no_video_stream(tmp_path: Path, suffix: str, codec: str) -> None:
    path = song(tmp_path / f"song{suffix}", codec)
    with av.open(str(path)) as file:
        # There is a stream of pictures, and it is the cover.
        assert [bool(stream.disposition & Disposition.attached_pic) for stream in file.streams.video] == [True]
    with pytest.raises(UnreadableVideo, match=r"^has no video stream$"):
        read_timeline(path)


def test_a_song_named_as_a_video_has_no_video_stream(tmp_path: Path) -> None:
    path = song(tmp_path / "song.mp3", "mp3").rename(tmp_path / "song.mp4")
    with pytest.raises(UnreadableVideo, match=r"^has no video stream$"):
        read_timeline(path)
