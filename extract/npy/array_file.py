"""One array of features in a stranger's file: ``.npy``, ``.npz``, ``.pt`` or ``.h5``; nothing in it is run.

A ``.npz``, ``.pt`` or ``.h5`` file must hold one array alone; a ``.pt`` file may hold the tensor itself or a dictionary
with one. Pickled objects, of which some published ``.npy`` files are made, are refused: loading them runs their code.
"""

import io
import math
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.base.hdf5_file import malformed_is_input_error, member, open_hdf5
from extract.base.npy_file import check_npy_size, read_npy_header
from extract.base.regular_file import check_regular, open_regular
from extract.npy.feature_file import FLOATS, FeatureFileError

# A day of video, ten crops of 4096 numbers each; what claims to hold more is no video's features.
MOST_NUMBERS = 86_400 * 2 * 10 * 4096
AGAIN = "fetch the file again"
# What torch's restricted unpickler raises on files of another kind.
UNREADABLE_PT = (
    RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, AssertionError, OverflowError,
    MemoryError, struct.error, pickle.UnpicklingError,
)  # fmt: skip


@dataclass(frozen=True)
class ArrayHeader:
    """What a file says of its array.

    Attributes:
        shape: Its shape.
        dtype: ``float16``, ``float32`` or ``float64``.
    """

    shape: tuple[int, ...]
    dtype: str


def inspect_array(path: Path) -> ArrayHeader:
    """Read the shape and type of a file's array; of a ``.pt`` file all has to be read for that.

    Raises:
        FeatureFileError: If the file is absent, damaged, of another kind, or holds not one array of floating-point
            numbers.
    """
    return _read(path, whole=False)[0]


def read_array(path: Path) -> NDArray[Any]:
    """Read a file's array in its own precision.

    Raises:
        FeatureFileError: As ``inspect_array``, or if a number is not finite.
    """
    array = _read(path, whole=True)[1]
    if array is None or not np.isfinite(array).all():
        raise FeatureFileError(f"{path}: holds a number that is not finite; {AGAIN}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


Found = tuple[ArrayHeader, NDArray[Any] | None]


def _read(path: Path, *, whole: bool) -> Found:
    try:
        return _READERS[_suffix(path)](path, whole)
    except FeatureFileError:
        raise
    except InputError as error:
        raise FeatureFileError(str(error)) from None
    except OSError as error:
        raise FeatureFileError(f"{path}: cannot be read ({error.strerror or error}); {AGAIN}") from None


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise FeatureFileError(f"{path}: is no file of features; there are {', '.join(_READERS)}")
    return suffix


def _header(path: Path, shape: tuple[int, ...], dtype: str) -> ArrayHeader:
    if dtype == "object":
        raise FeatureFileError(
            f"{path}: holds pickled objects, which can run code and are not read; whoever trusts them saves them anew "
            "as numbers (numpy.save of a float32 array)"
        )
    if dtype not in FLOATS or not 2 <= len(shape) <= 3 or min(shape) < 1 or math.prod(shape) > MOST_NUMBERS:
        raise FeatureFileError(
            f"{path}: holds {dtype} {list(shape)}; features are {', '.join(FLOATS)} [rows, width], [rows, crops, "
            "width] or [crops, rows, width]"
        )
    return ArrayHeader(shape, dtype)


def _npy(path: Path, whole: bool) -> Found:
    with open_regular(path) as file:
        shape, dtype = read_npy_header(file, path)
        header = _header(path, shape, dtype.name)
        check_npy_size(file, path, shape, dtype)
        if not whole:
            return header, None
        file.seek(0)
        return header, np.load(file, allow_pickle=False)


def _npz(path: Path, whole: bool) -> Found:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
            if len(entries) != 1:
                names = ", ".join(entry.filename for entry in entries)[:80]
                raise FeatureFileError(f"{path}: holds {len(entries)} arrays ({names}); it must hold one")
            with archive.open(entries[0]) as packed:
                shape, dtype = read_npy_header(packed, path)  # type: ignore[arg-type]
                header = _header(path, shape, dtype.name)
                promised = packed.tell() + math.prod(shape) * dtype.itemsize
            # What is packed may grow without end: no more than the header promises is unpacked.
            if entries[0].file_size != promised:
                raise FeatureFileError(
                    f"{path}: holds other than the {promised} bytes that its header promises; {AGAIN}"
                )
            if not whole:
                return header, None
            with archive.open(entries[0]) as packed:
                return header, np.load(io.BytesIO(packed.read(promised)), allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise FeatureFileError(f"{path}: is no .npz file ({error}); {AGAIN}") from None


def _pt(path: Path, whole: bool) -> Found:
    import torch

    check_regular(path)
    try:
        value = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE_PT as error:
        # torch goes on with advice on how to unpickle everything.
        why = (str(error).splitlines() or [type(error).__name__])[0].split(". ")[0]
        raise FeatureFileError(f"{path}: is no file of tensors alone ({why}); {AGAIN}") from None
    held = value.values() if isinstance(value, dict) else [value]
    tensors = [one for one in held if isinstance(one, torch.Tensor)]
    if len(tensors) != 1 or tensors[0].layout != torch.strided:
        raise FeatureFileError(f"{path}: holds {len(tensors)} tensors; it must hold one")
    tensor = tensors[0].detach()
    header = _header(path, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
    # A few numbers can be declared to be any number of them.
    if tensor.untyped_storage().nbytes() < tensor.nbytes:
        raise FeatureFileError(f"{path}: declares numbers that are not stored; {AGAIN}")
    return header, tensor.numpy() if whole else None


def _hdf5(path: Path, whole: bool) -> Found:
    with open_hdf5(path, AGAIN) as file, malformed_is_input_error(path, "features"):
        datasets = [name for name in file if isinstance(member(file, name, path), h5py.Dataset)]
        if len(datasets) != 1:
            raise FeatureFileError(
                f"{path}: holds {len(datasets)} datasets ({', '.join(datasets)[:80]}); it must hold one"
            )
        dataset: Any = member(file, datasets[0], path)
        header = _header(path, tuple(dataset.shape), dataset.dtype.name)
        return header, dataset[()] if whole else None


_READERS: dict[str, Callable[[Path, bool], Found]] = {
    ".npy": _npy, ".npz": _npz, ".pt": _pt, ".pth": _pt, ".h5": _hdf5, ".hdf5": _hdf5,
}  # fmt: skip
READABLE = tuple(_READERS)
