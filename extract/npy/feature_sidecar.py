"""What ``.npy`` files and their list cannot hold: a JSON file beside the list, ``<list's stem>.json``.

    {"format": "avadclip-feature-list", "version": 1, "dataset": "xd", "split": "train", "stride": 16, "crops": [0, 5],
     "visual": {"encoder": ..., "weights": ..., "precision": ..., "preprocessing": ..., "width": 512},
     "audio": {...} or null, "note": "", "labels": {"codes": [...], "model_codes": [...], "prompts": [...]},
     "videos": {"<video_id>": {"frames": 3038, "fps": 24.0, "audio_sounding": 190}}}

The fields are those of a shard (extract/shard.py); ``width`` is 512 where it is absent, ``fps`` null where it is
unknown, and ``decoder`` is there if it is not libav.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from extract.base.decoders import LIBAV
from extract.base.errors import InputError
from extract.base.json_text import parse_json
from extract.base.regular_file import read_regular_text
from extract.labels.label_set import LabelSet, parse_label_set
from extract.shard import ATTRIBUTES, DIMENSIONS, Encoding, ShardHeader, ShardVideo

FORMAT = "avadclip-feature-list"
VERSION = 1
MOST = 2**63 - 1


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video beside its features.

    Attributes:
        frames: Frames of the video, -1 if unknown.
        fps: Frames per second, NaN if unknown.
        audio_sounding: Audio rows with real sound.
    """

    frames: int
    fps: float
    audio_sounding: int


@dataclass(frozen=True)
class Sidecar:
    """The file's content.

    Attributes:
        path: The file.
        header: Header of the shards the list was made from.
        videos: Facts by video_id.
    """

    path: Path
    header: ShardHeader
    videos: dict[str, VideoFacts]


def sidecar_path(feature_list: Path) -> Path:
    """Name the file that belongs to a list."""
    return feature_list.with_suffix(".json")


def sidecar_text(header: ShardHeader, videos: Iterable[ShardVideo]) -> str:
    """Spell the file's content."""
    content = {"format": FORMAT, "version": VERSION, **asdict(header)}
    if header.decoder == LIBAV:
        del content["decoder"]
    content["videos"] = {
        video.video_id: {
            "frames": video.frames,
            "fps": video.fps if math.isfinite(video.fps) else None,
            "audio_sounding": video.audio_sounding,
        }
        for video in videos
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read_sidecar(feature_list: Path) -> Sidecar | None:
    """Read the file that belongs to a list.

    Args:
        feature_list: The CSV list.

    Returns:
        Its content; ``None`` if there is no such file.

    Raises:
        InputError: If there is one that is not in this format. It is never passed over: it may say that the features
            are no real ones.
    """
    path = sidecar_path(feature_list)
    try:
        content = parse_json(read_regular_text(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); export again, or rename it") from None
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
        raise InputError(f"{path}: is no {FORMAT} of version {VERSION}; rename it if it does not belong to the list")
    audio = content.get("audio")
    header = ShardHeader(
        dataset=_field(content, "dataset", str, path),
        split=_field(content, "split", str, path),
        stride=_stride(content, path),
        crops=tuple(_field({"crops": crop}, "crops", int, path) for crop in _field(content, "crops", list, path)),
        visual=_encoding(_field(content, "visual", dict, path), path),
        audio=None if audio is None else _encoding(_field(content, "audio", dict, path), path),
        note=_field(content, "note", str, path),
        labels=_labels(content, path),
        decoder=_field({"decoder": LIBAV, **content}, "decoder", str, path),
    )
    videos = _field(content, "videos", dict, path)
    return Sidecar(path, header, {video_id: _facts(videos, video_id, path) for video_id in videos})


def _labels(content: dict[str, Any], path: Path) -> LabelSet | None:
    if content.get("labels") is None:
        return None
    try:
        return parse_label_set(_field(content, "dataset", str, path), _field(content, "labels", dict, path))
    except InputError as error:
        raise InputError(f"{path}: labels: {error}; export again") from None


def _stride(content: dict[str, Any], path: Path) -> int:
    stride: int = _field(content, "stride", int, path)
    if not 0 < stride <= MOST:
        raise InputError(f"{path}: stride {stride} is no number of frames; export again")
    return stride


def _encoding(fields: dict[str, Any], path: Path) -> Encoding:
    texts: dict[str, Any] = {name: _field(fields, name, str, path) for name in ATTRIBUTES}
    try:
        return Encoding(**texts, width=fields.get("width", DIMENSIONS))
    except InputError as error:
        raise InputError(f"{path}: {error}; export again") from None


def _facts(videos: dict[str, Any], video_id: str, path: Path) -> VideoFacts:
    fields = _field(videos, video_id, dict, path)
    fps = fields.get("fps")
    if fps is not None and not 0 < _field(fields, "fps", (int, float), path) <= MOST:
        raise InputError(f"{path}: {video_id!r}: fps {fps} is no frame rate; export again")
    frames, sounding = _field(fields, "frames", int, path), _field(fields, "audio_sounding", int, path)
    if not (-1 <= frames <= MOST and 0 <= sounding <= MOST):
        raise InputError(
            f"{path}: {video_id!r}: frames {frames} or audio_sounding {sounding} is no count; export again"
        )
    return VideoFacts(frames, math.nan if fps is None else float(fps), sounding)


def _field(fields: dict[str, Any], name: str, kind: type | tuple[type, ...], path: Path) -> Any:
    value = fields.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{path}: field {name} is missing or of the wrong type: {value!r}; export again")
    return value
