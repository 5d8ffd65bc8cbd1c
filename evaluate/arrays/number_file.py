"""One file of numbers, ``.npy`` or CSV, as other repositories leave their scores and labels behind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.base.npy_file import check_npy_size, read_npy_header
from extract.base.regular_file import open_regular, open_regular_text

NPY, CSV = ".npy", ".csv"
SUFFIXES = (NPY, CSV)
PICKLES = (".pkl", ".pickle", ".pt", ".pth")
MOST = float(np.finfo(np.float32).max)
UNPICKLE = "convert it yourself, where you trust it: python docs/unpickle_scores.py FILE --out FOLDER"


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a file holds.

    Attributes:
        values: [rows, C] float64, all finite.
        names: What the first line of a CSV file calls its columns; ``None`` where it is numbers.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...] | None = None


def read_numbers(path: Path) -> Numbers:
    """Read a file of numbers.

    Args:
        path: A ``.npy`` file of [rows] or [rows, C], or a CSV file with a row a line, a first line of names or none.

    Raises:
        InputError: If the file is absent, of another kind or damaged, or a number is not finite. A pickle is never
            opened: it could run anything.
    """
    if path.suffix in PICKLES:
        raise InputError(f"{path}: is a pickle, which runs code as it is read; {UNPICKLE}")
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: has suffix {path.suffix or 'none'}; it must be {' or '.join(SUFFIXES)}")
    numbers = _read_npy(path) if path.suffix == NPY else _read_csv(path)
    if not numbers.values.size:
        raise InputError(f"{path}: holds no number")
    finite = (np.abs(numbers.values) <= MOST).all(axis=1)
    if not finite.all():
        raise InputError(f"{path}: row {int(np.argmin(finite))} is not finite, or too large; make the file again")
    return numbers


def _read_npy(path: Path) -> Numbers:
    try:
        with open_regular(path) as file:
            shape, dtype = read_npy_header(file, path)
            if dtype.kind == "O":
                raise InputError(f"{path}: is a pickle of Python objects, which runs code as it is read; {UNPICKLE}")
            if dtype.kind not in "fiub" or len(shape) not in (1, 2):
                raise InputError(f"{path}: holds {dtype.name} {list(shape)}; it must be numbers [rows] or [rows, C]")
            check_npy_size(file, path, shape, dtype)
            file.seek(0)
            values: NDArray[Any] = np.load(file, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); fetch the file again") from None
    return Numbers(_rows(values))


def _read_csv(path: Path) -> Numbers:
    try:
        with open_regular_text(path, "utf-8-sig") as file:
            first = [cell.strip() for cell in file.readline().split(",")]
            names = None if all(map(_is_number, first)) else tuple(first)
            if names is None:
                file.seek(0)
            values = np.loadtxt(file, delimiter=",", comments=None, ndmin=2)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # no UTF-8, no number, lines of different lengths
        raise InputError(f"{path}: cannot be read as CSV of numbers: {error}") from None
    if names is not None and values.size and values.shape[1] != len(names):
        raise InputError(
            f"{path}: has {len(names)} names in its first line, but {values.shape[1]} numbers in the others"
        )
    return Numbers(_rows(values), names)


def _rows(values: NDArray[Any]) -> NDArray[np.float64]:
    rows: NDArray[np.float64] = values.reshape(len(values), -1 if values.size else 1).astype(np.float64)
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
