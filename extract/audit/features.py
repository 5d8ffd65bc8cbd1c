"""Recomputes features of single frames under any setting, each distinct one once."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from extract.audit.pictures import LEVELS, clip_input
from extract.audit.settings import MIRROR, WITHOUT_POSITIONS, Setting
from extract.base.errors import InputError
from extract.base.progress import track
from extract.encoders.clip import ClipImageEncoder
from extract.encoders.preprocessing import CLIP_STD
from extract.media.decode import UnreadableVideo
from extract.media.reading import read_frames

# The network gets whole batches: on a CPU small ones waste less.
CPU_BATCH, GPU_BATCH = 4, 32


@dataclass(frozen=True)
class AuditedVideo:
    """A video of which some rows are recomputed.

    Attributes:
        video_id: The video's id.
        path: The video file.
        frames: Frames of the video.
        rows: Numbers of the compared rows.
    """

    video_id: str
    path: Path
    frames: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class _Image:
    """What decides one input of the encoder, and which encoder it is."""

    path: Path
    frames: int
    frame: int
    resize: str
    channels: str
    activation: str
    crop: int
    noisy: bool


class Recomputer:
    """Embeds single frames, float32, and remembers what it has embedded.

    Args:
        model: From ``load_clip``; an encoder with QuickGELU and CLIP's pictures of 224 pixels.
        encoder: Its name.
        device: Where to compute.
        threads: Decoding threads.
    """

    def __init__(self, model: nn.Module, *, encoder: str, device: torch.device, threads: int) -> None:
        batch = CPU_BATCH if device.type == "cpu" else GPU_BATCH
        variants = {"quickgelu": model, "gelu": with_plain_gelu(model)}
        self._encoders = {
            activation: ClipImageEncoder(variant, batch=batch, precision="fp32", device=device, encoder=encoder)
            for activation, variant in variants.items()
        }
        self._batch = batch
        self._threads = threads
        self._features: dict[_Image, NDArray[np.float32]] = {}

    def features(self, videos: Sequence[AuditedVideo], settings: Sequence[Setting]) -> list[NDArray[np.float32]]:
        """Embed the compared rows of some videos under each of some settings.

        A frame before the first or after the last one of a video is replaced by that one.

        Args:
            videos: The videos and their rows.
            settings: How to make the features.

        Returns:
            For each setting [rows of all videos, D] float32.

        Raises:
            InputError: If a video cannot be decoded.
        """
        return self._rows([_images(videos, setting, noisy=False) for setting in settings])

    def noisy_features(self, videos: Sequence[AuditedVideo], setting: Setting) -> NDArray[np.float32]:
        """Embed the compared rows with every value of the resized pictures moved by -1, 0 or 1 grey levels."""
        return self._rows([_images(videos, setting, noisy=True)])[0]

    def _rows(self, wanted: Sequence[Sequence[_Image]]) -> list[NDArray[np.float32]]:
        missing = {image for images in wanted for image in images if image not in self._features}
        if missing:
            self._features.update(self._embedded(missing))
        return [np.stack([self._features[image] for image in images]) for images in wanted]

    def _embedded(self, missing: set[_Image]) -> Iterator[tuple[_Image, NDArray[np.float32]]]:
        held: dict[str, list[tuple[_Image, Tensor]]] = {activation: [] for activation in self._encoders}
        prepared = _prepared(missing, self._threads)
        for image, pixels in track(prepared, label="audit", total=len(missing), unit="pictures"):
            waiting = held[image.activation]
            waiting.append((image, pixels))
            if len(waiting) == self._batch:
                yield from self._encode(image.activation, waiting)
                waiting.clear()
        for activation, waiting in held.items():
            if waiting:
                yield from self._encode(activation, waiting)

    def _encode(
        self, activation: str, waiting: Sequence[tuple[_Image, Tensor]]
    ) -> Iterator[tuple[_Image, NDArray[np.float32]]]:
        encoder = self._encoders[activation]
        inputs = torch.stack([pixels for _, pixels in waiting]).to(encoder.device)  # [n, 3, 224, 224]
        return zip([image for image, _ in waiting], encoder.encode(inputs).numpy(), strict=True)


def with_plain_gelu(model: nn.Module) -> nn.Module:
    """Copy CLIP with GELU in the place of QuickGELU, as open_clip's models of that name without ``quickgelu`` have."""
    plain = copy.deepcopy(model)
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if type(child).__name__ == "QuickGELU":
                setattr(module, name, nn.GELU())
    return plain


def largest_picture(videos: Iterable[AuditedVideo]) -> tuple[int, int]:
    """Give the largest height and the largest width of the videos' first pictures, in pixels."""
    shapes = [next(_decoded(video.path, video.frames, [0], threads=1))[1].shape for video in videos]
    return max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)


def _images(videos: Sequence[AuditedVideo], setting: Setting, *, noisy: bool) -> list[_Image]:
    crop = setting.crop
    if setting.resize in WITHOUT_POSITIONS:
        crop -= crop % MIRROR
    return [
        _Image(
            video.path,
            video.frames,
            min(max(setting.offset + row * setting.stride, 0), video.frames - 1),
            setting.resize,
            setting.channels,
            setting.activation,
            crop,
            noisy,
        )
        for video in videos
        for row in video.rows
    ]


def _prepared(images: Iterable[_Image], threads: int) -> Iterator[tuple[_Image, Tensor]]:
    by_video: dict[tuple[Path, int], dict[int, list[_Image]]] = {}
    for image in sorted(images, key=str):
        by_video.setdefault((image.path, image.frames), {}).setdefault(image.frame, []).append(image)
    for (path, frames), by_frame in by_video.items():
        for frame, picture in _decoded(path, frames, sorted(by_frame), threads):
            for image in by_frame[frame]:
                pixels = clip_input(picture, image.resize, image.channels, image.crop)
                yield image, _one_level_off(pixels, image.frame) if image.noisy else pixels


def _decoded(path: Path, frames: int, wanted: Sequence[int], threads: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    try:
        yield from zip(wanted, read_frames(path, frames, wanted, threads), strict=True)
    except UnreadableVideo as error:
        raise InputError(f"{path}: {error}; fetch it again or leave it out of the catalog") from error


def _one_level_off(pixels: Tensor, seed: int) -> Tensor:
    levels = torch.randint(-1, 2, pixels.shape, generator=torch.Generator().manual_seed(seed))
    return pixels + levels / LEVELS / torch.tensor(CLIP_STD).view(3, 1, 1)
