"""Which axis of a feature file is time and which the crops: recognised from all files of a list, or named.

Features of one video and all its crops are [rows, crops, width] (RTFM's I3D), [crops, rows, width] (UR-DMU's own
extractor) or [rows, width]. One file alone may not tell: the crops are the axis that is equally long in all files.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.lists.feature_files import LAYOUTS
from extract.npy.array_file import inspect_array, read_array
from extract.npy.feature_file import FeatureFileError

ROWS_CROPS, CROPS_ROWS = LAYOUTS
# No published features have more.
MOST_CROPS = 10


class NothingSeenError(InputError):
    """None of the files that were looked into can be read."""


@dataclass(frozen=True)
class Layout:
    """How the files of a list hold features.

    Attributes:
        name: ``rows-crops`` or ``crops-rows``; the former too for [rows, width].
        crops: Crops in a file.
        width: Numbers a row.
    """

    name: str
    crops: int
    width: int

    def check(self, path: Path, shape: Sequence[int]) -> None:
        """Refuse a file of another shape.

        Raises:
            FeatureFileError: Saying what was seen and what the other files have.
        """
        crops = 1 if len(shape) == 2 else shape[LAYOUTS.index(self.name) ^ 1]
        if (crops, shape[-1]) != (self.crops, self.width):
            raise FeatureFileError(f"{path}: holds {list(shape)}; the others of its list are {self.spelled}")

    @property
    def spelled(self) -> str:
        """Its shape in words."""
        if self.crops == 1:
            return f"[rows, {self.width}]"
        axes = ["rows", str(self.crops)] if self.name == ROWS_CROPS else [str(self.crops), "rows"]
        return f"[{', '.join(axes)}, {self.width}]"


def recognise(files: Iterable[Path], given: str | None, source: Path) -> Layout:
    """Find out how files hold features.

    Args:
        files: Files of one list; what cannot be read among them is passed over, and reported when its turn comes.
        given: The layout, where a person named it.
        source: The list, for messages.

    Raises:
        InputError: If the files differ in width, none can be read, or their shapes do not tell the axis of the crops.
            Says what was seen.
    """
    seen: dict[Path, tuple[int, ...]] = {}
    for file in files:
        try:
            seen[file] = inspect_array(file).shape
        except FeatureFileError:
            continue
    if not seen:
        raise NothingSeenError(
            f"{source}: none of the files that were tried can be read as features; see --root and the files"
        )
    first, shape = next(iter(seen.items()))
    for file, other in seen.items():
        if other[-1] != shape[-1]:
            raise InputError(
                f"{source}: holds features of two widths: {first} is {list(shape)}, {file} is {list(other)}; give each "
                "its own list"
            )
        if len(other) != len(shape):
            raise InputError(f"{source}: holds files of two forms: {first} is {list(shape)}, {file} is {list(other)}")
    if len(shape) == 2:
        return Layout(ROWS_CROPS, 1, shape[-1])
    name = given or _recognised(list(seen.values()), source)
    crops = {shape[LAYOUTS.index(name) ^ 1] for shape in seen.values()}
    if len(crops) > 1 or max(crops) > MOST_CROPS:
        raise InputError(
            f"{source}: as {name} its files have {', '.join(map(str, sorted(crops)[:5]))} crops; all must have one "
            f"number of at most {MOST_CROPS}; {first} is {list(shape)}; name another --layout"
        )
    return Layout(name, crops.pop(), shape[-1])


def read_rows(path: Path, layout: Layout) -> NDArray[Any]:
    """Read the features of one video in the file's own precision: [rows, crops, D].

    Raises:
        FeatureFileError: If the file cannot be read, or has another shape than the others.
    """
    array = read_array(path)
    layout.check(path, array.shape)
    if array.ndim == 2:
        return array[:, None]
    return array if layout.name == ROWS_CROPS else array.swapaxes(0, 1)


def rows_of(path: Path, layout: Layout) -> int:
    """Count the rows of one video's file without reading them; errors are those of ``read_rows``."""
    shape = inspect_array(path).shape
    layout.check(path, shape)
    return shape[0] if len(shape) == 2 or layout.name == ROWS_CROPS else shape[1]


def _recognised(shapes: list[tuple[int, ...]], source: Path) -> str:
    """Tell the layout: crops are at most ten and the same in all files."""
    lengths = {ROWS_CROPS: {shape[1] for shape in shapes}, CROPS_ROWS: {shape[0] for shape in shapes}}
    able = [name for name in LAYOUTS if len(lengths[name]) == 1 and max(lengths[name]) <= MOST_CROPS]
    if len(able) != 1:
        seen = "; ".join(str(list(shape)) for shape in shapes[:3])
        why = "both axes could be the crops" if able else "no axis is the same in all files"
        raise InputError(f"{source}: files of shape {seen}: {why}; name it with --layout {' or '.join(LAYOUTS)}")
    return able[0]
