"""Recordings joined byte by byte, as ``cat a.ts b.ts`` and many recorders do: the clock starts again.

Pictures 0..99 with a beep while 64..68 show, then pictures 500..599 with a beep while 532..536 show.
"""

from pathlib import Path

from tests.cases.clips import write

FLV_HEADER = 13  # bytes


def joined(folder: Path, suffix: str) -> Path:
    """Write ``joined`` with ``suffix``: .ts, .mpg, .mkv, or .flv as after a reconnect (one header)."""
    older = {"codec": "mpeg2video", "audio": "mp2"} if suffix == ".mpg" else {}
    one = write(folder / f"one{suffix}", 100, [64 / 25], **older)
    two = write(folder / f"two{suffix}", 100, [32 / 25], first=500, **older)
    path = folder / f"joined{suffix}"
    path.write_bytes(one.read_bytes() + two.read_bytes()[FLV_HEADER if suffix == ".flv" else 0 :])
    return path
