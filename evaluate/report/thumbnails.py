"""A few pictures of a video: evenly spaced ones to draw above its scores, and small ones of single moments."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from extract.media.decode import Timeline, pictures, shown
from extract.media.frame_times import known_fps
from extract.media.isolation import Outbox
from extract.media.reading import answers
from extract.media.worker import allow_decoding, allow_reading

THUMBNAILS = 8
# Pictures looked at for each one kept: none is further from its place than a sixteenth of its part.
CANDIDATES = 8
PICTURES_HELD = 1
# A picture of a moment is no nearer to it than half of this many frames, and no larger than so many pixels.
FRAMES_BETWEEN = 16
SMALL_PIXELS = 192


class Glimpse(NamedTuple):
    """What a figure needs of a video's file.

    Attributes:
        thumbnails: RGB pictures [H, W, 3] uint8, evenly spaced.
        fps: Mean frame rate; ``None`` where it is undefined.
        start: When the first frame is shown, in seconds on the container's axis.
        moments: By frame, an RGB picture [H, W, 3] uint8 of at most 192 pixels a side.
    """

    thumbnails: list[NDArray[np.uint8]]
    fps: float | None
    start: float
    moments: Mapping[int, NDArray[np.uint8]]


def glimpse(path: Path, count: int = THUMBNAILS, threads: int = 1, moments: Sequence[int] = ()) -> Glimpse:
    """Decode a video and keep the picture in the middle of each of ``count`` equal parts.

    Args:
        path: A video file.
        count: How many pictures; a video of fewer frames shows some twice.
        threads: Decoding threads.
        moments: Frames of which a small picture is kept beside those, or of one at most 8 frames from it.

    Raises:
        UnreadableVideo: If the file cannot be decoded from its first to its last frame.
    """
    *messages, last = answers(_look, (path, count, threads, [int(frame) for frame in moments]))
    fps = last.values["fps"]
    found = [message.arrays[0] for message in messages]
    return Glimpse(
        found[:count],
        None if fps is None else float(fps),
        float(last.values["start"]),
        dict(zip(moments, found[count:], strict=True)),
    )


def _look(outbox: Outbox, path: Path, count: int, threads: int, moments: Sequence[int]) -> None:
    """Say ``picture`` for every thumbnail and moment, then ``fps`` with ``start``; runs in a worker process."""
    allow_reading(path)

    def look(timeline: Timeline) -> tuple[list[NDArray[np.uint8]], Timeline]:
        allow_decoding(len(timeline.starts), times=3)
        return _chosen(path, len(timeline.starts), count, threads, moments, outbox), timeline

    # A file that seems cut is drawn as far as it goes; whoever scored it has been told.
    pictures_found, timeline = shown(path, look, outbox.alive, cut=True)
    for picture in pictures_found:
        outbox.put("picture", picture)
    outbox.put("fps", fps=known_fps(timeline), start=float(timeline.starts[0]))


def _chosen(
    path: Path, frames: int, count: int, threads: int, moments: Sequence[int], outbox: Outbox
) -> list[NDArray[np.uint8]]:
    stride = max(1, frames // (count * CANDIDATES))
    if moments:
        stride = min(stride, FRAMES_BETWEEN)
    last = -(-frames // stride) - 1
    middles = (np.arange(count) + 0.5) * frames / count
    even = np.minimum(np.rint((middles - 0.5) / stride).astype(np.int64), last).tolist()
    small = np.minimum(np.rint(np.array(moments) / stride).astype(np.int64), last).tolist()
    whole, reduced = set(even), set(small)
    found: dict[int, NDArray[np.uint8]] = {}
    found_small: dict[int, NDArray[np.uint8]] = {}
    number = 0
    for held in pictures(
        path, frames, stride=stride, batch=PICTURES_HELD, threads=threads, alive=outbox.alive, cut=True
    ):
        for picture in held:
            if number in whole:
                found[number] = picture.copy()
            if number in reduced:
                found_small[number] = _reduced(picture)
            number += 1
    return [*(found[one] for one in even), *(found_small[one] for one in small)]


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(picture)
    image.thumbnail((SMALL_PIXELS, SMALL_PIXELS))
    return np.array(image)
