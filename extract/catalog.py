"""The catalog: what videos there are, what is known of them and where they lie.

JSON Lines, one object a video, in the order in which everything later is joined. Before them may stand one object that
names the label codes of a data set of one's own, the normal one first: ``{"classes": ["normal", "fall"]}``.

    {"video_id": "x__#1_label_B1-0-0", "split": "test", "path": "data/x__#1_label_B1-0-0.mp4",
     "labels": ["B1"], "segments": [{"label": "B1", "start": 96, "end": 2125}], "frames": 3038, "fps": 24.0}

``segments`` belong to test videos and count frames, half open. ``released_frames`` (``[[96, 2125]]``) are a test
video's abnormal frames as the published evaluation counts them, where these come from another file than the events.
``segments``, ``released_frames``, ``frames`` and ``fps`` may be left out. ``cut`` says why a file seems to be cut short
that was taken all the same. Unknown fields are ignored, so that other tools may add their own.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.json_text import is_finite, parse_json
from extract.base.regular_file import read_regular_text

Item = TypeVar("Item")
SPLITS = ("train", "test")
# Output files and HDF5 groups are named after the id, so it must fit a file name with a suffix.
MOST_ID_BYTES = 200
# More than a year of video; larger ones would not fit arrays.
MOST_FRAMES = 1_000_000_000
# Label of what is abnormal and no more is said of it.
UNNAMED = "abnormal"


@dataclass(frozen=True)
class Segment:
    """An annotated event.

    Attributes:
        label: Label code of the event.
        start: First frame.
        end: First frame after the event.
    """

    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Video:
    """One line of the catalog.

    Attributes:
        video_id: The file's stem; see ``check_video_id``.
        split: ``train`` or ``test``.
        path: Where the video lies, relative to the folder the command runs in, or absolute; empty where only its
            features are at hand.
        labels: Video-level label codes; never empty.
        segments: Annotated events of a test video; ``None`` where the catalog says nothing.
        frames: Number of frames, ``None`` if unknown.
        fps: Frames per second, ``None`` if unknown.
        released_frames: Abnormal stretches (start, end) of a test video as the published evaluation counts its frames;
            ``None`` where they are those of ``segments``.
        cut: Why the file seems to be cut short, if it was taken all the same; empty if it does not, or was not opened.
    """

    video_id: str
    split: str
    path: str
    labels: tuple[str, ...]
    segments: tuple[Segment, ...] | None = None
    frames: int | None = None
    fps: float | None = None
    released_frames: tuple[tuple[int, int], ...] | None = None
    cut: str = ""


class Catalog(NamedTuple):
    """What a catalog holds.

    Attributes:
        codes: Label codes that its videos may have, the normal one first; none where it names none, as those of the
            built-in data sets.
        videos: The videos in file order.
    """

    codes: tuple[str, ...]
    videos: list[Video]


def check_video_id(video_id: str) -> str:
    """Return ``video_id`` if it can safely name a file and an HDF5 group.

    Raises:
        InputError: If it is empty, longer than 200 bytes, starts with a dot, or contains ``/`` or
            a control character.
    """
    if not video_id:
        raise InputError("video_id is empty; it must be the video file's stem")
    if video_id.startswith("."):
        raise InputError(f"video_id {video_id!r} starts with a dot; rename the video")
    if "/" in video_id or any(not character.isprintable() and character != " " for character in video_id):
        raise InputError(f"video_id {video_id!r} contains '/' or a character that does not print; rename the video")
    if len(video_id.encode()) > MOST_ID_BYTES:
        raise InputError(f"video_id {video_id!r} is longer than {MOST_ID_BYTES} bytes; rename the video")
    return video_id


def read_catalog(path: Path) -> list[Video]:
    """Read a catalog's videos, in file order; see `read_whole_catalog`."""
    return read_whole_catalog(path).videos


def read_whole_catalog(path: Path) -> Catalog:
    """Read and check a catalog.

    Args:
        path: A JSON Lines file as the module describes it. Empty lines are skipped.

    Raises:
        InputError: If the file is absent or no UTF-8, a line is no JSON object, a field is missing
            or malformed, or a ``video_id`` occurs twice. Names file, line and field.
    """
    try:
        lines = read_regular_text(path).split("\n")
    except FileNotFoundError:
        raise InputError(f"{path}: no such catalog") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    videos: dict[str, Video] = {}
    codes: tuple[str, ...] = ()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields = _parse_object(line)
            if "classes" in fields and "video_id" not in fields:
                codes = _parse_classes(fields["classes"], is_first=not (videos or codes))
                continue
            video = _parse_video(fields)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        if video.video_id in videos:
            raise InputError(f"{path}, line {number}: video_id {video.video_id!r} stands there twice; keep one line")
        videos[video.video_id] = video
    return Catalog(codes, list(videos.values()))


def read_test_videos(path: Path) -> dict[str, Video]:
    """Read a catalog's test videos by id, in file order; see `read_catalog`."""
    return {video.video_id: video for video in read_catalog(path) if video.split == "test"}


def write_catalog(path: Path, videos: Iterable[Video], codes: Sequence[str] = ()) -> None:
    """Write a catalog, whole or not at all.

    Args:
        path: The file.
        videos: Its videos.
        codes: Label codes that they may have, the normal one first, of a data set that is not built in.
    """
    objects = [{"classes": list(codes)}] if codes else []
    objects += [_as_json(video) for video in videos]
    write_text(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects))


def ground_truth(video: Video, normal: str, frames: int) -> tuple[Segment, ...]:
    """Give a test video's annotated segments.

    Args:
        video: A test video.
        normal: Code of the normal class.
        frames: Length of the video in frames.

    Returns:
        ``video.segments`` as given, ``[]`` included. A normal video for which the catalog says
        nothing counts as one normal segment over its whole length, as XD-Violence's evaluation has it.

    Raises:
        InputError: If a video with an abnormal label has no segments.
    """
    if video.segments is not None:
        return video.segments
    if set(video.labels) == {normal}:
        return (Segment(normal, 0, frames),)
    raise InputError(
        f"test video {video.video_id!r} is labelled {'-'.join(video.labels)} but has no segments; "
        "add them to the catalog (field segments: label, start, end in frames)"
    )


def released_truth(video: Video, normal: str, frames: int) -> tuple[Segment, ...]:
    """Give what makes a test video's frames abnormal where they are counted as published (protocol ``released``).

    Args:
        video: A test video.
        normal: Code of the normal class.
        frames: Length of the video in frames.

    Returns:
        ``video.released_frames``, labelled ``UNNAMED``; where the catalog has none, what ``ground_truth`` gives.

    Raises:
        InputError: As ``ground_truth`` does.
    """
    events = ground_truth(video, normal, frames)
    if video.released_frames is None:
        return events
    return tuple(Segment(UNNAMED, start, end) for start, end in video.released_frames)


def part(videos: Sequence[Item], index: int, parts: int) -> Sequence[Item]:
    """Cut ``videos`` into ``parts`` consecutive pieces whose sizes differ by at most one; give piece ``index``."""
    return videos[len(videos) * index // parts : len(videos) * (index + 1) // parts]


def check_labels(labels: Iterable[str], codes: Sequence[str], where: str) -> None:
    """Refuse label codes that a data set does not have.

    Raises:
        InputError: Naming ``where`` (file and video), the code and the codes there are.
    """
    for label in labels:
        if label not in codes:
            raise InputError(f"{where}: unknown label code {label!r}; this data set has {', '.join(codes)}")


def _parse_object(line: str) -> dict[str, Any]:
    try:
        fields = parse_json(line)
    except ValueError as error:
        raise InputError(f"no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InputError("no JSON object")
    return fields


def _parse_classes(value: Any, *, is_first: bool) -> tuple[str, ...]:
    if not is_first:
        raise InputError("field classes must stand in the first line, before all videos, and once")
    if not isinstance(value, list) or not all(isinstance(code, str) and code for code in value):
        raise InputError(f"field classes is {value!r}; it must be a list of label codes")
    if len(value) < 2 or len(set(value)) < len(value):
        raise InputError("field classes must name at least two different label codes, the normal one first")
    return tuple(value)


def _parse_video(fields: dict[str, Any]) -> Video:
    split = _field(fields, "split", str)
    if split not in SPLITS:
        raise InputError(f"field split is {split!r}; it must be train or test")
    labels = _field(fields, "labels", list)
    if not labels or not all(isinstance(label, str) and label for label in labels):
        raise InputError("field labels must be a list of at least one label code")
    return Video(
        video_id=check_video_id(_field(fields, "video_id", str)),
        split=split,
        path=_field(fields, "path", str),
        labels=tuple(labels),
        segments=_parse_segments(fields),
        frames=_optional_number(fields, "frames", whole=True),
        fps=_optional_number(fields, "fps", whole=False),
        released_frames=_parse_stretches(fields, "released_frames"),
        cut=_field(fields, "cut", str) if "cut" in fields else "",
    )


def _parse_segments(fields: dict[str, Any]) -> tuple[Segment, ...] | None:
    if fields.get("segments") is None:
        return None
    segments = []
    for entry in _field(fields, "segments", list):
        if not isinstance(entry, dict):
            raise InputError("field segments must be a list of objects with label, start and end")
        label, start, end = _field(entry, "label", str), _field(entry, "start", int), _field(entry, "end", int)
        if not 0 <= start < end <= MOST_FRAMES:
            raise InputError(f"field segments: {label} [{start}, {end}) must satisfy 0 <= start < end <= {MOST_FRAMES}")
        segments.append(Segment(label, start, end))
    return tuple(segments)


def _parse_stretches(fields: dict[str, Any], name: str) -> tuple[tuple[int, int], ...] | None:
    if fields.get(name) is None:
        return None
    stretches = []
    for entry in _field(fields, name, list):
        whole = isinstance(entry, list) and len(entry) == 2 and all(type(value) is int for value in entry)
        if not whole or not 0 <= entry[0] < entry[1] <= MOST_FRAMES:
            raise InputError(f"field {name} must be a list of [start, end) with 0 <= start < end <= {MOST_FRAMES}")
        stretches.append((entry[0], entry[1]))
    return tuple(stretches)


def _field(fields: dict[str, Any], name: str, kind: type) -> Any:
    if name not in fields:
        raise InputError(f"field {name} is missing")
    value = fields[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"field {name} must be a {kind.__name__}, not {value!r}")
    return value


def _optional_number(fields: dict[str, Any], name: str, *, whole: bool) -> Any:
    value = fields.get(name)
    if value is None:
        return None
    if not is_finite(value) or (whole and not isinstance(value, int)) or value <= 0:
        raise InputError(f"field {name} must be a positive {'whole ' if whole else ''}number, not {value!r}")
    return value


def _as_json(video: Video) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "video_id": video.video_id,
        "split": video.split,
        "path": video.path,
        "labels": list(video.labels),
    }
    if video.segments is not None:
        fields["segments"] = [{"label": s.label, "start": s.start, "end": s.end} for s in video.segments]
    if video.released_frames is not None:
        fields["released_frames"] = [list(stretch) for stretch in video.released_frames]
    if video.frames is not None:
        fields["frames"] = video.frames
    if video.fps is not None:
        fields["fps"] = video.fps
    if video.cut:
        fields["cut"] = video.cut
    return fields
