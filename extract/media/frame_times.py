"""From seconds to frames, by when a video's frames are shown; right for variable frame rates too."""

import math

import numpy as np
from numpy.typing import NDArray

from extract.media.decode import Timeline

# Matroska keeps whole milliseconds and people write no finer: a moment this close to a frame's start means that start.
TOLERANCE_SECONDS = 0.001


def frames_between(starts: NDArray[np.float64], start: float, end: float) -> tuple[int, int]:
    """Give the frames that are shown between two moments, the one on the screen at ``start`` included.

    Args:
        starts: When each frame is shown, as ``Timeline.starts``, [N] seconds.
        start: First moment, in seconds since the first frame appears.
        end: Last moment, likewise; later than ``start``.

    Returns:
        First frame and first frame after; at least one frame, none past the last.
    """
    shown = starts - starts[0]
    first = int(np.searchsorted(shown, start + TOLERANCE_SECONDS, side="right")) - 1
    after = int(np.searchsorted(shown, end - TOLERANCE_SECONDS, side="left"))
    return first, max(after, first + 1)


def length_seconds(timeline: Timeline) -> float:
    """Give how long a video shows pictures: from its first frame to the end of its last one."""
    return float(timeline.starts[-1] - timeline.starts[0]) + timeline.frame_seconds


def known_fps(timeline: Timeline) -> float | None:
    """Give a video's frame rate as the catalog has it: ``None`` where it is undefined."""
    return None if math.isnan(timeline.fps) else timeline.fps
