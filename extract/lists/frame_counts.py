"""How many frames videos have, from a list: CSV with ``video_id,frames``."""

import csv
from pathlib import Path

from extract.base.errors import InputError
from extract.base.names import one_form
from extract.lists.annotation_lines import MOST_DIGITS, read_lines

FIX = "it must be a CSV list video_id,frames"


def read_frame_counts(path: Path) -> dict[str, int]:
    """Read the list.

    Raises:
        InputError: Naming file and line, if it is malformed or a video stands there twice.
    """
    rows = []
    for number, text in read_lines(path, FIX):
        try:
            rows.append((f"{path}, line {number}", next(csv.reader([text], strict=True))))
        except csv.Error as error:
            raise InputError(f"{path}, line {number}: no CSV: {error}; {FIX}") from None
    if [name.strip() for name in rows[0][1]] != ["video_id", "frames"]:
        raise InputError(f"{path}: columns are {', '.join(rows[0][1])}; {FIX}")
    counts: dict[str, int] = {}
    for where, row in rows[1:]:
        if len(row) != 2 or not row[1].strip().isdecimal() or not 0 < len(row[1].strip()) <= MOST_DIGITS:
            raise InputError(f"{where}: must be a video_id and a whole number of frames")
        video_id, frames = one_form(row[0].strip()), int(row[1])
        if video_id in counts or frames < 1:
            raise InputError(f"{where}: {video_id!r} stands there twice, or has no frame")
        counts[video_id] = frames
    return counts
