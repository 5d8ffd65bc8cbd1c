"""Whether all of a file is there, by what lies in it: the size of its outermost part, and the index at its end.

Durations, and sizes that are a little off, stand in the headers of many whole files.
"""

import struct
from pathlib import Path
from typing import BinaryIO

# Name of a chunk and its length without this header.
RIFF_HEADER = struct.Struct("<4sI")
EBML, SEGMENT = 0x1A45DFA3, 0x18538067
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
