"""Names the known causes for which given features differ from ours, from a few recomputed rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.audit.counts import AS_EXPECTED, NO_RULE, RowRule, possible_strides, row_rule
from extract.audit.features import AuditedVideo, Recomputer, largest_picture
from extract.audit.search import TELLING_RATIO, UNEXPLAINED_GREY_LEVELS, Found, distance, noise_bound, search
from extract.audit.settings import (
    ALL_CROPS,
    MOST_SNIPPETS_OFF,
    Setting,
    choices,
    differences,
    mirrored,
)
from extract.audit.similarity import ShardFolder, common_videos
from extract.base.errors import InputError
from extract.encoders.preprocessing import HEIGHT, WIDTH
from extract.media.decode import UnreadableVideo
from extract.media.reading import read_timeline

AGREES, DIFFERS, UNDECIDED, NONE = "agrees", "differs", "undecided", "none of these"
# Features of length one, float16 rounding included.
UNIT_LENGTH_TOLERANCE = 0.01
# More strides than this fit only sets of a few very short videos.
MOST_STRIDES = 6


@dataclass(frozen=True)
class Diagnosis:
    """Which known causes explain how given features differ from ours.

    Attributes:
        ours: Our own setting.
        verdict: ``agrees``, ``differs``, ``undecided`` or ``none of these``.
        causes: The causes that are sure; for ``none of these`` those of the nearest setting.
        undecided: For each field that cannot be told, its possible values in words.
        found: The settings that were tried.
        grey_level: Misfit that one grey level of noise makes with these weights and pictures.
        limit: Misfit up to which features count as explained.
        rows: What the numbers of rows say.
        length_ratio: Length of the given features as a multiple of the recomputed ones, median.
        videos: The videos that were looked at.
    """

    ours: Setting
    verdict: str
    causes: tuple[str, ...]
    undecided: tuple[str, ...]
    found: Found
    grey_level: float
    limit: float
    rows: RowRule
    length_ratio: float
    videos: tuple[AuditedVideo, ...]


def diagnose(
    ours: ShardFolder,
    released: ShardFolder,
    paths: Mapping[str, Path],
    recomputer: Recomputer,
    *,
    videos: int,
    frames: int,
) -> Diagnosis:
    """Recompute a few rows under every known cause and find the setting that fits.

    Args:
        ours: Our shards: their stride, and the lengths of the videos. Their features are not used.
        released: The shards to explain.
        paths: Video files by id.
        recomputer: CLIP.
        videos: How many videos to look at, the shortest that have enough rows.
        frames: How many rows of each.

    Returns:
        The diagnosis.

    Raises:
        InputError: If no video can be looked at.
    """
    lengths = _lengths(ours, released)
    shortest = _shortest(released, paths, videos=videos, frames=frames)
    lengths |= {video_id: _frames_in(paths[video_id]) for video_id in shortest if video_id not in lengths}
    counts = {video_id: released.videos[video_id][1].snippets for video_id in lengths}
    strides = possible_strides(list(lengths.values()), list(counts.values()))[:MOST_STRIDES]
    chosen = [
        AuditedVideo(
            video_id,
            paths[video_id],
            lengths[video_id],
            _spread_rows(min(counts[video_id], lengths[video_id] // strides[0]), frames),
        )
        for video_id in shortest
    ]

    own = Setting(stride=ours.header.stride, crop=released.header.crops[0])
    start = own if own.stride in strides else replace(own, stride=strides[0])
    height, width = largest_picture(chosen)
    values = choices(strides, own.stride, enlarged=height <= HEIGHT and width <= WIDTH)
    given = _given(released, chosen, column=0)
    found = search(given, start, own, values, lambda settings: recomputer.features(chosen, settings))

    start_features, best_features = recomputer.features(chosen, [start, found.best.setting])
    grey_level = distance(start_features, recomputer.noisy_features(chosen, start))
    limit = noise_bound(UNEXPLAINED_GREY_LEVELS * grey_level)
    rules = [
        row_rule(lengths, counts, tried.setting.stride, tried.setting.offset) for tried in (found.best, *found.rivals)
    ]
    ratio, unit = _lengths_of_rows(given, best_features)

    causes, undecided = _told_apart(found, own)
    if len(released.header.crops) > 1 and "crop" not in undecided and found.best.misfit <= limit:
        causes["crop"] = _crop_order(_assignment(released, chosen, found.best.setting, recomputer, limit))
    names = _best_first(rules[0].name, (rule.name for rule in rules[1:]))
    if len(names) > 1:
        undecided["rows"] = f"rows {' or '.join(names)}"
    else:
        causes["rows"] = _rows_in_words(rules[0])
    causes["length"] = "features scaled to length one" if unit else ""
    certain = tuple(cause for cause in causes.values() if cause)
    return Diagnosis(
        ours=own,
        verdict=_verdict(found.best.misfit, limit, certain, undecided),
        causes=certain,
        undecided=tuple(undecided.values()),
        found=found,
        grey_level=grey_level,
        limit=limit,
        rows=rules[0],
        length_ratio=ratio,
        videos=tuple(chosen),
    )


def _lengths(ours: ShardFolder, released: ShardFolder) -> dict[str, int]:
    known = {video_id: ours.videos[video_id][1].frames for video_id in common_videos(ours, released)}
    return {video_id: frames for video_id, frames in known.items() if frames > 0}


def _shortest(released: ShardFolder, paths: Mapping[str, Path], *, videos: int, frames: int) -> list[str]:
    rows = {video_id: video.snippets for video_id, (_, video) in released.videos.items() if video_id in paths}
    # One more than is looked at: the last one may stand for less than a whole snippet.
    able = [video_id for video_id, count in rows.items() if count > frames]
    if not able:
        raise InputError(
            f"{released.path}: none of its videos is in the catalog with a path and has more than {frames} rows; "
            "give the catalog of the videos, or a smaller --frames"
        )
    return sorted(able, key=lambda video_id: rows[video_id])[:videos]


def _frames_in(path: Path) -> int:
    try:
        return len(read_timeline(path).starts)
    except UnreadableVideo as error:
        raise InputError(f"{path}: {error}; fetch it again or leave it out of the catalog") from error


def _spread_rows(whole: int, count: int) -> tuple[int, ...]:
    whole = max(whole, count)
    # Away from both ends, so that every time offset has frames to compare with.
    margin = min(MOST_SNIPPETS_OFF, (whole - count) // 2)
    return tuple(int(row) for row in np.linspace(margin, whole - 1 - margin, count).round())


def _given(released: ShardFolder, chosen: Sequence[AuditedVideo], column: int) -> NDArray[np.float32]:
    parts = []
    for video in chosen:
        shard, stored = released.videos[video.video_id]
        parts.append(shard.visual(stored, column)[list(video.rows)])
    return np.concatenate(parts)


def _lengths_of_rows(given: NDArray[np.float32], recomputed: NDArray[np.float32]) -> tuple[float, bool]:
    theirs, own = (float(np.median(np.linalg.norm(rows, axis=-1))) for rows in (given, recomputed))
    unit = abs(theirs - 1) <= UNIT_LENGTH_TOLERANCE < abs(own - 1)
    return theirs / own, unit


def _told_apart(found: Found, own: Setting) -> tuple[dict[str, str], dict[str, str]]:
    best, rivals = found.best.setting, [tried.setting for tried in found.rivals]
    causes = differences(best, own)
    undecided = {}
    for field in vars(own):
        values = _best_first(getattr(best, field), (getattr(setting, field) for setting in rivals))
        if len(values) > 1:
            causes.pop(field, None)
            undecided[field] = f"{field} {' or '.join(map(str, values))}"
    return causes, undecided


def _best_first(best: Any, others: Iterable[Any]) -> list[Any]:
    # Among those that cannot be told apart the misfits' order is rounding, another on every processor.
    return [best, *sorted(set(others) - {best})]


def _assignment(
    released: ShardFolder, chosen: Sequence[AuditedVideo], best: Setting, recomputer: Recomputer, limit: float
) -> dict[int, int | None]:
    """Find for each of the given crops which of our ten it is; ``None`` if no misfit stays within ``limit``."""
    first_rows = [replace(video, rows=video.rows[:1]) for video in chosen]
    ten = recomputer.features(first_rows, [replace(best, crop=crop) for crop in range(ALL_CROPS)])
    assignment: dict[int, int | None] = {}
    for column, crop in enumerate(released.header.crops):
        given = _given(released, first_rows, column)
        misfits = [distance(given, features) for features in ten]
        nearest = TELLING_RATIO * noise_bound(min(misfits))
        equal = [ours for ours in range(ALL_CROPS) if misfits[ours] <= nearest]
        # A rule without positions makes five of ours equal: take the expected one.
        expected = next((ours for ours in (crop, mirrored(crop)) if ours in equal), equal[0])
        assignment[crop] = expected if min(misfits) <= limit else None
    return assignment


def _crop_order(assignment: Mapping[int, int | None]) -> str:
    if all(ours == crop for crop, ours in assignment.items()):
        return ""
    if all(ours == mirrored(crop) for crop, ours in assignment.items()):
        return "mirrored"
    pairs = (f"{crop} is {'none of ours' if ours is None else f'our {ours}'}" for crop, ours in assignment.items())
    return f"crop order: {', '.join(pairs)}"


def _rows_in_words(rule: RowRule) -> str:
    if rule.name == AS_EXPECTED:
        return ""
    if rule.name == NO_RULE:
        return f"numbers of rows fit no rule in {rule.videos - rule.fitting} of {rule.videos} videos"
    return rule.name


def _verdict(misfit: float, limit: float, causes: Sequence[str], undecided: Mapping[str, str]) -> str:
    if misfit > limit:
        return NONE
    if undecided:
        return UNDECIDED
    return DIFFERS if causes else AGREES
