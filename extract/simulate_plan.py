"""How long simulated videos are and where their events lie, without a feature being made."""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.base.errors import InputError
from extract.catalog import Segment, Video

SECONDS_AN_HOUR = 3600
MOST_HOURS = 1_000_000
# The clips of XD-Violence whose length no name tells run from seconds to an hour, most of them a few minutes.
SPREAD = 1.0
EVENT_SHARE = (0.1, 0.6)
_CLIP = re.compile(r"#(\d+)-(\d\d)-(\d\d)_(\d+)-(\d\d)-(\d\d)_label_")


@dataclass(frozen=True)
class Plan:
    """One video to simulate.

    Attributes:
        video: Its line in the catalog.
        frames: Its length in frames.
    """

    video: Video
    frames: int


def plan_lengths(videos: Sequence[Video], *, hours: float, fps: float, seed: int) -> list[Plan]:
    """Give every video a plausible length.

    A length that the catalog knows is taken, and the clip in a name such as ``#00-26-51_00-27-53_label_B2`` lasts as
    long as it says. All others are drawn (log-normal) and scaled together so that the sum is ``hours``. No video ends
    before its last annotated frame.

    Args:
        videos: All videos of the catalog, whose lengths depend on each other through the sum.
        hours: What all videos last together.
        fps: Frames per second.
        seed: Decides the draws, together with each video_id.

    Returns:
        The videos in the order given.

    Raises:
        InputError: If what is known of the videos is more than ``hours`` already.
    """
    if not 0 < hours <= MOST_HOURS:
        raise InputError(f"--hours {hours:g} must lie in 0..{MOST_HOURS}")
    known = [_known_frames(video, fps) for video in videos]
    drawn = np.array([frames is None for frames in known], dtype=bool)
    least = np.array([_last_annotated(video) for video in videos])
    frames = np.array([0 if count is None else count for count in known], dtype=np.float64)
    draws = np.array([generator(seed, "length", video.video_id).lognormal(0.0, SPREAD) for video in videos])
    wanted = hours * SECONDS_AN_HOUR * fps - frames.sum()
    if drawn.any() and wanted < least[drawn].sum():
        told = hours_of(int(frames.sum() + least[drawn].sum()), fps)
        raise InputError(
            f"--hours {hours:g} is too short: what names and annotations tell of the videos is {told:.1f} h"
        )
    frames[drawn] = _scaled(draws[drawn], least[drawn], wanted)
    return [Plan(video, max(1, round(float(count)))) for video, count in zip(videos, frames, strict=True)]


def hours_of(frames: int, fps: float) -> float:
    """Convert frames to hours."""
    return frames / fps / SECONDS_AN_HOUR


def events_of(plan: Plan, *, normal: str, seed: int) -> tuple[Segment, ...]:
    """Give the abnormal events of a video in frames.

    Args:
        plan: The video.
        normal: Code of the normal class.
        seed: Decides the drawn ones, together with the video_id.

    Returns:
        The annotated segments where the catalog has any; else one random stretch for each abnormal label.
    """
    if plan.video.segments is not None:
        return tuple(segment for segment in plan.video.segments if segment.label != normal)
    random = generator(seed, "events", plan.video.video_id)
    events = []
    for label in plan.video.labels:
        if label != normal:
            length = math.ceil(random.uniform(*EVENT_SHARE) * plan.frames)
            start = int(random.integers(plan.frames - length + 1))
            events.append(Segment(label, start, start + length))
    return tuple(events)


def generator(seed: int, *words: str) -> np.random.Generator:
    """Make a generator of its own for each seed and text, so that no video depends on another."""
    digest = hashlib.sha256("\0".join([str(seed), *words]).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest)))


def _known_frames(video: Video, fps: float) -> int | None:
    if video.frames is not None:
        return video.frames
    clip = _CLIP.search(video.video_id)
    if clip is None:
        return None
    numbers = [int(number) for number in clip.groups()]
    start, end = ((hours * 60 + minutes) * 60 + seconds for hours, minutes, seconds in (numbers[:3], numbers[3:]))
    return max(round((end - start) * fps), _last_annotated(video)) if end > start else None


def _last_annotated(video: Video) -> int:
    return max((segment.end for segment in video.segments or ()), default=1)


def _scaled(draws: NDArray[np.float64], least: NDArray[np.int64], wanted: float) -> NDArray[np.float64]:
    # The sum of max(least, scale * draw) grows with the scale: halve the interval that holds the answer.
    low, high = 0.0, wanted / max(draws.sum(), 1e-9) + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if np.maximum(least, middle * draws).sum() < wanted:
            low = middle
        else:
            high = middle
    scaled: NDArray[np.float64] = np.maximum(least, high * draws)
    return scaled
