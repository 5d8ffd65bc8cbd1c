"""``.npy`` files of strangers: read only after the header has been believed; nothing is ever unpickled."""

import math
import os
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from extract.base.errors import InputError

_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# The header is Python source, which numpy parses without running it: any of these means damage.
UNREADABLE_HEADER = (
    ValueError, EOFError, SyntaxError, TypeError, TokenError, RecursionError, OverflowError, MemoryError,
)  # fmt: skip


def read_npy_header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Give the shape and the dtype that an open ``.npy`` file promises.

    Args:
        file: The file, at its beginning; afterwards where the numbers begin.
        path: Its name, for the message.

    Raises:
        InputError: If it is no ``.npy`` file.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version not in _HEADER_READERS:
            raise ValueError(f"version {version} of the format holds no plain arrays")
        shape, _, dtype = _HEADER_READERS[version](file)
    except UNREADABLE_HEADER as error:
        raise InputError(f"{path}: is no .npy file ({error}); fetch the file again") from None
    return shape, dtype


def check_npy_size(file: BinaryIO, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Check that a file whose header has just been read is as long as that promises.

    Raises:
        InputError: If it is not.
    """
    promised = file.tell() + math.prod(shape) * dtype.itemsize
    size = os.fstat(file.fileno()).st_size
    if size != promised:
        raise InputError(f"{path}: has {size} bytes where its header promises {promised}; fetch the file again")
