"""Writing HDF5 so that a full disk is an error and not a crash, and reading what may be damaged.

When the last write of a file fails, HDF5 frees what it holds of the file, keeps its handle and crashes the process
(h5py issues 914 and 1642) as soon as the handle is freed in its turn. So HDF5 is never told: it writes through a file
object that remembers the first failure and takes everything after it without a word.

Damage to what a file says of itself can keep HDF5 busy for ever. The format of version 1.10 has a checksum for all of
that, which makes it an error at once; so files are written in it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from extract.errors import InputError
from extract.files import atomic_path


@contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """Write an HDF5 file that appears whole or not at all.

    Args:
        path: The file to make.

    Yields:
        The file, open for writing.

    Raises:
        InputError: As ``atomic_path`` does.
    """
    with atomic_path(path) as temporary, _Target(temporary) as target:
        with h5py.File(target, "w", libver=("v110", "v110")) as file:
            yield file
        if target.failure is not None:
            raise target.failure


@contextmanager
def malformed_is_input_error(path: Path, kind: str) -> Iterator[None]:
    """Turn what h5py raises on damaged and mistyped content into an ``InputError``.

    Args:
        path: The file that is read.
        kind: What it is to be, for example ``a shard``.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InputError(f"{path}: cannot be read as {kind}: {error}") from error


class _Target(io.RawIOBase):
    """A file whose writing never fails; ``failure`` is what went wrong first."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._file = path.open("w+b", buffering=0)

    def write(self, data: Any) -> int:
        view = memoryview(data)
        left = view
        try:
            while left and self.failure is None:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        done = 0
        while done < len(view) and (got := self._file.readinto(view[done:])):
            done += got
        if self.failure is not None:
            # What was to be read back may never have reached the disk.
            view[done:] = bytes(len(view) - done)
            done = len(view)
        return done

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()
