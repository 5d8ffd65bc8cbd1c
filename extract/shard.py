"""The feature shard: aligned visual and audio features of some videos, one HDF5 file.

Root attributes: ``format`` = "avadclip-shard", ``version`` = 1, ``dataset``, ``split``, ``stride`` (frames a
snippet), ``crops`` (int array, the crop number of each column), ``visual_encoder``, ``visual_weights`` (sha256,
"random:<seed>", "simulated:<seed>" or "released"), ``visual_precision``, ``visual_preprocessing``, the same four for
``audio_*``, ``note``, and ``visual_decoder`` if another decoder than libav gave the pictures. Its classes: ``codes``
(label codes that videos may have, the first is normal), ``model_codes`` (those of the classes that a model is trained
with) and ``prompts`` (one for each of these), all arrays of text; a shard without them has the classes of the built-in
set ``dataset``.

Datasets: ``visual`` [snippets, crops, D] and ``audio`` [audio rows, D] (absent if the set has none), float16 or
float32, each as wide as its encoder (512 for CLIP ViT-B/16 and Wav2CLIP); and the group ``videos`` with equally long
arrays ``video_id``, ``labels`` (codes joined by ``-``), ``start``, ``snippets``, ``audio_start``, ``audio_rows``,
``audio_sounding``, ``frames`` (-1 unknown) and ``fps`` (NaN unknown). Readers ignore what they do not know.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from extract.base.decoders import LIBAV
from extract.base.errors import InputError
from extract.base.hdf5_file import (
    fixed_text,
    malformed_is_input_error,
    member,
    new_hdf5,
    open_hdf5,
    plain_text,
    plain_texts,
    set_text,
)
from extract.catalog import check_video_id
from extract.datasets import data_set, labels_of
from extract.labels.label_set import LabelSet, parse_label_set
from extract.published_encoders import RELEASED

FORMAT = "avadclip-shard"
VERSION = 1
# Width of CLIP ViT-B/16 and of Wav2CLIP; files that name no width are theirs.
DIMENSIONS = 512
WIDEST = 100_000
# One crop of about four minutes of video: a scorer reads one crop, a trainer reads each on its own.
CHUNK_ROWS = 256
TEXT = h5py.string_dtype("utf-8")
LABEL_ATTRIBUTES = ("codes", "model_codes", "prompts")
ATTRIBUTES = ("encoder", "weights", "precision", "preprocessing")
DECODER = "visual_decoder"
VIDEO_COLUMNS: dict[str, Any] = {
    "video_id": TEXT,
    "labels": TEXT,
    "start": np.int64,
    "snippets": np.int64,
    "audio_start": np.int64,
    "audio_rows": np.int64,
    "audio_sounding": np.int64,
    "frames": np.int64,
    "fps": np.float64,
}


@dataclass(frozen=True)
class Encoding:
    """How one stream was encoded.

    Attributes:
        encoder: Name of the encoder, for example ``ViT-B-16-quickgelu``.
        weights: sha256 of the weights file, ``random:<seed>``, ``random:<seed>:calibrated``, ``simulated:<seed>`` or
            ``released``.
        precision: ``fp32`` or ``bf16``; ``released`` and ``simulated`` where neither is known.
        preprocessing: What happened before the encoder, in words.
        width: Numbers a row, D. A shard does not name it; it is the width of its dataset.

    Raises:
        InputError: If the width is no number of a row's length.
    """

    encoder: str
    weights: str
    precision: str
    preprocessing: str
    width: int = DIMENSIONS

    def __post_init__(self) -> None:
        # A stranger's file names it, and networks are built by it.
        if type(self.width) is not int or not 1 <= self.width <= WIDEST:
            raise InputError(f"width {self.width!r} must be a number from 1 to {WIDEST}")


class Widths(NamedTuple):
    """Width of the rows of each stream.

    Attributes:
        visual: Of the frames' rows.
        audio: Of the sound's rows.
    """

    visual: int
    audio: int


# What most features are: CLIP ViT-B/16's and Wav2CLIP's.
USUAL_WIDTHS = Widths(DIMENSIONS, DIMENSIONS)


def widths_of(visual: Encoding, audio: Encoding | None) -> Widths:
    """Give the width of each stream's rows; zeros stand for absent sound, as wide as the frames' rows."""
    return Widths(visual.width, visual.width if audio is None else audio.width)


# What is known of features that others computed and published as .npy files: the encoders' names alone.
RELEASED_VISUAL = Encoding("ViT-B-16-quickgelu", RELEASED, RELEASED, RELEASED)
RELEASED_AUDIO = Encoding("Wav2CLIP", RELEASED, RELEASED, RELEASED)


@dataclass(frozen=True)
class ShardHeader:
    """The root attributes of a shard; see the module.

    Attributes:
        dataset: Name of the label set, a built-in one (`extract.datasets`) or ``own``.
        split: ``train`` or ``test``.
        stride: Frames a snippet.
        crops: Crop number of each column of ``visual``.
        visual: How the frames were encoded.
        audio: How the sound was encoded; ``None`` for a set without audio.
        note: Free text that follows the features into every table, for example ``simulated``.
        labels: Its label set; unless given that of the built-in set ``dataset``, ``None`` if there is no such set.
        decoder: What decoded the pictures, as far as it is known.
    """

    dataset: str
    split: str
    stride: int
    crops: tuple[int, ...]
    visual: Encoding
    audio: Encoding | None
    note: str = ""
    labels: LabelSet | None = None
    decoder: str = LIBAV

    def __post_init__(self) -> None:
        if self.labels is None:
            object.__setattr__(self, "labels", labels_of(self.dataset))

    def label_set(self, where: Path) -> LabelSet:
        """Give its classes.

        Raises:
            InputError: Naming ``where`` (file or folder), if it has none and is of no built-in data set.
        """
        return self.labels or data_set(self.dataset, f"{where}: attribute dataset").labels

    @property
    def widths(self) -> Widths:
        """Width of the rows of each stream."""
        return widths_of(self.visual, self.audio)


@dataclass(frozen=True)
class ShardVideo:
    """One video of a shard.

    Attributes:
        video_id: The video's id.
        labels: Video-level label codes.
        start: First row of the video in ``visual``.
        snippets: Number of rows in ``visual``.
        audio_start: First row in ``audio``.
        audio_rows: Number of rows in ``audio``; 0 for a set without audio.
        audio_sounding: Rows with real sound; 0 without an audio stream.
        frames: Frames of the video, -1 if unknown.
        fps: Frames per second, NaN if unknown.
    """

    video_id: str
    labels: tuple[str, ...]
    start: int
    snippets: int
    audio_start: int
    audio_rows: int
    audio_sounding: int
    frames: int
    fps: float


def shard_paths(folder: Path, split: str) -> list[Path]:
    """List the shards of a split, in order.

    Raises:
        InputError: If the folder holds none, or may not be read.
    """
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"{folder}: cannot be read (Permission denied)")
    paths = sorted(folder.glob(f"{split}-[0-9][0-9][0-9][0-9][0-9].h5"))
    if not paths:
        raise InputError(f"{folder}: no shard named {split}-00000.h5 (or a higher number); make the shards first")
    return paths


class Shard:
    """A shard opened for reading; a context manager.

    Args:
        path: The HDF5 file.

    Raises:
        InputError: If the file is no HDF5 or breaks the contract; names the file and the attribute or dataset.

    Attributes:
        path: The file.
        header: Its root attributes.
        videos: Its videos in file order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_hdf5(path, "make the shard again")
        try:
            with malformed_is_input_error(path, "a shard"):
                self.header = _read_header(self._file, path)
                self.videos = _read_videos(self._file, path, self.header)
        except BaseException:
            self._file.close()
            raise

    @property
    def dtype(self) -> str:
        """Type that the visual features are stored in, ``float16`` or ``float32``."""
        return str(self._file["visual"].dtype)

    def visual(self, video: ShardVideo, column: int) -> NDArray[np.float32]:
        """Read the visual features of one video and crop: [snippets, D] float32."""
        return self.visual_as_stored(video, column).astype(np.float32, copy=False)

    def audio(self, video: ShardVideo) -> NDArray[np.float32]:
        """Read the audio features of one video: [audio_rows, D] float32; no rows for a set without audio."""
        if self.header.audio is None:
            return np.zeros((0, self.header.widths.audio), np.float32)
        return self.audio_as_stored(video).astype(np.float32, copy=False)

    def visual_as_stored(self, video: ShardVideo, column: int) -> NDArray[Any]:
        """Read the visual features of one video and crop in the shard's own type: [snippets, D].

        Raises:
            InputError: If a number is not finite.
        """
        rows = self._rows("visual", (slice(video.start, video.start + video.snippets), column))
        return self._finite(rows, f"{video.video_id!r}, crop {self.header.crops[column]}")

    def audio_as_stored(self, video: ShardVideo) -> NDArray[Any]:
        """Read the audio features of one video of a set with audio in the shard's own type: [audio_rows, D].

        Raises:
            InputError: If a number is not finite.
        """
        rows = self._rows("audio", slice(video.audio_start, video.audio_start + video.audio_rows))
        return self._finite(rows, f"{video.video_id!r}, audio")

    def _finite(self, rows: NDArray[Any], where: str) -> NDArray[Any]:
        # One such number makes every weight of a training one, and every score of a video.
        finite = np.isfinite(rows)
        if not finite.all():
            row = int(np.argmin(finite.all(axis=1)))
            raise InputError(f"{self.path}: {where}: row {row} is not finite; make the shard again")
        return rows

    def _rows(self, name: str, selection: Any) -> NDArray[Any]:
        with malformed_is_input_error(self.path, "a shard"):
            rows: NDArray[Any] = self._file[name][selection]
            return rows

    def column_of(self, crop: int) -> int:
        """Give the column that holds crop number ``crop``.

        Raises:
            InputError: If the shard does not have that crop.
        """
        if crop not in self.header.crops:
            raise InputError(
                f"{self.path}: has no crop {crop}, only {', '.join(map(str, self.header.crops))}; "
                "extract that crop or choose another one to score"
            )
        return self.header.crops.index(crop)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ShardWriter:
    """Writes a shard row by row; see ``new_shard``."""

    def __init__(self, file: h5py.File, header: ShardHeader, dtype: str) -> None:
        self._file = file
        self._audio = header.audio is not None
        self._columns: dict[str, list[Any]] = {name: [] for name in VIDEO_COLUMNS}
        _write_header(file, header)
        crops, width = len(header.crops), header.visual.width
        self._visual = file.create_dataset(
            "visual", (0, crops, width), dtype, maxshape=(None, crops, width), chunks=(CHUNK_ROWS, 1, width)
        )
        if header.audio is not None:
            width = header.audio.width
            self._sound = file.create_dataset(
                "audio", (0, width), dtype, maxshape=(None, width), chunks=(CHUNK_ROWS, width)
            )

    def add(
        self,
        video_id: str,
        labels: tuple[str, ...],
        visual: NDArray[Any],
        audio: NDArray[Any] | None,
        *,
        audio_sounding: int,
        frames: int,
        fps: float,
    ) -> None:
        """Append one video.

        Args:
            video_id: The video's id.
            labels: Video-level label codes.
            visual: [snippets, crops, D].
            audio: [audio rows, D]; ``None`` exactly if the set has no audio.
            audio_sounding: Audio rows with real sound.
            frames: Frames of the video, -1 if unknown.
            fps: Frames per second, NaN if unknown.
        """
        if (audio is not None) != self._audio:
            raise ValueError(f"{video_id}: audio rows given {audio is not None}, header says {self._audio}")
        start = _append(self._visual, visual)
        audio_start = 0 if audio is None else _append(self._sound, audio)
        row = {
            "video_id": check_video_id(video_id),
            "labels": "-".join(labels),
            "start": start,
            "snippets": len(visual),
            "audio_start": audio_start,
            "audio_rows": 0 if audio is None else len(audio),
            "audio_sounding": audio_sounding,
            "frames": frames,
            "fps": fps,
        }
        for name, value in row.items():
            self._columns[name].append(value)

    def finish(self) -> None:
        """Write the table of videos."""
        group = self._file.create_group("videos")
        for name, dtype in VIDEO_COLUMNS.items():
            values = self._columns[name]
            group.create_dataset(name, data=fixed_text(values) if dtype is TEXT else np.array(values, dtype=dtype))


@contextmanager
def new_shard(path: Path, header: ShardHeader, dtype: str) -> Iterator[ShardWriter]:
    """Write a shard that appears whole or not at all.

    Args:
        path: The HDF5 file to make.
        header: Its root attributes.
        dtype: ``float16`` (half the size; features lose about three decimal digits, as the released ones
            do) or ``float32``.

    Yields:
        A writer whose ``add`` appends one video.
    """
    with new_hdf5(path) as file:
        writer = ShardWriter(file, header, dtype)
        yield writer
        writer.finish()


def _append(dataset: h5py.Dataset, rows: NDArray[Any]) -> int:
    start: int = dataset.shape[0]
    dataset.resize(start + len(rows), axis=0)
    dataset[start:] = rows
    return start


def _write_header(file: h5py.File, header: ShardHeader) -> None:
    _check_text("note", header.note)
    set_text(file.attrs, "format", FORMAT)
    file.attrs["version"] = VERSION
    set_text(file.attrs, "dataset", header.dataset)
    set_text(file.attrs, "split", header.split)
    file.attrs["stride"] = header.stride
    file.attrs["crops"] = np.array(header.crops, dtype=np.int64)
    set_text(file.attrs, "note", header.note)
    if header.decoder != LIBAV:
        _check_text(DECODER, header.decoder)
        set_text(file.attrs, DECODER, header.decoder)
    if header.labels is not None:
        for name in LABEL_ATTRIBUTES:
            file.attrs[name] = fixed_text(getattr(header.labels, name))
    for stream, encoding in (("visual", header.visual), ("audio", header.audio)):
        if encoding is not None:
            for name in ATTRIBUTES:
                value = getattr(encoding, name)
                _check_text(f"{stream}_{name}", value)
                set_text(file.attrs, f"{stream}_{name}", value)


def _check_text(name: str, value: str) -> None:
    if "\0" in value:
        raise InputError(f"{name} {value!r} contains a NUL character, which HDF5 text cannot hold; remove it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name} {value!r} is no text that UTF-8 can spell; write it anew") from None


def _read_header(file: h5py.File, path: Path) -> ShardHeader:
    if _attribute(file, path, "format") != FORMAT:
        raise InputError(
            f"{path}: attribute format is {_attribute(file, path, 'format')!r}, not {FORMAT!r}; this is no shard"
        )
    if int(_attribute(file, path, "version")) != VERSION:
        raise InputError(
            f"{path}: attribute version is {file.attrs['version']!r}; this program reads version {VERSION}"
        )
    stride = int(_attribute(file, path, "stride"))
    if stride < 1:
        raise InputError(f"{path}: attribute stride is {stride}; it must be at least 1 frame")
    return ShardHeader(
        dataset=str(_attribute(file, path, "dataset")),
        split=str(_attribute(file, path, "split")),
        stride=stride,
        crops=tuple(int(crop) for crop in np.atleast_1d(_attribute(file, path, "crops"))),
        visual=_read_encoding(file, path, "visual"),
        audio=_read_encoding(file, path, "audio") if "audio" in file else None,
        note=str(_attribute(file, path, "note")) if "note" in file.attrs else "",
        labels=_read_labels(file, path),
        decoder=str(_attribute(file, path, DECODER)) if DECODER in file.attrs else LIBAV,
    )


def _read_labels(file: h5py.File, path: Path) -> LabelSet | None:
    """Give the classes that a shard names; ``None`` if it names none, as those written before did."""
    there = {name: plain_texts(file.attrs[name]) for name in LABEL_ATTRIBUTES if name in file.attrs}
    if not there:
        return None
    try:
        return parse_label_set(str(_attribute(file, path, "dataset")), there)
    except InputError as error:
        raise InputError(f"{path}: attribute {error}") from None


def _read_encoding(file: h5py.File, path: Path, stream: str) -> Encoding:
    texts: dict[str, Any] = {name: str(_attribute(file, path, f"{stream}_{name}")) for name in ATTRIBUTES}
    try:
        return Encoding(**texts, width=_width(file, path, stream))
    except InputError as error:
        raise InputError(f"{path}: dataset {stream}: {error}") from None


def _width(file: h5py.File, path: Path, stream: str) -> int:
    dataset = member(file, stream, path)
    # What is no array of rows is refused when the arrays are checked.
    return int(dataset.shape[-1]) if isinstance(dataset, h5py.Dataset) and dataset.ndim > 1 else DIMENSIONS


def _attribute(file: h5py.File, path: Path, name: str) -> Any:
    if name not in file.attrs:
        raise InputError(f"{path}: attribute {name} is missing; a shard must have it")
    return plain_text(file.attrs[name])


def _read_videos(file: h5py.File, path: Path, header: ShardHeader) -> list[ShardVideo]:
    _check_dataset(file, path, "visual", (len(header.crops), header.visual.width))
    if header.audio is not None:
        _check_dataset(file, path, "audio", (header.audio.width,))
    columns = {name: _read_column(file, path, name) for name in VIDEO_COLUMNS}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: arrays of group videos differ in length: {lengths}")
    videos = [
        ShardVideo(
            video_id=check_video_id(str(columns["video_id"][i])),
            labels=tuple(str(columns["labels"][i]).split("-")),
            start=int(columns["start"][i]),
            snippets=int(columns["snippets"][i]),
            audio_start=int(columns["audio_start"][i]),
            audio_rows=int(columns["audio_rows"][i]),
            audio_sounding=int(columns["audio_sounding"][i]),
            frames=int(columns["frames"][i]),
            fps=float(columns["fps"][i]),
        )
        for i in range(lengths["video_id"])
    ]
    _check_rows(file, path, videos, with_audio=header.audio is not None)
    return videos


def _read_column(file: h5py.File, path: Path, name: str) -> NDArray[Any]:
    videos = member(file, "videos", path)
    dataset = member(videos, name, path) if isinstance(videos, h5py.Group) else None
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{path}: dataset videos/{name} is missing; a shard must have it")
    values: NDArray[Any] = dataset.asstr()[:] if VIDEO_COLUMNS[name] is TEXT else dataset[:]
    return values


def _check_dataset(file: h5py.File, path: Path, name: str, row: tuple[int, ...]) -> None:
    dataset = member(file, name, path)
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{path}: dataset {name} is missing; a shard must have it")
    if dataset.shape[1:] != row or dataset.dtype not in (np.float16, np.float32):
        raise InputError(
            f"{path}: dataset {name} is {dataset.dtype} {list(dataset.shape)}; "
            f"it must be float16 or float32 [rows, {', '.join(map(str, row))}]"
        )


def _check_rows(file: h5py.File, path: Path, videos: list[ShardVideo], *, with_audio: bool) -> None:
    rows, audio_rows = len(file["visual"]), len(file["audio"]) if with_audio else 0
    seen: set[str] = set()
    for video in videos:
        if video.video_id in seen:
            raise InputError(f"{path}: video_id {video.video_id!r} stands there twice")
        seen.add(video.video_id)
        if video.snippets < 1 or video.start < 0 or video.start + video.snippets > rows:
            raise InputError(f"{path}: {video.video_id!r}: start and snippets reach outside the {rows} rows of visual")
        if min(video.audio_start, video.audio_rows) < 0 or video.audio_start + video.audio_rows > audio_rows:
            raise InputError(
                f"{path}: {video.video_id!r}: audio_start and audio_rows reach outside the {audio_rows} rows of audio"
            )
        if not 0 <= video.audio_sounding <= video.audio_rows:
            raise InputError(f"{path}: {video.video_id!r}: audio_sounding must lie in 0..audio_rows")
