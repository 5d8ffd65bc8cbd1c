"""What the visual and the audio step hand to the step that aligns them, and how a killed step goes on.

A work file is HDF5. Root attributes: ``format`` ("avadclip-visual" or "avadclip-audio"), ``version`` and the
settings of the step. Group ``videos``: one array a column, one entry a video, among them ``video_id``, ``start``
and ``rows``. Root datasets: rows of all videos one after the other; those of a video are [start, start + rows).

visual
    Attributes ``dataset_split``, ``stride``, ``crops``, ``encoder``, ``weights``, ``precision``,
    ``preprocessing``, and ``decoder`` where it is not libav. Columns ``labels`` (codes joined by
    ``-``), ``frames``, ``fps``, ``cut`` (why a
    video that was taken seems to be cut short; empty if it does not). Datasets ``visual``
    [rows, crops, D] and ``bounds`` [rows, 2] float64: start and end of every snippet in seconds on the
    container's axis.
audio
    Attributes ``encoder``, ``weights``, ``precision``, ``preprocessing``. Column ``sounding``. Dataset
    ``audio`` [rows, D].

Until the shard stands, every finished video is one small file of its own, named after the video, its
file's size and date, and the settings: another setting never finds it.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.base.files import atomic_path
from extract.base.hdf5_file import (
    fixed_text,
    malformed_is_input_error,
    member,
    new_hdf5,
    open_hdf5,
    plain_text,
    set_text,
)
from extract.base.npy_file import UNREADABLE_HEADER

VERSION = 1
Columns = Mapping[str, Any]
Arrays = dict[str, NDArray[Any]]


def partial_path(folder: Path, video_id: str, source: Path, settings: Mapping[str, Any]) -> Path:
    """Name the file of one finished video.

    Args:
        folder: Where the unfinished step keeps its videos.
        video_id: The video's id.
        source: The video file; its size and date are part of the name, so that a mended file is read again.
        settings: Everything the result depends on, JSON values.
    """
    state = source.stat() if source.exists() else None
    stamp = [state.st_size, state.st_mtime_ns] if state else None
    name = json.dumps([video_id, str(source), stamp, dict(settings)], sort_keys=True)
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()}.npz"


# numpy's archives are zip files of arrays; the readers of both let all of these out.
UNREADABLE_ARCHIVE = (*UNREADABLE_HEADER, OSError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def save_partial(path: Path, arrays: Arrays) -> None:
    """Write the arrays of one finished video, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_partial(path: Path) -> Arrays:
    """Read the arrays of one finished video.

    Raises:
        InputError: If the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except UNREADABLE_ARCHIVE as error:
        raise InputError(f"{path}: is damaged ({error}); remove it and run the same command again") from None


def remove_other_partials(folder: Path, finished: Iterable[Path]) -> None:
    """Remove what the work file has not used: files of other settings, and of videos that have changed since.

    The files in ``finished`` stay until the shard stands. Snakemake removes the output of a job whose end it has not
    seen, and then they alone spare the encoder the whole shard.
    """
    kept = {path.name for path in finished}
    for path in folder.glob("*.npz"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


class UnstorableError(Exception):
    """A video's features are not finite, or too large for their type; the reason in one line."""


def stored(features: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    """Convert features to the type they are stored in.

    Raises:
        UnstorableError: If ``dtype`` cannot hold them.
    """
    with np.errstate(over="ignore"):
        converted: NDArray[Any] = features.astype(dtype)
    if not np.isfinite(converted).all():
        reason = "are not finite" if not np.isfinite(features).all() else f"exceed {dtype}; use --dtype float32"
        raise UnstorableError(f"features {reason}")
    return converted


def write_workfile(
    path: Path,
    kind: str,
    attributes: Mapping[str, Any],
    empty: Arrays,
    videos: Iterable[tuple[Columns, Arrays]],
) -> None:
    """Write a work file, whole or not at all; one video is held at a time.

    Args:
        path: The file to make.
        kind: ``visual`` or ``audio``.
        attributes: Root attributes beside ``format`` and ``version``.
        empty: The datasets without rows, for their types and shapes.
        videos: Columns and rows of every video, in order; all its arrays are equally long.
    """
    with new_hdf5(path) as file:
        for name, value in {"format": f"avadclip-{kind}", "version": VERSION, **attributes}.items():
            if isinstance(value, str):
                set_text(file.attrs, name, value)
            else:
                file.attrs[name] = value
        datasets = {
            name: file.create_dataset(name, array.shape, array.dtype, maxshape=(None, *array.shape[1:]), chunks=True)
            for name, array in empty.items()
        }
        table: dict[str, list[Any]] = {}
        start = 0
        for columns, arrays in videos:
            rows = len(next(iter(arrays.values())))
            for name, array in arrays.items():
                datasets[name].resize(start + rows, axis=0)
                datasets[name][start:] = array
            for name, value in {**columns, "start": start, "rows": rows}.items():
                table.setdefault(name, []).append(value)
            start += rows
        group = file.create_group("videos")
        for name, values in table.items():
            group.create_dataset(name, data=fixed_text(values) if isinstance(values[0], str) else values)


class WorkFile:
    """A work file opened for reading; a context manager.

    Args:
        path: The file.
        kind: ``visual`` or ``audio``.

    Raises:
        InputError: If the file is absent or not of that kind.

    Attributes:
        path: The file.
        attributes: Root attributes.
        videos: Columns of every video by ``video_id``, in file order.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self._file = open_hdf5(path, f"run the {kind} step again")
        try:
            with malformed_is_input_error(path, f"the work file of the {kind} step"):
                self.attributes, self.videos = _read_tables(self._file, path, kind)
        except BaseException:
            self._file.close()
            raise

    def rows(self, dataset: str, video_id: str) -> NDArray[Any]:
        """Read the rows of one video of one dataset."""
        video = self.videos[video_id]
        with malformed_is_input_error(self.path, "a work file"):
            array: NDArray[Any] = self._file[dataset][video["start"] : video["start"] + video["rows"]]
        return array

    def dtype(self, dataset: str) -> str:
        """Give the type a dataset is stored in, for example ``float16``."""
        return str(self._file[dataset].dtype)

    def width(self, dataset: str) -> int:
        """Give the numbers a row of a dataset of features."""
        return int(self._file[dataset].shape[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _read_tables(file: h5py.File, path: Path, kind: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    attributes: dict[str, Any] = {name: plain_text(value) for name, value in file.attrs.items()}
    found = (attributes.get("format"), attributes.get("version"))
    if found != (f"avadclip-{kind}", VERSION):
        raise InputError(f"{path}: attributes format and version are {found}; run the {kind} step again")
    for name in file:
        member(file, name, path)
    columns: dict[str, Any] = {name: member(file["videos"], name, path) for name in file["videos"]}
    table = {
        name: column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]
        for name, column in columns.items()
    }
    if len({len(column) for column in table.values()}) > 1:
        raise InputError(f"{path}: arrays of group videos differ in length; run the {kind} step again")
    videos = {
        str(video_id): {name: column[row] for name, column in table.items()}
        for row, video_id in enumerate(table.get("video_id", []))
    }
    return attributes, videos
