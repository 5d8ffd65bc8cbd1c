"""A video is one file: what names other files is none, whatever it is called."""

from pathlib import Path

import pytest

from evaluate.report.thumbnails import glimpse
from extract.media.audio_track import UnreadableAudio
from extract.media.decode import UnreadableVideo
from extract.media.reading import read_sound, read_timeline
from tests.extract.made_videos import click_track, numbered, write_video

LISTS = {
    "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation>'
    "<BaseURL>secret.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
def test_a_list_of_other_videos_is_not_followed(tmp_path: Path, kind: str, suffix: str) -> None:
    write_video(tmp_path / "secret.mp4", [numbered(index) for index in range(5)], sound=click_track(0.2, [0.1]))
    path = tmp_path / f"listed{suffix}"
    path.write_text(LISTS[kind])
    with pytest.raises(UnreadableVideo, match="cannot be"):
        read_timeline(path)
    with pytest.raises(UnreadableVideo, match="cannot be"):
        glimpse(path)
    with pytest.raises(UnreadableAudio):
        read_sound(path, 0.0, 0.2)


def test_a_concat_script_is_said_to_be_no_video_file(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.mp4", [numbered(index) for index in range(5)])
    (tmp_path / "a.mp4").write_text(LISTS["concat"])
    with pytest.raises(UnreadableVideo, match="of no format in which one file holds a video"):
        read_timeline(tmp_path / "a.mp4")


@pytest.mark.parametrize(
    "suffix", [".mp4", ".mkv", ".avi", ".ts", ".mpg", ".flv", ".mov", ".wmv", ".ogv", ".mxf", ".webm"]
)
def test_what_is_one_file_is_still_read(tmp_path: Path, suffix: str) -> None:
    codec = {".webm": "libvpx", ".ogv": "libvpx", ".wmv": "wmv2", ".mpg": "mpeg2video", ".mxf": "mpeg2video"}
    pictures = [numbered(index) for index in range(12)]
    path = write_video(tmp_path / f"v{suffix}", pictures, codec=codec.get(suffix, "libx264"))
    assert len(read_timeline(path).starts) == 12
