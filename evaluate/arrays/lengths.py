"""How long each video is: in frames, and in rows of an array where somebody counted those."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluate.scores_file import UNKNOWN_FRAMES, read_scores
from extract.base.csv_table import read_csv
from extract.base.errors import InputError
from extract.catalog import MOST_FRAMES, Video

COLUMNS = ("video_id", "frames", "rows")
SCORES = ".h5"


@dataclass(frozen=True)
class Length:
    """Length of one video.

    Attributes:
        frames: Its frames; ``None`` if unknown.
        rows: Its rows in the array; ``None`` where a rule is to tell them from the frames.
    """

    frames: int | None
    rows: int | None = None


def read_lengths(path: Path | None, tests: Mapping[str, Video]) -> dict[str, Length]:
    """Gather the lengths of test videos.

    Args:
        path: CSV with ``video_id`` and ``frames``, ``rows`` or both; or a scores file of the same videos. ``None`` for
            the catalog's ``frames`` alone, which stand in for what the file leaves out too.
        tests: The test videos by id.

    Raises:
        InputError: If the file cannot be read, or a length is no whole number from 1 on.
    """
    known = {video_id: Length(video.frames) for video_id, video in tests.items()}
    if path is None:
        return known
    read = _of_scores(path) if path.suffix == SCORES else _of_csv(path)
    return known | {
        video_id: Length(length.frames or known[video_id].frames, length.rows)
        for video_id, length in read.items()
        if video_id in known
    }


def _of_scores(path: Path) -> dict[str, Length]:
    header, videos = read_scores(path)
    return {
        video_id: Length(len(one.anomaly) * header.stride if one.frames == UNKNOWN_FRAMES else one.frames)
        for video_id, one in videos.items()
    }


def _of_csv(path: Path) -> dict[str, Length]:
    columns, lines = read_csv(path, "CSV of lengths", "utf-8-sig")
    if "video_id" not in columns or not {"frames", "rows"} & set(columns) or len(set(columns)) < len(columns):
        raise InputError(f"{path}: has columns {', '.join(columns)}; needed are video_id and frames or rows")
    lengths: dict[str, Length] = {}
    for number, row in lines:
        where = f"{path}, line {number}"
        if row["video_id"] in lengths:
            raise InputError(f"{where}: {row['video_id']!r} stands there twice")
        lengths[row["video_id"]] = Length(*(_count(row.get(name), f"{where}: {name}") for name in COLUMNS[1:]))
    return lengths


def _count(text: str | None, where: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 10 or not 1 <= int(text) <= MOST_FRAMES:
        raise InputError(f"{where} is {text!r}; it must be a whole number from 1 to {MOST_FRAMES}")
    return int(text)
