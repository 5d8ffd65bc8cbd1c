"""Whether all of a file's pictures are there, told by what lies in it, and in one line what is not."""

from pathlib import Path

import av

from extract.media.container_size import UNKNOWN, missing_of_flv, missing_of_matroska, missing_of_riff

# Shorter than this, the header's duration and the last packet differ in files that are whole.
MISSING_SECONDS = 1.0
# Formats of which any beginning is a file, so that the last picture may be half a one.
ENDLESS = ("mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "vvc", "vc1", "av1", "obu", "mjpeg", "dv")


def cut_short(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, packets: int, last_end: float
) -> str:
    """Say why a file seems to be cut short; nothing if it does not.

    Args:
        path: The file.
        container: The same, read to its end.
        stream: Its pictures.
        packets: How many packets of pictures there are.
        last_end: When the last packet of any stream ends, seconds.
    """
    # MP4 lists every packet in advance.
    if "mp4" in container.format.name and packets < len(stream.index_entries):
        listed = sum(entry.size > 0 for entry in stream.index_entries)
        if packets < listed:
            return f"is cut short: holds {packets} of {listed} frames; fetch it again"
    missing = _missing_bytes(path, container.format.name)
    # Matroska as it is streamed says no more than how long it is.
    unsure = container.format.name != "avi" and (missing > 0 or says_no_size(path, container))
    declared = declared_seconds(container)
    if unsure and declared is not None and last_end < declared - MISSING_SECONDS:
        return f"is cut short: ends after {last_end:.1f} of {declared:.1f} s; fetch it again"
    return f"is cut short: its last {missing} bytes are missing; fetch it again" if missing > 0 else ""


def lost_of_index(container: av.container.InputContainer, stream: av.VideoStream, packets: int) -> str:
    """Say how many pictures an AVI lists and does not give; nothing if it gives all.

    Its demuxer looks for the next chunk without a word where one is damaged, and counts on as if none had been there.
    """
    if container.format.name != "avi" or packets >= len(stream.index_entries):
        return ""
    listed = len({entry.pos for entry in stream.index_entries if entry.size > 0})
    if packets >= listed:
        return ""
    return f"is damaged: gives {packets} of the {listed} pictures that its index lists; fetch it again"


def says_no_size(path: Path, container: av.container.InputContainer) -> bool:
    """Tell whether a file does not say how much of it there should be."""
    name = container.format.name
    return name in ENDLESS or (name == "matroska,webm" and missing_of_matroska(path) == UNKNOWN)


def declared_seconds(container: av.container.InputContainer) -> float | None:
    """Give the duration that a header names or libav guesses; ``None`` if there is none."""
    return None if container.duration is None else container.duration / av.time_base


def _missing_bytes(path: Path, name: str) -> int:
    sizes = {"matroska,webm": missing_of_matroska, "avi": missing_of_riff, "flv": missing_of_flv}
    return max(0, sizes[name](path)) if name in sizes else 0
