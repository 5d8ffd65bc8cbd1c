"""The CSV lists that repositories of this field read: one line for each feature file, with its video's label.

``path,label`` (VadCLIP) or ``path,audio_path,label`` (AVadCLIP), ``path`` ending in ``<video_id>__<crop>.npy``, or in
``<video_id>.npy`` (``.npz``, ``.pt``, ``.h5``) where one file holds all crops of a video; a list without feature files
has ``video_id,label``. Labels are codes joined by ``-``; ``0`` stands for none.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from extract.base.csv_table import read_csv
from extract.base.errors import InputError
from extract.base.names import one_form
from extract.base.regular_file import read_regular_text
from extract.catalog import check_video_id
from extract.lists.annotation_lines import report

NO_LABEL = "0"
_WHOLE_NAME = re.compile(r"(?P<video_id>.+?)(?:_i3d|_c3d|_swin)?\.(?:npy|npz|pt|pth|h5|hdf5)", re.DOTALL)
_FEATURE_NAME = re.compile(r"(?P<video_id>.+)__(?P<crop>[0-9]{1,3})\.npy", re.DOTALL)


@dataclass(frozen=True)
class ListedVideo:
    """What a list says of one video.

    Attributes:
        video_id: The video's id.
        labels: Label codes, without ``0`` and repetitions, in their order.
        visual: Path of the features of each crop as the list has it, by crop number; empty for a list of ids.
        audio: Path of the audio features as the list has it; ``None`` in a list without audio.
        line: The video's first line, for messages.
        whole: Path of the one file that holds all crops; empty where each crop has a file of its own.
    """

    video_id: str
    labels: tuple[str, ...]
    visual: dict[int, str] = field(default_factory=dict)
    audio: str | None = None
    line: int = 0
    whole: str = ""


def read_feature_list(path: Path) -> list[ListedVideo]:
    """Read a list of features or of video ids.

    Args:
        path: The CSV file.

    Returns:
        Its videos in the order in which they first occur.

    Raises:
        InputError: If the file is absent or malformed, a path is not named ``<video_id>__<crop>.npy``, a video has a
            crop twice, or its lines disagree in label or audio. Names file and line.
    """
    videos: dict[str, ListedVideo] = {}
    for line, row in _rows(path):
        where = f"{path}, line {line}"
        listed = _parse(row, line, where)
        first = videos.setdefault(listed.video_id, listed)
        if first is not listed:
            _join(first, listed, where)
    if not videos:
        raise InputError(f"{path}: lists no video")
    return list(videos.values())


def parse_labels(text: str, where: str) -> tuple[str, ...]:
    """Split label codes joined by ``-``.

    Args:
        text: For example ``B2-G-0``.
        where: File and line, for the message.

    Raises:
        InputError: If no code is left.
    """
    codes = tuple(code for code in dict.fromkeys(text.strip().split("-")) if code and code != NO_LABEL)
    if not codes:
        raise InputError(f"{where}: label {text!r} names no class")
    return codes


def listed_path(text: str) -> PurePosixPath:
    r"""Give a listed path, also one of Windows: ``D:\a\b.npy``, without a slash, is ``D:/a/b.npy``."""
    return PurePosixPath(text if "/" in text else text.replace("\\", "/"))


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    columns, rows = read_csv(path, "a CSV list", "utf-8-sig")
    if len(set(columns)) < len(columns):
        raise InputError(f"{path}: columns are {', '.join(columns)}; keep one of each name")
    report(path, _blank_lines(path), "blank, skipped")
    if "label" not in columns or not {"path", "video_id"} & set(columns):
        raise InputError(f"{path}: columns are {', '.join(columns)}; needed are label and path (or video_id)")
    return rows


def _blank_lines(path: Path) -> list[int]:
    lines = read_regular_text(path, "utf-8-sig").split("\n")
    # The end of the last line begins no further one.
    return [number for number, line in enumerate(lines[:-1], start=1) if not line.strip()]


def _parse(row: dict[str, str], line: int, where: str) -> ListedVideo:
    labels = parse_labels(row["label"], where)
    if "path" not in row:
        return ListedVideo(_video_id(row["video_id"], where), labels, line=line)
    name = listed_path(row["path"]).name
    match = _FEATURE_NAME.fullmatch(name) or _WHOLE_NAME.fullmatch(name)
    if match is None:
        raise InputError(
            f"{where}: path {row['path']!r} must end in <video_id>__<crop>.npy, or in <video_id> and one of .npy .npz "
            ".pt .h5 for a file of all crops"
        )
    video_id = _video_id(match["video_id"], where)
    audio = row.get("audio_path") or None
    if audio is not None and one_form(listed_path(audio).name) != f"{video_id}.npy":
        raise InputError(f"{where}: audio_path {audio!r} must end in {video_id}.npy, as its video's features do")
    if "crop" not in match.groupdict():
        return ListedVideo(video_id, labels, {}, audio, line, row["path"])
    return ListedVideo(video_id, labels, {int(match["crop"]): row["path"]}, audio, line)


def _video_id(text: str, where: str) -> str:
    try:
        return check_video_id(one_form(text))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _join(first: ListedVideo, again: ListedVideo, where: str) -> None:
    if first.whole or again.whole:
        raise InputError(f"{where}: {first.video_id!r} stands in line {first.line} already; keep one file of all crops")
    if not again.visual:
        raise InputError(f"{where}: video_id {first.video_id!r} stands there twice, first in line {first.line}")
    for crop, path in again.visual.items():
        if crop in first.visual:
            raise InputError(f"{where}: crop {crop} of {first.video_id!r} is listed twice; keep one line")
        first.visual[crop] = path
    if (first.labels, first.audio) != (again.labels, again.audio):
        raise InputError(f"{where}: label or audio_path of {first.video_id!r} differ from line {first.line}")
