"""Scored test videos beside their annotated events, as the drawings of the report read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluate.scores_file import UNKNOWN_FRAMES, ScoredVideo, ScoresHeader, read_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, check_labels, ground_truth, released_truth


@dataclass(frozen=True, eq=False)
class Annotated:
    """A scored video and what it holds.

    Attributes:
        scores: Its scores.
        segments: Its annotated events.
        released: What makes its frames abnormal in protocol ``released``; ``None`` where its events do.
    """

    scores: ScoredVideo
    segments: tuple[Segment, ...]
    released: tuple[Segment, ...] | None = None

    def frame_truth(self, protocol: str) -> tuple[Segment, ...]:
        """Give what makes its frames abnormal in a protocol, ``released`` or ``exact``."""
        return self.segments if self.released is None or protocol != "released" else self.released


def check_scored(scored: Mapping[str, ScoredVideo], tests: Mapping[str, Video], path: Path, catalog: Path) -> None:
    """Check that scores are of a catalog's test videos.

    Args:
        scored: The scores by id.
        tests: The test videos by id.
        path: The scores file, for the message.
        catalog: The catalog, likewise.

    Raises:
        InputError: If a scored video is no test video, or none is scored.
    """
    strangers = [video_id for video_id in scored if video_id not in tests]
    if strangers:
        raise InputError(
            f"{path}: video {strangers[0]!r} is no test video of {catalog} ({len(strangers)} such); use the catalog "
            "that the scores were made with"
        )
    if not scored:
        raise InputError(f"{path}: has scores of none of the {len(tests)} test videos of {catalog}")


def read_annotated(path: Path, tests: Mapping[str, Video], catalog: Path) -> tuple[ScoresHeader, list[Annotated]]:
    """Read scores and set each video beside its annotation.

    Args:
        path: A scores file.
        tests: The test videos by id.
        catalog: Where they come from, for the message.

    Raises:
        InputError: If the scores have a video that is no test video or none at all, a label is not among their classes,
            or an abnormal video has no segments.
    """
    header, scored = read_scores(path)
    check_scored(scored, tests, path, catalog)
    annotated = []
    for video_id, scores in scored.items():
        try:
            frames = len(scores.anomaly) * header.stride
            segments = ground_truth(tests[video_id], header.classes[0], frames)
            released = released_truth(tests[video_id], header.classes[0], frames)
        except InputError as error:
            raise InputError(f"{catalog}: {error}") from None
        check_labels((one.label for one in segments), header.classes, f"{catalog}: {video_id!r}: field segments")
        annotated.append(Annotated(scores, segments, released))
    return header, annotated


def counted_frames(videos: list[Annotated], stride: int, protocol: str, path: Path) -> list[int]:
    """Give how many frames of each video count.

    Args:
        videos: The videos.
        stride: Frames a snippet.
        protocol: ``released`` (T * stride) or ``exact`` (those that exist, of those that were scored).
        path: The scores file, for the message.

    Raises:
        InputError: If ``exact`` is asked for and the scores do not say how long a video is.
    """
    spread = [len(video.scores.anomaly) * stride for video in videos]
    if protocol == "released":
        return spread
    true = [video.scores.frames for video in videos]
    if UNKNOWN_FRAMES in true:
        raise InputError(f"{path}: attribute frames is unknown for a video; only protocol 'released' can be drawn")
    return [min(frames, most) for frames, most in zip(true, spread, strict=True)]
