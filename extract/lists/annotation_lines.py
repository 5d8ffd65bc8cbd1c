"""Lines of lists and annotation files with their numbers, and what was skipped or repaired in them."""

from collections.abc import Sequence
from pathlib import Path

from extract.base.errors import InputError
from extract.base.progress import say
from extract.base.regular_file import open_regular

# A year of video at 24 frames a second has 757 million.
MOST_DIGITS = 9


def read_lines(path: Path, fix: str) -> list[tuple[int, str]]:
    """Read the lines of a text file that are not blank, and report those that are.

    Args:
        path: A UTF-8 file; a byte order mark at its beginning is dropped.
        fix: Where the file comes from or how it is made, for the message.

    Returns:
        Number (from 1) and text of each line, without the line's end.

    Raises:
        InputError: If the file cannot be read, a line is no UTF-8, or all are blank.
    """
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {fix}") from None
    # The end of the last line begins no further one.
    raw = content.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
    lines = [(number, _decode(line, f"{path}, line {number}")) for number, line in enumerate(raw, start=1)]
    kept = [(number, line) for number, line in lines if line.strip()]
    if not kept:
        raise InputError(f"{path}: holds no line; {fix}")
    report(path, [number for number, line in lines if not line.strip()], "blank, skipped")
    return kept


def report(path: Path, numbers: Sequence[int], what: str) -> None:
    """Say on stderr what was done to some lines of a file: once, with all their numbers; nothing if there are none."""
    if numbers:
        say(f"{path}: {len(numbers)} {'line' if len(numbers) == 1 else 'lines'} {what}: {_ranges(numbers)}")


def frame_span(start: str, end: str, where: str) -> tuple[int, int]:
    """Read the start and end of an event in frames.

    Args:
        start: First frame, as it stands in the file.
        end: First frame after the event, likewise.
        where: File, line and what stands before the two, for the message.

    Raises:
        InputError: If they are no whole numbers with start < end, or too large for any video.
    """
    whole = start.isdecimal() and end.isdecimal() and len(start) <= MOST_DIGITS and len(end) <= MOST_DIGITS
    if not whole or int(start) >= int(end):
        raise InputError(f"{where} {start[:20]} {end[:20]} must be whole frames with start < end")
    return int(start), int(end)


def _decode(line: bytes, where: str) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{where}: is no UTF-8 text; save the file as UTF-8") from None


def _ranges(numbers: Sequence[int]) -> str:
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
