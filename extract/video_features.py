"""Videos to rows of visual features: decoded side by side in worker processes, embedded here."""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from extract.base.progress import say
from extract.cut_videos import TAKE
from extract.encoders.clip import ClipImageEncoder
from extract.encoders.preprocessing import crop_frames
from extract.media.decode import Timeline, UnreadableVideo
from extract.media.reading import End, Remark, read_videos
from extract.media.sampling import snippet_bounds
from extract.visual_settings import VisualSettings
from extract.workfile import Arrays, UnstorableError, stored

Key = TypeVar("Key", bound=Hashable)


def extract_video(path: Path, encoder: ClipImageEncoder, settings: VisualSettings, threads: int) -> Arrays:
    """Decode one video and embed its sampled frames.

    Args:
        path: The video file.
        encoder: The frozen encoder.
        settings: Stride, crops and stored type.
        threads: Decoding threads.

    Returns:
        As ``extract_videos`` gives.

    Raises:
        UnreadableVideo: If the file cannot be decoded from its first to its last frame.
        UnstorableError: If the stored type cannot hold its features.
    """
    ((_, found),) = extract_videos([(path, path)], encoder, settings, threads=threads, workers=1)
    if isinstance(found, Exception):
        raise found
    return found


def extract_videos(
    videos: Iterable[tuple[Key, Path]],
    encoder: ClipImageEncoder,
    settings: VisualSettings,
    *,
    threads: int,
    workers: int,
) -> Iterator[tuple[Key, Arrays | UnreadableVideo | UnstorableError]]:
    """Decode videos side by side and embed their sampled frames.

    Args:
        videos: Keys and files.
        encoder: The frozen encoder. Its batches never mix videos, so that which of them are decoded together
            changes nothing.
        settings: Stride, crops and stored type.
        threads: Decoding threads a worker.
        workers: Decoding processes.

    Yields:
        The key of a video, as they are finished, and what is wrong with it or its arrays: ``visual`` [T, crops, D];
        ``bounds`` [T, 2] float64, seconds; ``frames`` and ``fps``, scalars; ``cut``, text, why it seems to be cut short
        if it was taken all the same. What is odd about a video that is read is said.
    """
    unfinished: dict[Key, _Rows] = {}
    events = read_videos(
        videos,
        stride=settings.stride,
        threads=threads,
        workers=workers,
        cut=settings.cut == TAKE,
        decoder=settings.decoder,
    )
    for key, event in events:
        if isinstance(event, Timeline):
            unfinished[key] = _Rows(event, encoder, settings)
            if event.cut:
                say(f"{key}: {event.cut}; taken as it is")
        elif isinstance(event, Remark):
            say(f"{key}: {event.text}")
        elif not isinstance(event, End):
            unfinished[key].add(event)
        else:
            rows = unfinished.pop(key, None)
            if event.reason or rows is None:
                yield key, UnreadableVideo(event.reason)
                continue
            try:
                yield key, rows.arrays()
            except UnstorableError as error:
                yield key, error


class _Rows:
    """The rows of one video while its pictures arrive."""

    def __init__(self, timeline: Timeline, encoder: ClipImageEncoder, settings: VisualSettings) -> None:
        self._timeline = timeline
        self._encoder = encoder
        self._settings = settings
        # As many pictures as fill whole batches of crops.
        self._together = encoder.batch // math.gcd(encoder.batch, len(settings.crops))
        self._waiting: list[Tensor] = []  # [crops, 3, side, side] each
        self._encoded: Callable[[], Tensor] | None = None
        snippets = -(-len(timeline.starts) // settings.stride)
        self._features: NDArray[np.generic] = np.empty((snippets, len(settings.crops), encoder.width), settings.dtype)
        self._done = 0
        self._problem: UnstorableError | None = None

    def add(self, picture: NDArray[np.uint8]) -> None:
        # One by one: large pictures must not pile up.
        frames = _uploaded(torch.from_numpy(picture), self._encoder.device)[None]
        self._waiting.append(crop_frames(frames, self._settings.crops, self._encoder.rule)[0])
        if len(self._waiting) == self._together:
            self._encode()

    def arrays(self) -> Arrays:
        if self._waiting:
            self._encode()
        self._store()
        if self._problem is not None:
            raise self._problem
        timeline = self._timeline
        return {
            "visual": self._features,
            "bounds": snippet_bounds(timeline.starts, self._settings.stride, timeline.frame_seconds),
            "frames": np.array(len(timeline.starts)),
            "fps": np.array(timeline.fps),
            "cut": np.array(timeline.cut),
        }

    def _encode(self) -> None:
        encoded = self._encoder.begin(torch.cat(self._waiting))  # [n * crops, D]
        self._waiting.clear()
        # The batch before it, which a GPU has finished by now.
        self._store()
        self._encoded = encoded

    def _store(self) -> None:
        if self._encoded is None:
            return
        rows = self._encoded().numpy().reshape(-1, *self._features.shape[1:])
        self._encoded = None
        try:
            self._features[self._done : self._done + len(rows)] = stored(rows, self._settings.dtype)
        except UnstorableError as error:
            self._problem = self._problem or error
        self._done += len(rows)


def _uploaded(picture: Tensor, device: torch.device) -> Tensor:
    if device.type == "cpu":
        return picture
    # From pinned memory, so that the copy does not wait for what the GPU is computing.
    return picture.pin_memory().to(device, non_blocking=True)
