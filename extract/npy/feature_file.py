"""One ``.npy`` file of features, as others publish them: read only after its header has been believed.

The header is checked against the file's size before anything is allocated, and nothing is ever unpickled.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.base.regular_file import open_regular

FLOATS = ("float16", "float32", "float64")
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# The header is Python source, which numpy parses without running it: any of these means damage.
UNREADABLE_HEADER = (
    ValueError, EOFError, SyntaxError, TypeError, TokenError, RecursionError, OverflowError, MemoryError,
)  # fmt: skip


class FeatureFileError(InputError):
    """A feature file is absent, damaged or holds something else; the message names it."""


@dataclass(frozen=True)
class FeatureFile:
    """What the header of a feature file says.

    Attributes:
        path: The file.
        rows: Number of rows.
        dtype: ``float16``, ``float32`` or ``float64``.
    """

    path: Path
    rows: int
    dtype: str


def inspect_features(path: Path, width: int | None = None) -> FeatureFile:
    """Read the header of a feature file.

    Args:
        path: The ``.npy`` file.
        width: Numbers that a row must have; ``None`` for any.

    Raises:
        FeatureFileError: If the file is absent or no ``.npy``, has more or fewer bytes than its header promises, or
            holds no rows of floating-point numbers of that width.
    """
    try:
        with open_regular(path) as file:
            return _inspect(file, path, width)
    except OSError as error:
        raise FeatureFileError(f"{path}: cannot be read ({error.strerror}); fetch the file again") from None


def read_features(path: Path, width: int | None = None) -> NDArray[Any]:
    """Read a feature file.

    Args:
        path: The ``.npy`` file.
        width: As for ``inspect_features``.

    Returns:
        [rows, D] in the file's own precision.

    Raises:
        FeatureFileError: As ``inspect_features``, or if a number is not finite.
    """
    try:
        with open_regular(path) as file:
            header = _inspect(file, path, width)
            file.seek(0)
            features: NDArray[Any] = np.load(file, allow_pickle=False)
    except OSError as error:
        raise FeatureFileError(f"{path}: cannot be read ({error.strerror}); fetch the file again") from None
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise FeatureFileError(f"{path}: row {int(np.argmin(finite))} is not finite; fetch the file again")
    # Byte order is the only thing that may change.
    return features.astype(header.dtype, copy=False)


def _inspect(file: BinaryIO, path: Path, width: int | None) -> FeatureFile:
    shape, dtype = _read_header(file, path)
    if dtype.name not in FLOATS or len(shape) != 2 or min(shape) < 1 or width not in (None, shape[1]):
        raise FeatureFileError(
            f"{path}: holds {dtype.name} {list(shape)}; it must be {' or '.join(FLOATS)} [rows, {width or 'width'}]"
        )
    promised = file.tell() + math.prod(shape) * dtype.itemsize
    size = os.fstat(file.fileno()).st_size
    if size != promised:
        raise FeatureFileError(f"{path}: has {size} bytes where its header promises {promised}; fetch the file again")
    return FeatureFile(path, shape[0], dtype.name)


def _read_header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        if version not in _HEADER_READERS:
            raise ValueError(f"version {version} of the format holds no plain arrays")
        shape, _, dtype = _HEADER_READERS[version](file)
    except UNREADABLE_HEADER as error:
        raise FeatureFileError(f"{path}: is no .npy file ({error}); fetch the file again") from None
    return shape, dtype
