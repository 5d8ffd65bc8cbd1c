"""The scores file: what a checkpoint says about every snippet of every test video, one HDF5 file.

Root attributes: ``format`` = "avadclip-scores", ``version`` = 1, ``stride`` (frames a snippet), ``classes`` (label
codes in column order, the first is normal), ``prompts`` (the words of each class; absent: those of the built-in data
sets, by code), ``provenance`` (a JSON object, ``evaluate.provenance``; may be absent), ``tells_classes`` (absent: true;
false for a method that scores anomaly alone, whose ``classes`` then say nothing more) and ``causal`` (absent: false;
true where no score knows of anything later in its video).

One group per video, named by its ``video_id``: ``anomaly`` [T] (classification branch), ``anomaly_alignment`` [T]
(1 - p(normal) of the alignment branch), ``classes`` [T, C] (the alignment branch's softmax), all floating point,
and the attributes ``frames`` (-1 or absent: unknown) and ``fps`` (NaN or absent: unknown). Readers ignore attributes
that they do not know.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from evaluate.provenance import Provenance, parse_provenance
from extract.base.errors import InputError
from extract.base.hdf5_file import fixed_text, malformed_is_input_error, member, new_hdf5, open_hdf5, set_text
from extract.base.json_text import parse_json
from extract.catalog import check_video_id
from extract.datasets import class_names

FORMAT = "avadclip-scores"
VERSION = 1
UNKNOWN_FRAMES = -1


@dataclass(frozen=True)
class ScoresHeader:
    """The root attributes of a scores file.

    Attributes:
        stride: Frames a snippet.
        classes: Label code of each column; the first is normal.
        provenance: Where the scores come from.
        tells_classes: Whether the columns of ``classes`` beyond the normal one mean something.
        prompts: Words of each class; none where the file has none.
        causal: Whether no score knows of anything later in its video.
    """

    stride: int
    classes: tuple[str, ...]
    provenance: Provenance = field(default_factory=Provenance)
    tells_classes: bool = True
    prompts: tuple[str, ...] = ()
    causal: bool = False

    @property
    def names(self) -> list[str]:
        """Each class in words."""
        return list(self.prompts) or class_names(self.classes)


@dataclass(frozen=True, eq=False)
class ScoredVideo:
    """Scores of one video.

    Attributes:
        anomaly: [T] float32, sigmoid of the classification branch.
        anomaly_alignment: [T] float32, 1 - p(normal) of the alignment branch.
        classes: [T, C] float32, softmax of the alignment branch.
        frames: True number of frames of the video, -1 if unknown.
        fps: Frames per second, NaN if unknown.
    """

    anomaly: NDArray[np.float32]
    anomaly_alignment: NDArray[np.float32]
    classes: NDArray[np.float32]
    frames: int = UNKNOWN_FRAMES
    fps: float = math.nan


def usable_fps(fps: float) -> float:
    """Give a frame rate as scores store it: NaN unless it is positive and finite."""
    return fps if 0 < fps < math.inf else math.nan


def write_scores(path: Path, header: ScoresHeader, videos: Iterable[tuple[str, ScoredVideo]]) -> None:
    """Write a scores file, whole or not at all.

    Args:
        path: The HDF5 file to make.
        header: Its root attributes.
        videos: ``video_id`` and scores; consumed one by one, so that only one video is held in memory.

    Raises:
        InputError: If a ``video_id`` cannot name a group or comes twice, or scores have the wrong shape or
            are not finite.
    """
    with new_hdf5(path) as file:
        set_text(file.attrs, "format", FORMAT)
        file.attrs["version"] = VERSION
        file.attrs["stride"] = header.stride
        file.attrs["classes"] = fixed_text(header.classes)
        if header.prompts:
            file.attrs["prompts"] = fixed_text(header.prompts)
        set_text(file.attrs, "provenance", json.dumps(asdict(header.provenance), ensure_ascii=False))
        file.attrs["tells_classes"] = header.tells_classes
        file.attrs["causal"] = header.causal
        for video_id, video in videos:
            _check_video(f"{path}: {check_video_id(video_id)!r}", video, len(header.classes))
            if video_id in file:
                raise InputError(f"{path}: video_id {video_id!r} is to be written twice; score every video once")
            group = file.create_group(video_id)
            group.attrs["frames"] = video.frames
            group.attrs["fps"] = video.fps
            for name in ("anomaly", "anomaly_alignment", "classes"):
                group.create_dataset(name, data=getattr(video, name), dtype=np.float32)


def read_scores(path: Path) -> tuple[ScoresHeader, dict[str, ScoredVideo]]:
    """Read and check a scores file.

    Args:
        path: The HDF5 file, ours or another tool's.

    Returns:
        Its header and the scores by ``video_id``.

    Raises:
        InputError: If the file is absent or no HDF5, an attribute or dataset is missing or malformed, or a
            score is not finite. Names the file, the video and the attribute or dataset.
    """
    with open_hdf5(path, "score the videos again") as file, malformed_is_input_error(path, "scores"):
        header = _read_header(file, path)
        return header, {name: _read_video(file, path, name, len(header.classes)) for name in file}


def _read_header(file: h5py.File, path: Path) -> ScoresHeader:
    if _attribute(file, path, "format") != FORMAT:
        raise InputError(
            f"{path}: attribute format is {_attribute(file, path, 'format')!r}, not {FORMAT!r}; these are no scores"
        )
    version = _whole_number(_attribute(file, path, "version"), f"{path}: attribute version")
    if version != VERSION:
        raise InputError(f"{path}: attribute version is {version}; this program reads version {VERSION}")
    stride = _whole_number(_attribute(file, path, "stride"), f"{path}: attribute stride")
    if stride < 1:
        raise InputError(f"{path}: attribute stride is {stride}; it must be at least 1 frame")
    classes = tuple(_text(code) for code in np.atleast_1d(_attribute(file, path, "classes")))
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise InputError(f"{path}: attribute classes is {classes}; it must list at least two different label codes")
    try:
        provenance = parse_json(_text(file.attrs.get("provenance", "{}")))
    except ValueError as error:
        raise InputError(f"{path}: attribute provenance is no JSON: {error}") from None
    tells_classes = bool(file.attrs.get("tells_classes", True))
    made_of = parse_provenance(provenance, f"{path}: attribute provenance")
    prompts = _read_prompts(file, path, len(classes))
    return ScoresHeader(stride, classes, made_of, tells_classes, prompts, bool(file.attrs.get("causal", False)))


def _read_prompts(file: h5py.File, path: Path, classes: int) -> tuple[str, ...]:
    if "prompts" not in file.attrs:
        return ()
    prompts = tuple(_text(prompt) for prompt in np.atleast_1d(file.attrs["prompts"]))
    if len(prompts) != classes:
        raise InputError(f"{path}: attribute prompts has {len(prompts)} texts for {classes} classes")
    return prompts


def _read_video(file: h5py.File, path: Path, video_id: str, columns: int) -> ScoredVideo:
    where = f"{path}: {video_id!r}"
    group = member(file, video_id, path)
    if not isinstance(group, h5py.Group):
        raise InputError(f"{where} is no group; every member of the file must be a video's group")
    video = ScoredVideo(
        anomaly=_read_array(group, where, "anomaly", path),
        anomaly_alignment=_read_array(group, where, "anomaly_alignment", path),
        classes=_read_array(group, where, "classes", path),
        frames=_whole_number(group.attrs.get("frames", UNKNOWN_FRAMES), f"{where}: attribute frames"),
        fps=_number(group.attrs.get("fps", math.nan), f"{where}: attribute fps"),
    )
    _check_video(where, video, columns)
    return video


def _read_array(group: h5py.Group, where: str, name: str, path: Path) -> NDArray[np.float32]:
    dataset = member(group, name, path)
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{where}: dataset {name} is missing; scores must have it")
    if dataset.dtype.kind != "f":
        raise InputError(f"{where}: dataset {name} is {dataset.dtype}; it must be floating point")
    return np.asarray(dataset[()], dtype=np.float32)


def _check_video(where: str, video: ScoredVideo, columns: int) -> None:
    snippets = len(video.anomaly) if video.anomaly.ndim == 1 else 0
    shapes = {"anomaly": (snippets,), "anomaly_alignment": (snippets,), "classes": (snippets, columns)}
    for name, shape in shapes.items():
        values = getattr(video, name)
        if values.shape != shape or snippets < 1:
            raise InputError(
                f"{where}: dataset {name} has shape {list(values.shape)}; anomaly and anomaly_alignment must be [T], "
                f"classes [T, {columns}], with the same T of at least 1"
            )
        if not np.isfinite(values).all():
            raise InputError(f"{where}: dataset {name} contains NaN or infinity; score the video again")
    if video.frames < 1 and video.frames != UNKNOWN_FRAMES:
        raise InputError(f"{where}: attribute frames is {video.frames}; it must be positive, or -1 for unknown")
    if not math.isnan(video.fps) and math.isnan(usable_fps(video.fps)):
        raise InputError(f"{where}: attribute fps is {video.fps}; it must be positive, or NaN for unknown")


def _attribute(file: h5py.File, path: Path, name: str) -> Any:
    if name not in file.attrs:
        raise InputError(f"{path}: attribute {name} is missing; scores must have it")
    value = file.attrs[name]
    return _text(value) if isinstance(value, bytes) else value


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _number(value: Any, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{where} is {value!r}; it must be one number") from None


def _whole_number(value: Any, where: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where} is {value!r}; it must be one whole number") from None
    if number != value:
        raise InputError(f"{where} is {value!r}; it must be one whole number")
    return number
