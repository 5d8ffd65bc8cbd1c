"""Test annotations in one form for many data sets, as LaGoVAD-PreVAD has them: ``<set>_test_anno.json``.

A JSON array, one object a video: ``video_path`` (``.../<video_id>.mp4``), ``class_name`` (one, ``Normal`` among them)
and ``anomaly_span`` ([[start, end], ...] as shares of the video's length, ``[]`` for a normal one). The files count no
frames: to place a share one needs the video's length.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.base.errors import InputError
from extract.base.json_text import is_finite, parse_json
from extract.base.regular_file import open_regular
from extract.lists.name_list import named_file

ORIGIN = "it must be an array of objects with video_path, class_name and anomaly_span"
# The published ends pass a video's end by up to 0.2%: they were counted on another copy of it.
MOST_SHARE = 1.01


@dataclass(frozen=True)
class UniformVideo:
    """What the file says of one video.

    Attributes:
        class_name: Its class as the file spells it.
        spans: Start and end of each anomaly as shares of the length.
        where: File and entry, for messages.
    """

    class_name: str
    spans: tuple[tuple[float, float], ...]
    where: str

    def stretches(self, frames: int) -> tuple[tuple[int, int], ...]:
        """Place the anomalies in a video of so many frames, as [start, end): at least one frame, none past the end."""
        placed = []
        for start, end in self.spans:
            first = min(round(start * frames), frames - 1)
            placed.append((first, min(max(round(end * frames), first + 1), frames)))
        return tuple(placed)


def read_uniform(path: Path) -> dict[str, UniformVideo]:
    """Read such a file, by video_id.

    Raises:
        InputError: Naming file, entry and field, if it is malformed or a video stands there twice.
    """
    try:
        with open_regular(path) as file:
            content = parse_json(file.read())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}; {ORIGIN}") from None
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: is no array of videos; {ORIGIN}")
    videos: dict[str, UniformVideo] = {}
    for index, entry in enumerate(content):
        where = f"{path}, entry {index}"
        if not isinstance(entry, dict) or not all(
            isinstance(entry.get(name), str) for name in ("video_path", "class_name")
        ):
            raise InputError(f"{where}: {ORIGIN}")
        video_id = named_file(entry["video_path"], index, where).video_id
        if video_id in videos:
            raise InputError(f"{where}: {video_id!r} stands there twice")
        videos[video_id] = UniformVideo(entry["class_name"], _spans(entry.get("anomaly_span"), where), where)
    return videos


def _spans(value: Any, where: str) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list):
        raise InputError(f"{where}: anomaly_span is {value!r:.60}; it must be a list of [start, end]")
    spans = []
    for span in value:
        pair = isinstance(span, list) and len(span) == 2 and all(is_finite(part) for part in span)
        if not pair or not 0 <= span[0] < span[1] <= MOST_SHARE or span[0] >= 1:
            raise InputError(
                f"{where}: anomaly_span {span!r:.60} must be shares of the length with 0 <= start < end <= 1"
            )
        spans.append((float(span[0]), float(span[1])))
    return tuple(spans)
