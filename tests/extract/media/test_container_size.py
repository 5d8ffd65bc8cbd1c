"""A file is cut short where something of it is missing, not where a header is a little off."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest

from extract.media.decode import UnreadableVideo, demuxed_timeline
from tests.extract.made_videos import cut_short, write_numbered


@pytest.mark.parametrize("more", [8, 1000, -20])
def test_an_avi_whose_header_names_another_size_is_whole(tmp_path: Path, more: int) -> None:
    path = write_numbered(tmp_path / "v.avi", 100, codec="mpeg4")
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, 4, len(content) - 8 + more)
    path.write_bytes(content)
    assert len(demuxed_timeline(path).starts) == 100


@pytest.mark.parametrize("share", [0.5, 0.9, 0.995])
def test_an_avi_without_all_of_its_index_is_cut(tmp_path: Path, share: float) -> None:
    path = write_numbered(tmp_path / "v.avi", 100, codec="mpeg4")
    with pytest.raises(UnreadableVideo, match=r"cut short: its last \d+ bytes are missing"):
        demuxed_timeline(cut_short(path, share))


def with_duration(path: Path, seconds: float) -> Path:
    """Change what a Matroska file says of its duration (element 4489, a double, in milliseconds)."""
    content = bytearray(path.read_bytes())
    at = content.index(b"\x44\x89\x88") + 3
    struct.pack_into(">d", content, at, seconds * 1000)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_a_whole_matroska_file_that_claims_to_be_longer_is_whole(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    path = with_duration(write_numbered(tmp_path / f"v{suffix}", 50, codec=codec), 60.0)
    with av.open(path) as file:
        assert Fraction(file.duration or 0, av.time_base) == 60
    assert len(demuxed_timeline(path).starts) == 50


def test_a_matroska_file_that_lacks_its_end_is_cut_whatever_it_claims(tmp_path: Path) -> None:
    path = with_duration(write_numbered(tmp_path / "v.mkv", 100), 0.5)
    with pytest.raises(UnreadableVideo, match=r"cut short: its last \d+ bytes are missing"):
        demuxed_timeline(cut_short(path, 0.6))
