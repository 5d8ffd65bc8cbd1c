"""A few pictures of a video, evenly spaced, to draw above its scores."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from extract.media.decode import Timeline, pictures, shown
from extract.media.frame_times import known_fps
from extract.media.isolation import Outbox
from extract.media.reading import answers
from extract.media.worker import allow_decoding, allow_reading

THUMBNAILS = 8
# Pictures looked at for each one kept: none is further from its place than a sixteenth of its part.
CANDIDATES = 8
PICTURES_HELD = 1


class Glimpse(NamedTuple):
    """What a figure needs of a video's file.

    Attributes:
        thumbnails: RGB pictures [H, W, 3] uint8, evenly spaced.
        fps: Mean frame rate; ``None`` where it is undefined.
        start: When the first frame is shown, in seconds on the container's axis.
    """

    thumbnails: list[NDArray[np.uint8]]
    fps: float | None
    start: float


def glimpse(path: Path, count: int = THUMBNAILS, threads: int = 1) -> Glimpse:
    """Decode a video and keep the picture in the middle of each of ``count`` equal parts.

    Args:
        path: A video file.
        count: How many pictures; a video of fewer frames shows some twice.
        threads: Decoding threads.

    Raises:
        UnreadableVideo: If the file cannot be decoded from its first to its last frame.
    """
    *messages, last = answers(_look, (path, count, threads))
    fps = last.values["fps"]
    thumbnails = [message.arrays[0] for message in messages]
    return Glimpse(thumbnails, None if fps is None else float(fps), float(last.values["start"]))


def _look(outbox: Outbox, path: Path, count: int, threads: int) -> None:
    """Say ``picture`` for every thumbnail, then ``fps`` with ``start``; runs in a worker process."""
    allow_reading(path)

    def look(timeline: Timeline) -> tuple[list[NDArray[np.uint8]], Timeline]:
        allow_decoding(len(timeline.starts), times=3)
        return _evenly(path, len(timeline.starts), count, threads, outbox), timeline

    # A file that seems cut is drawn as far as it goes; whoever scored it has been told.
    pictures_found, timeline = shown(path, look, outbox.alive, cut=True)
    for picture in pictures_found:
        outbox.put("picture", picture)
    outbox.put("fps", fps=known_fps(timeline), start=float(timeline.starts[0]))


def _evenly(path: Path, frames: int, count: int, threads: int, outbox: Outbox) -> list[NDArray[np.uint8]]:
    stride = max(1, frames // (count * CANDIDATES))
    candidates = -(-frames // stride)
    middles = (np.arange(count) + 0.5) * frames / count
    wanted = np.minimum(np.rint((middles - 0.5) / stride).astype(np.int64), candidates - 1)
    found: dict[int, NDArray[np.uint8]] = {}
    number = 0
    for held in pictures(
        path, frames, stride=stride, batch=PICTURES_HELD, threads=threads, alive=outbox.alive, cut=True
    ):
        for picture in held:
            if number in wanted:
                found[number] = picture.copy()
            number += 1
    return [found[int(number)] for number in wanted]
