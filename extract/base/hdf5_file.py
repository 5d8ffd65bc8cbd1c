"""Writing HDF5 so that a full disk is an error and not a crash, and reading what may be damaged.

When the last write of a file fails, HDF5 frees what it holds of the file, keeps its handle and crashes the process
(h5py issues 914 and 1642) as soon as the handle is freed in its turn. So HDF5 is never told: it writes through a file
object that remembers the first failure and takes everything after it without a word.

HDF5 trusts a file in where its values lie: links, virtual data sets and external storage may name any file. What others
made is opened with ``open_hdf5``, and its members are taken with ``member``.

Damage to what a file says of itself can keep HDF5 busy for ever. The format of version 1.10 has a checksum for all of
that but for text of varying length, which lies in a heap of its own. So files are written in that format, and text at
its fixed length.
"""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.base.files import atomic_path
from extract.base.regular_file import check_regular

# A data set may be larger than its file where it is compressed: by so much, or if it is no larger than this anyway.
MOST_TIMES_THE_FILE = 64
ALWAYS_ALLOWED_BYTES = 1 << 26


def open_hdf5(path: Path, remedy: str) -> h5py.File:
    """Open a file for reading that nobody vouches for; what is in it is read through ``member``.

    Args:
        path: The file.
        remedy: What to do about one that cannot be read.

    Raises:
        InputError: If it is absent, no regular file, or no HDF5.
    """
    try:
        check_regular(path)
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise InputError(f"{path}: no readable HDF5 file ({error}); {remedy}") from None


def member(group: h5py.Group, name: str, path: Path) -> h5py.Group | h5py.Dataset | None:
    """Give a group or data set, if what it holds lies in this file; ``None`` if there is none of that name.

    HDF5 would follow a link into another file, read a data set's values from any file that it names, make them up where
    none were ever stored, and call itself without end where a virtual data set is made of itself.

    Args:
        group: The group that it is in.
        name: Its name there, without a slash.
        path: The file, for the message.

    Raises:
        InputError: If it is a link, virtual, stored elsewhere, or declares more than is stored.
    """
    spelled = name.encode("utf-8")
    if not group.id.links.exists(spelled):
        return None
    problem = "is a link, which could lead into any file; write its values into the file"
    if group.id.links.get_info(spelled).type == h5py.h5l.TYPE_HARD:
        found: h5py.Group | h5py.Dataset = group[name]
        problem = _storage_problem(found, path) if isinstance(found, h5py.Dataset) else ""
    if problem:
        raise InputError(f"{path}: {group.name.rstrip('/')}/{name} {problem}")
    return found


def _storage_problem(dataset: h5py.Dataset, path: Path) -> str:
    # A file of scores has thousands of data sets, and h5py's properties fetch the settings of each anew every time.
    kind, shape, itemsize = dataset.id.get_create_plist(), dataset.shape, dataset.id.get_type().get_size()
    layout = kind.get_layout()
    if layout == h5py.h5d.VIRTUAL or kind.get_external_count():
        return "takes its values from elsewhere; write them into the file"
    if shape is None:
        return "has no shape; write its values into the file"
    declared, chunk = math.prod(shape) * itemsize, 0
    if layout == h5py.h5d.CHUNKED:
        chunks = kind.get_chunk()
        chunk = math.prod(chunks) * itemsize
        wanted, stored = math.prod(map(_rounded_up, shape, chunks)), dataset.id.get_num_chunks()
    else:
        wanted, stored = declared, dataset.id.get_storage_size()
    if stored < wanted:
        return f"declares {list(shape)} values, but some were never stored; make it again"
    most = max(declared, chunk)
    if most > ALWAYS_ALLOWED_BYTES and most > MOST_TIMES_THE_FILE * (size := path.stat().st_size):
        return f"declares {most} bytes, in a file of {size}; make it again"
    return ""


def _rounded_up(length: int, chunk: int) -> int:
    return -(-length // chunk)


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


def set_text(attributes: h5py.AttributeManager, name: str, value: str) -> None:
    """Store an attribute as UTF-8 text of fixed length; h5py gives it back as bytes."""
    attributes.create(name, fixed_text([value])[0], dtype=_text_type([value]))


def fixed_text(values: Sequence[str]) -> NDArray[np.bytes_]:
    """Spell texts as UTF-8, all as long as the longest: [N], of the type in which HDF5 is to store them."""
    return np.array([value.encode() for value in values], dtype=_text_type(values))


def plain_text(value: Any) -> Any:
    """Give text that h5py has read as bytes as text, and everything else as it is."""
    return value.decode("utf-8") if isinstance(value, bytes) else value


def plain_texts(value: Any) -> list[Any]:
    """Give the texts of an array that h5py has read; what is no text stays as it is."""
    return [plain_text(one) for one in np.atleast_1d(value).tolist()]


def _text_type(values: Sequence[str]) -> np.dtype[Any]:
    longest = max((len(value.encode()) for value in values), default=0)
    # HDF5 has no text of length 0.
    kind: np.dtype[Any] = h5py.string_dtype("utf-8", max(1, longest))
    return kind


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
