"""Which frames of a video are looked at, and how long each of them stands for.

A video of N frames in presentation order is cut into T = ceil(N / s) snippets of ``s`` frames (the stride:
16 for XD-Violence and UCF-Crime, 4 for CCTV-Fights). Snippet i stands for frames [i*s, (i+1)*s) and is seen
through frame i*s. What is heard belongs to a snippet by time, never by frame index: frame rates vary.
"""

import numpy as np
from numpy.typing import NDArray


def snippet_count(frames: int, stride: int) -> int:
    """Give the number of snippets, ceil(frames / stride).

    Args:
        frames: Frames of the video, at least 0.
        stride: Frames a snippet, at least 1.

    Raises:
        ValueError: If either is smaller.
    """
    if frames < 0 or stride < 1:
        raise ValueError(f"frames {frames} must be at least 0 and stride {stride} at least 1")
    return -(-frames // stride)


def sampled_frames(frames: int, stride: int) -> NDArray[np.int64]:
    """Give the indices of the frames that are looked at: 0, s, 2s, ..., one a snippet; [T] int64."""
    return np.arange(snippet_count(frames, stride), dtype=np.int64) * stride


def snippet_bounds(starts: NDArray[np.float64], stride: int, frame_seconds: float) -> NDArray[np.float64]:
    """Give the span of time of every snippet.

    A snippet lasts from the presentation of its first frame to that of the next snippet's first frame.
    The last one is given its nominal length, ``stride`` typical frame durations, even if the video holds
    fewer frames of it: at a constant rate it then hears as much as the others.

    Args:
        starts: Presentation time of every frame in seconds, in presentation order; [N] float64.
        stride: Frames a snippet.
        frame_seconds: Duration of a typical frame in seconds.

    Returns:
        Start and end of every snippet in seconds, on the axis of ``starts``; [T, 2] float64.
    """
    firsts = starts[sampled_frames(len(starts), stride)]
    ends = np.append(firsts[1:], firsts[-1:] + stride * frame_seconds)
    return np.stack([firsts, ends], axis=1)
