"""The models that are compared: scores files of the same test videos, one for each seed of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluate.annotated import ScoredSet, read_annotated
from evaluate.detection_map import Matched
from evaluate.statistics.detection_measures import sort_detections
from evaluate.statistics.figures import Prepared, frames_of_each, match
from evaluate.statistics.frame_measures import sort_frames
from evaluate.statistics.resampling import is_normal
from extract.base.errors import InputError
from extract.catalog import read_test_videos
from train.frame_ap import JoinedFrames


@dataclass(frozen=True, eq=False)
class Run:
    """One seed of a model.

    Attributes:
        frames: The frames of each video.
        matched: Its predictions, ``None`` if it tells no classes.
        prepared: Both, sorted.
    """

    frames: list[JoinedFrames]
    matched: Matched | None
    prepared: Prepared


@dataclass(frozen=True, eq=False)
class Models:
    """What is compared.

    Attributes:
        runs: The seeds of each model, by its name.
        normal: Which of the V videos are normal, [V].
        videos: ``800``, or ``798 of 800`` if some file lacks some.
    """

    runs: dict[str, list[Run]]
    normal: NDArray[np.bool_]
    videos: str


def read_models(files: Mapping[str, Sequence[Path]], catalog: Path, branch: str, protocol: str) -> Models:
    """Read scores files, each kept to the test videos that all of them have.

    Args:
        files: The seeds of each model, by its name.
        catalog: The catalog of the test videos.
        branch: ``classification`` or ``alignment``.
        protocol: ``released`` or ``exact``.

    Raises:
        InputError: If a file does not fit the catalog, files have other classes, or no video is in all.
    """
    tests = read_test_videos(catalog)
    sets = {name: [read_annotated(path, tests, catalog) for path in paths] for name, paths in files.items()}
    every = [scored for of_model in sets.values() for scored in of_model]
    for scored in every[1:]:
        if scored.header.classes != every[0].header.classes:
            raise InputError(f"{scored.path}: has other classes than {every[0].path}; score the same data set")
    missing = {video_id for scored in every for video_id in scored.missing}
    if len(missing) == len(tests):
        raise InputError(f"{catalog}: no test video has scores in all {len(every)} files; score the same videos")
    kept = {name: [_without(scored, missing) for scored in of_model] for name, of_model in sets.items()}
    videos = next(iter(kept.values()))[0]
    return Models(
        {name: [_run(scored, branch, protocol) for scored in of_model] for name, of_model in kept.items()},
        is_normal(videos.videos, videos.normal),
        f"{len(videos.videos)} of {len(tests)}" if missing else str(len(tests)),
    )


def _without(scored: ScoredSet, missing: set[str]) -> ScoredSet:
    return replace(scored, videos=tuple(one for one in scored.videos if one.video.video_id not in missing))


def _run(scored: ScoredSet, branch: str, protocol: str) -> Run:
    frames, matched = frames_of_each(scored, branch, protocol), match(scored)
    classes = scored.header.classes
    detections = sort_detections(matched, len(scored.videos), len(classes)) if matched else None
    return Run(frames, matched, Prepared({(branch, protocol): sort_frames(frames)}, detections, classes))
