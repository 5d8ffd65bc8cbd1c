"""Whether all of a file is there, by what lies in it: the size of its outermost part, and the index at its end.

Durations, and sizes that are a little off, stand in the headers of many whole files.
"""

import struct
from pathlib import Path
from typing import BinaryIO

# Name of a chunk and its length without this header.
RIFF_HEADER = struct.Struct("<4sI")
EBML, SEGMENT = 0x1A45DFA3, 0x18538067
# FLV: sound, pictures and texts; a tag's header and the number behind the tag.
FLV_TAGS, FLV_TEXTS = (8, 9, 18), 18
FLV_TAG, FLV_BEHIND = 11, 4
FLV_PLACES = b"filepositions\x0a"
AMF_NUMBER = struct.Struct(">Bd")
UNKNOWN = -1


def missing_of_riff(path: Path) -> int:
    """Count the bytes that an AVI lacks at its end.

    Its index comes last: where all of it is there, nothing is missing, whatever sizes the headers name.
    """
    size, end, last = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while end + RIFF_HEADER.size <= size:
            name, length = _chunk(file, end)
            if name != b"RIFF":
                break
            last, end = end, end + RIFF_HEADER.size + length
        return max(0, end - size) if not _has_index(file, last, size) else 0


def missing_of_matroska(path: Path) -> int:
    """Count the bytes that a Matroska or WebM file lacks at its end; ``UNKNOWN`` where it does not say its size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            kind, length = _number(file, keep_marker=True), _number(file, keep_marker=False)
            if kind not in (EBML, SEGMENT) or length is None or length == UNKNOWN:
                return UNKNOWN
            if kind == SEGMENT:
                return max(0, file.tell() + length - size)
            file.seek(length, 1)
    return UNKNOWN


def missing_of_flv(path: Path) -> int:
    """Count the bytes that an FLV lacks at its end; ``UNKNOWN`` where something else than a tag stands in the way.

    A tag that is not whole tells, or the index of key frames that some programs write at the beginning.
    """
    size, at, listed = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while at + FLV_TAG <= size:
            file.seek(at)
            header = file.read(FLV_TAG)
            if header.startswith(b"FLV"):  # also where recordings were joined
                at += int.from_bytes(header[5:9]) + FLV_BEHIND
                continue
            kind, length = header[0] & 0x1F, int.from_bytes(header[1:4])
            if kind not in FLV_TAGS:
                return UNKNOWN
            if kind == FLV_TEXTS:
                listed = max(listed, _furthest_key_frame(file.read(length)))
            at += FLV_TAG + length + FLV_BEHIND
    # A header that is not whole; or a tag, of which some programs leave out the number behind the last one.
    end = at + FLV_TAG if at < size else at - FLV_BEHIND
    return max(end if at != size else size, listed, size) - size


def _furthest_key_frame(text: bytes) -> int:
    """Give the furthest place in the file that an FLV's index names: an array of numbers, marked as such each."""
    start = text.find(FLV_PLACES) + len(FLV_PLACES)
    if start < len(FLV_PLACES):
        return 0
    count = min(int.from_bytes(text[start : start + 4]), (len(text) - start - 4) // AMF_NUMBER.size)
    numbers = AMF_NUMBER.iter_unpack(text[start + 4 : start + 4 + count * AMF_NUMBER.size])
    return int(max((place for kind, place in numbers if kind == 0 and 0 <= place < 1 << 53), default=0))


def _chunk(file: BinaryIO, at: int) -> tuple[bytes, int]:
    file.seek(at)
    header = file.read(RIFF_HEADER.size)
    name, length = RIFF_HEADER.unpack(header) if len(header) == RIFF_HEADER.size else (b"", 0)
    return name, length


def _has_index(file: BinaryIO, riff: int, size: int) -> bool:
    at = riff + RIFF_HEADER.size + 4  # behind "AVI "
    while at + RIFF_HEADER.size <= size:
        name, length = _chunk(file, at)
        at += RIFF_HEADER.size + length
        if name == b"idx1":
            return at <= size
        at += at % 2
    return False


def _number(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """Read a number of EBML, whose first bits say how long it is; ``None`` at the file's end."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    whole = int.from_bytes(first + rest)
    value = whole & ((1 << 7 * length) - 1)
    if not keep_marker and value == (1 << 7 * length) - 1:
        return UNKNOWN
    return whole if keep_marker else value
