"""Test videos as alarms see them: a score a snippet, when something happens, and how long a frame lasts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.alarms.options import EITHER
from evaluate.annotated import ScoredSet, counted_frames
from evaluate.branches import BRANCHES
from evaluate.scores_file import ScoredVideo
from extract.catalog import UNNAMED, Segment
from train.frame_ap import JoinedFrames, join_frames, joined_events


@dataclass(frozen=True, eq=False)
class Footage:
    """One scored test video.

    Attributes:
        video_id: Its id.
        labels: Label codes of the video.
        normal: Whether the catalog labels it normal.
        scores: [T] float32, its anomaly.
        stride: Frames a snippet.
        frames: Frames that count; the last snippet may have fewer than ``stride``.
        events: Abnormal stretches of frames (first, after the last), by time; none overlap or touch.
        fps: Frames per second, NaN if unknown.
    """

    video_id: str
    labels: tuple[str, ...]
    normal: bool
    scores: NDArray[np.float32]
    stride: int
    frames: int
    events: tuple[tuple[int, int], ...]
    fps: float = math.nan

    @property
    def hours(self) -> float:
        """How long it lasts; NaN if its frame rate is unknown."""
        return self.frames / self.fps / 3600

    @property
    def normal_hours(self) -> float:
        """How long nothing happens in it; NaN if its frame rate is unknown."""
        return (self.frames - sum(after - first for first, after in self.events)) / self.fps / 3600

    def ends(self) -> NDArray[np.int64]:
        """Give the first frame after each snippet, [T]; a snippet is known only then."""
        return np.minimum(np.arange(1, len(self.scores) + 1, dtype=np.int64) * self.stride, self.frames)


def footage(scored: ScoredSet, score: str, protocol: str, fps: float | None = None) -> list[Footage]:
    """Gather the scored videos.

    Args:
        scored: Scores beside the catalog.
        score: One of ``evaluate.alarms.options.SCORES``.
        protocol: What is abnormal and how many frames count, ``released`` or ``exact``.
        fps: Frame rate of videos for which neither catalog nor scores have one; ``None`` leaves it unknown.

    Raises:
        InputError: If ``exact`` is asked for and the scores do not say how long a video is.
    """
    gathered = []
    for one, frames in zip(scored.videos, counted_frames(scored, protocol), strict=True):
        events = joined_events(one.frame_truth(protocol), scored.normal)
        known = one.video.fps or (one.scores.fps if not math.isnan(one.scores.fps) else fps)
        gathered.append(
            Footage(
                one.video.video_id,
                one.video.labels,
                set(one.video.labels) == {scored.normal},
                anomaly(one.scores, score),
                scored.header.stride,
                frames,
                tuple((first, min(after, frames)) for first, after in events if first < frames),
                math.nan if known is None else float(known),
            )
        )
    return gathered


def anomaly(scores: ScoredVideo, score: str) -> NDArray[np.float32]:
    """Give a video's anomaly [T]: of a branch, or of the surer one of each snippet."""
    if score == EITHER:
        surer: NDArray[np.float32] = np.maximum(scores.anomaly, scores.anomaly_alignment)
        return surer
    branch: NDArray[np.float32] = getattr(scores, BRANCHES[score])
    return branch


def joined(videos: Sequence[Footage]) -> JoinedFrames:
    """Join the frames of videos, one of them at least, as AP and AUC count them."""
    return join_frames(
        [one.scores for one in videos],
        [_segments(one.events) for one in videos],
        normal="",
        stride=videos[0].stride,
        frames=[one.frames for one in videos],
    )


def _segments(events: Iterable[tuple[int, int]]) -> list[Segment]:
    return [Segment(UNNAMED, first, after) for first, after in events]
