"""Lists without labels, as other repositories have them: one name or path a line, of videos or of feature files.

A line is a name (``01_0015``), a video (``Scene1/a.mp4``) or a feature file: ``<video_id>__<crop>.npy`` for one crop,
``<video_id>__vggish.npy`` for sound, ``<video_id>_i3d.npy`` or ``<video_id>.npy`` (``.npz``, ``.pt``, ``.h5``) for all
crops of a video. Paths are those of the machine that the list was made on, of Windows too.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from extract.base.errors import InputError
from extract.base.names import one_form
from extract.catalog import check_video_id
from extract.lists.annotation_lines import read_lines
from extract.lists.feature_list import listed_path

LIST_SUFFIX = ".list"
NAME_LISTS = (LIST_SUFFIX, ".txt")
FIX = "it must name one video or feature file a line"
# What lists name beside feature files; a name may have dots, so no other end is taken for a suffix.
_SUFFIX = re.compile(r"\.(?:npy|npz|pt|pth|h5|hdf5|mp4|mkv|avi|mov|webm)\Z", re.IGNORECASE)
_CROP = re.compile(r"(?P<video>.+)__(?P<crop>[0-9]{1,3})", re.DOTALL)
_SOUND = re.compile(r"(?P<video>.+)__vggish", re.DOTALL)
_ENCODER = re.compile(r"_(?:i3d|swin|c3d)\Z")


@dataclass(frozen=True)
class NamedFile:
    """What a line of such a list names.

    Attributes:
        video_id: The video.
        path: The line as it stands there.
        crop: The crop that the file holds; ``None`` for a video or a file of all its crops.
        is_sound: Whether the file holds the sound's features.
        line: Number of the line.
    """

    video_id: str
    path: str
    crop: int | None
    is_sound: bool
    line: int


def is_name_list(source: Path) -> bool:
    """Tell whether a source is read as such a list: a file that ends in .txt or .list."""
    return source.suffix.lower() in NAME_LISTS and source.is_file()


def named_file(path: str, line: int, where: str) -> NamedFile:
    """Tell what a line names.

    Args:
        path: The line.
        line: Its number.
        where: List and line, for the message.

    Raises:
        InputError: If what is left of it cannot name a video.
    """
    stem = _SUFFIX.sub("", one_form(listed_path(path.strip()).name))
    crop, sound = _CROP.fullmatch(stem), _SOUND.fullmatch(stem)
    video_id = crop["video"] if crop else sound["video"] if sound else _ENCODER.sub("", stem)
    try:
        check_video_id(video_id)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return NamedFile(video_id, path.strip(), int(crop["crop"]) if crop else None, sound is not None, line)


def read_named_files(path: Path) -> list[NamedFile]:
    """Read such a list, in its order.

    Raises:
        InputError: Naming file and line, if it cannot be read or a line names no video.
    """
    return [named_file(text, number, f"{path}, line {number}") for number, text in read_lines(path, FIX)]


def read_name_list(path: Path) -> dict[str, int]:
    """Give the videos of such a list, each with the line that first names it, in order.

    Raises:
        InputError: As ``read_named_files``, or if two lines name the same file or video.
    """
    seen: dict[tuple[str, int | None], int] = {}
    videos: dict[str, int] = {}
    for named in read_named_files(path):
        first = seen.setdefault((named.video_id, named.crop), named.line)
        if first != named.line:
            raise InputError(f"{path}, line {named.line}: {named.video_id!r} stands in line {first} already; keep one")
        videos.setdefault(named.video_id, named.line)
    return videos
