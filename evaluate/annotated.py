"""Scored test videos beside their annotated events: the one place where scores and a catalog meet.

Everything that compares the two reads them here: metrics, learning, comparison, the drawings of the report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluate.scores_file import UNKNOWN_FRAMES, ScoredVideo, ScoresHeader, read_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, check_labels, ground_truth, released_truth
from train.frame_ap import JoinedFrames, join_frames


@dataclass(frozen=True, eq=False)
class Annotated:
    """A scored video and what it holds.

    Attributes:
        video: Its line of the catalog.
        scores: Its scores.
        segments: Its annotated events; of a normal video that has none, one normal segment of T * stride frames.
        released_frames: What makes its frames abnormal in protocol ``released``.
    """

    video: Video
    scores: ScoredVideo
    segments: tuple[Segment, ...]
    released_frames: tuple[Segment, ...]

    def frame_truth(self, protocol: str) -> tuple[Segment, ...]:
        """Give what makes its frames abnormal in a protocol, ``released`` or ``exact``."""
        return self.released_frames if protocol == "released" else self.segments


@dataclass(frozen=True, eq=False)
class ScoredSet:
    """A scores file beside the catalog that it was made with.

    Attributes:
        path: The scores file.
        catalog: The catalog.
        header: Of the scores file.
        videos: The scored test videos, in the catalog's order.
        missing: Ids of the test videos without scores, in the catalog's order.
    """

    path: Path
    catalog: Path
    header: ScoresHeader
    videos: tuple[Annotated, ...]
    missing: tuple[str, ...] = ()

    @property
    def normal(self) -> str:
        """Code of the normal class."""
        return self.header.classes[0]

    @property
    def knows_frames(self) -> bool:
        """Whether every scored video says how many frames it has, as protocol ``exact`` needs."""
        return all(one.scores.frames != UNKNOWN_FRAMES for one in self.videos)


def read_annotated(path: Path, tests: Mapping[str, Video], catalog: Path) -> ScoredSet:
    """Read scores and set each video beside its annotation.

    Args:
        path: A scores file.
        tests: The test videos by id, in the catalog's order.
        catalog: Where they come from, for the message.

    Raises:
        InputError: If the scores have a video that is no test video or none at all, a label of a test video is not
            among their classes, or an abnormal scored video has no segments.
    """
    header, scored = read_scores(path)
    strangers = [video_id for video_id in scored if video_id not in tests]
    if strangers:
        raise InputError(
            f"{path}: video {strangers[0]!r} is no test video of {catalog} ({len(strangers)} such); use the catalog "
            "that the scores were made with"
        )
    if not scored:
        raise InputError(f"{path}: has scores of none of the {len(tests)} test videos of {catalog}")
    for video in tests.values():
        where = f"{catalog}: {video.video_id!r}: field"
        check_labels(video.labels, header.classes, f"{where} labels")
        check_labels((segment.label for segment in video.segments or ()), header.classes, f"{where} segments")
    try:
        videos = tuple(
            annotate(video, scored[video_id], header) for video_id, video in tests.items() if video_id in scored
        )
    except InputError as error:
        raise InputError(f"{catalog}: {error}") from None
    return ScoredSet(path, catalog, header, videos, tuple(video_id for video_id in tests if video_id not in scored))


def annotate(video: Video, scores: ScoredVideo, header: ScoresHeader) -> Annotated:
    """Set one video's scores beside its annotation.

    Raises:
        InputError: If its label is abnormal and it has no segments.
    """
    frames = len(scores.anomaly) * header.stride
    normal = header.classes[0]
    return Annotated(video, scores, ground_truth(video, normal, frames), released_truth(video, normal, frames))


def counted_frames(scored: ScoredSet, protocol: str) -> list[int]:
    """Give how many frames of each video count.

    Args:
        scored: The videos.
        protocol: ``released`` (T * stride) or ``exact`` (those that exist, of those that were scored).

    Raises:
        InputError: If ``exact`` is asked for and the scores do not say how long a video is.
    """
    spread = [len(one.scores.anomaly) * scored.header.stride for one in scored.videos]
    if protocol == "released":
        return spread
    if not scored.knows_frames:
        raise InputError(
            f"{scored.path}: attribute frames is unknown for a video; only protocol 'released' is possible"
        )
    return [min(one.scores.frames, most) for one, most in zip(scored.videos, spread, strict=True)]


def joined_frames(scored: ScoredSet, score: str, protocol: str) -> JoinedFrames:
    """Join the frames of all videos, as AP and AUC count them.

    Args:
        scored: The videos.
        score: ``anomaly`` or ``anomaly_alignment``.
        protocol: Decides what is abnormal and how many frames count. ``released`` compares with published numbers;
            ``exact`` leaves out the up to stride - 1 frames a video that the last snippet is repeated over although
            they do not exist.

    Raises:
        InputError: As ``counted_frames`` does.
    """
    return join_frames(
        [getattr(one.scores, score) for one in scored.videos],
        [one.frame_truth(protocol) for one in scored.videos],
        normal=scored.normal,
        stride=scored.header.stride,
        frames=counted_frames(scored, protocol),
    )
