"""Anomalies given as one value a frame, as ShanghaiTech and LAD2000 have them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.base.npy_file import check_npy_size, read_npy_header
from extract.base.regular_file import open_regular


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a ``.npy`` mask: [frames], true where the value is not 0.

    Raises:
        InputError: If it cannot be read, or is no list of numbers.
    """
    try:
        with open_regular(path) as file:
            shape, dtype = read_npy_header(file, path)
            if dtype.kind not in "buif" or len(shape) != 1 or shape[0] < 1:
                raise InputError(f"{path}: holds {dtype.name} {list(shape)}; it must be numbers [frames], 0 for normal")
            check_npy_size(file, path, shape, dtype)
            file.seek(0)
            mask: NDArray[np.bool_] = np.load(file, allow_pickle=False) != 0
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); fetch the file again") from None
    return mask


def stretches(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Give where a mask [frames] is true, as [start, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return tuple((int(start), int(end)) for start, end in edges.reshape(-1, 2))
