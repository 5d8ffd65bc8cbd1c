"""Files that others name are opened only if they are files: a FIFO would be waited for without end."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, TextIO


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        OSError: As ``open`` does, or if it is a folder, FIFO, socket or device.
    """
    # Not blocking, or opening a FIFO itself would wait for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def open_regular_text(path: Path, encoding: str = "utf-8") -> TextIO:
    """Open a text file for reading, its line ends left as they are; see ``open_regular``."""
    return io.TextIOWrapper(open_regular(path), encoding=encoding, newline="")


def read_regular_text(path: Path, encoding: str = "utf-8") -> str:
    """Read a text file, all line ends as one; see ``open_regular``."""
    with io.TextIOWrapper(open_regular(path), encoding=encoding) as file:
        return file.read()


def check_regular(path: Path) -> None:
    """Check a file that a library will open by its path; see ``open_regular``."""
    open_regular(path).close()
