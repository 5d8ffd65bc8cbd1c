"""One ``.npy`` file of features, as others publish them: read only after its header has been believed.

The header is checked against the file's size before anything is allocated, and nothing is ever unpickled.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.base.npy_file import check_npy_size, read_npy_header
from extract.base.regular_file import open_regular

FLOATS = ("float16", "float32", "float64")


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
    try:
        shape, dtype = read_npy_header(file, path)
        if dtype.name not in FLOATS or len(shape) != 2 or min(shape) < 1 or width not in (None, shape[1]):
            raise InputError(
                f"{path}: holds {dtype.name} {list(shape)}; it must be {' or '.join(FLOATS)} [rows, {width or 'width'}]"
            )
        check_npy_size(file, path, shape, dtype)
    except InputError as error:
        raise FeatureFileError(str(error)) from None
    return FeatureFile(path, shape[0], dtype.name)
