"""In which order videos stand in a joined array, as the list says that its repository read."""

import csv
import re
from collections.abc import Container, Iterator
from pathlib import Path

from extract.base.errors import InputError
from extract.base.names import one_form
from extract.base.regular_file import read_regular_text
from extract.lists.feature_list import listed_path

# Columns of a list with a header that may name a video.
NAMES = ("video_id", "path")
_CROP = re.compile(r"__[0-9]{1,3}$")


def read_order(path: Path, tests: Container[str], catalog: Path, suffix: str = "") -> list[str]:
    """Read the order of the videos in a list.

    Args:
        path: A line a video, its name or the path of its features; what follows the first space may be anything, as in
            annotation files. Or CSV with a column ``video_id`` or ``path``. Lines that follow each other and name crops
            of one video (``name__0.npy``, ``name__1.npy``) count once.
        tests: Ids of the catalog's test videos.
        catalog: Where they come from, for the message.
        suffix: What names in the list have after the id, for example ``_i3d``.

    Raises:
        InputError: If the file cannot be read, or a line names no test video or one that stood further up.
    """
    order: list[str] = []
    lines: dict[str, int] = {}
    for number, text in _names(path):
        video_id = find_id(text, tests, suffix)
        if video_id is None:
            raise InputError(
                f"{path}, line {number}: {text!r} is no test video of {catalog}; if more follows the name of each, "
                "give it with --suffix, for example --suffix _i3d"
            )
        if order and order[-1] == video_id:
            continue
        if video_id in lines:
            raise InputError(f"{path}, line {number}: {video_id!r} stands there twice, first in line {lines[video_id]}")
        lines[video_id] = number
        order.append(video_id)
    if not order:
        raise InputError(f"{path}: lists no video")
    return order


def find_id(text: str, tests: Container[str], suffix: str = "") -> str | None:
    """Find the test video that a list's line or a file's name means; ``None`` if there is none.

    Args:
        text: For example ``/home/author/features/name__0.npy``, ``Abuse/name.mp4`` or ``name 12 90``.
        tests: Ids of the test videos.
        suffix: What may follow the id.
    """
    # A name may have spaces and dots, so the longest reading comes first.
    for words in (text.strip(), text.strip().split(" ")[0]):
        name = one_form(listed_path(words).name)
        for stem in (name, name.rpartition(".")[0]):
            whole = stem.removesuffix(suffix)
            found = next((one for one in (stem, whole, _CROP.sub("", whole)) if one in tests), None)
            if found is not None:
                return found
    return None


def _names(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = read_regular_text(path, "utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list: {error}") from None
    columns = lines[0].split(",")
    column = next((columns.index(name) for name in NAMES if name in columns), None)
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == 1 and column is not None):
            continue
        if column is None:
            yield number, line
            continue
        cells = next(csv.reader([line]))
        if len(cells) <= column:
            raise InputError(f"{path}, line {number}: has {len(cells)} cells; the header has {len(columns)}")
        yield number, cells[column]
