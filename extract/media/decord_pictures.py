"""Pictures of a video as decord decodes them: the same to the bit as libav's (``decode.py``).

decord has habits that shape what follows:

- It decodes ahead of its reader as fast as it can and makes a picture of every frame, with no setting that bounds it.
  So a video is read only if all its pictures fit into the worker's memory at once, which is told beforehand.
- Its seeking calls take the position of a packet in the file for that of a frame on the screen. Only ``next`` is used,
  over every frame.
- Its length counts packets, also those that an edit list hides; past the last frame it repeats that one. With the
  smallest fault tolerance it says so instead, which is how the real end is found.
- It does not turn pictures where H.264 itself asks for it and not the container. So its first picture is compared with
  libav's, which shows whatever else differs from the beginning.
- It says nothing of damage that it mends; neither can we.

When frames are shown is read by libav as ever.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.media import decode
from extract.media.damage import Remark, unsaid
from extract.media.decode import FrameCountMismatch, UnreadableVideo, picture_size, unwatched
from extract.media.isolation import OUTBOX_BYTES, WORKER_BYTES

# Below one frame for any video there is: the first repeated frame is an error.
NO_REPEATED_FRAMES = 1e-9
# libav makes room for pictures in rows of so many bytes, and in so many rows; then there is what tells of each.
ROW_BYTES, ROWS, FRAME_BYTES = 64, 32, 8192
# What a decoder holds to refer to, beside one picture for each thread.
REFERENCES = 17
# The package itself, its queues and threads: 11 MB with one thread and 49 MB with four were seen.
OTHER_BYTES = 100_000_000
ADVICE = "use decoder libav"


def pictures(
    path: Path,
    frames: int,
    *,
    stride: int,
    batch: int,
    threads: int,
    alive: Callable[[], None] = unwatched,
    remark: Remark = unsaid,
    cut: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Decode a video and give one frame in ``stride``: as ``decode.pictures`` does, by decord.

    Args:
        path: A video file.
        frames: How many frames it shows, from a ``Timeline``.
        stride: Frames a snippet.
        batch: Frames given at once.
        threads: Decoding threads; the pictures do not depend on it.
        alive: Called after every frame.
        remark: Gets what libav says of the first picture.
        cut: Whether to take a file that seems to be cut short.

    Yields:
        RGB pictures [n, H, W, 3] uint8, n = ``batch`` but for the last.

    Raises:
        FrameCountMismatch: If decord shows fewer or more frames than ``frames``.
        UnreadableVideo: If decoding fails, all pictures together might not fit into a worker, or decord's first one
            is not libav's.
    """
    width, height = picture_size(path)
    needed = bytes_needed(width, height, frames, threads) + path.stat().st_size
    if needed > WORKER_BYTES:
        raise UnreadableVideo(
            f"its {frames} frames of {width} x {height} may take {needed / 1e9:.1f} GB, as decord decodes ahead of "
            f"whoever reads; a worker has {WORKER_BYTES / 1e9:.1f} GB: {ADVICE}"
        )
    first = next(decode.pictures(path, frames, stride=frames, batch=1, threads=1, remark=remark, cut=cut))[0]
    reader = _open_reader(path, threads)
    held: list[NDArray[np.uint8]] = []
    for index in range(frames):
        alive()
        picture = _next_picture(reader, wanted=index % stride == 0)
        if picture is None:
            raise FrameCountMismatch(f"shows {index} of the {frames} frames it holds, by decord; {ADVICE}")
        if index == 0 and not np.array_equal(picture, first):
            raise UnreadableVideo(f"decord gives another first picture than libav; {ADVICE}")
        if index % stride == 0:
            held.append(picture)
        if len(held) == batch:
            yield np.stack(held)
            held = []
    if frames < len(reader) and _next_picture(reader, wanted=False) is not None:
        raise FrameCountMismatch(f"shows more than the {frames} frames it holds, by decord; {ADVICE}")
    if held:
        yield np.stack(held)


def bytes_needed(width: int, height: int, frames: int, threads: int) -> int:
    """Bound the memory that decord takes for a video that is read slowly, without the packets that it has read.

    Args:
        width: Of a picture, in pixels.
        height: Likewise.
        frames: How many there are.
        threads: Decoding threads.
    """
    picture = _up(3 * width, ROW_BYTES) * _up(height, ROWS) + FRAME_BYTES
    return (frames + REFERENCES + threads) * picture + OUTBOX_BYTES + OTHER_BYTES


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit


def _open_reader(path: Path, threads: int) -> Any:
    # Only who asks for it pays for loading it.
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        return decord.VideoReader(f"file:{path}", num_threads=threads, fault_tol=NO_REPEATED_FRAMES)
    except (decord.DECORDError, RuntimeError, AssertionError) as error:
        raise UnreadableVideo(f"cannot be opened by decord ({_plain(error)}); {ADVICE}") from error


def _next_picture(reader: Any, *, wanted: bool) -> NDArray[np.uint8] | None:
    import decord

    try:
        frame = reader.next()
        # Only wanted frames are copied out of the decoder.
        return _checked(frame.asnumpy()) if wanted else np.empty(0, np.uint8)
    except (StopIteration, decord.DECORDLimitReachedError):
        return None
    except decord.DECORDError as error:
        # What it says does not tell damage from want of memory.
        reason = f"cannot be decoded by decord, or not in this memory ({_plain(error)}); {ADVICE}"
        raise UnreadableVideo(reason) from error


def _checked(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # Damaged streams made decord give pictures of other shapes.
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise UnreadableVideo(f"decord gives a picture of shape {list(picture.shape)}; {ADVICE}")
    return picture


def _plain(error: Exception) -> str:
    # decord's messages carry the time of day, source lines, the path and a stack trace.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"\[\d\d:\d\d:\d\d\] \S+:\d+: |\[file:.*\]", "", lines[0]).strip()
