"""How sure the figures of a metrics file are: an interval for each, from resamples of the test videos."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.annotated import ScoredSet
from evaluate.detection_map import Matched
from evaluate.statistics.figures import Floats, Key, measure, prepare
from evaluate.statistics.intervals import bca, percentile
from evaluate.statistics.resampling import Multiplicities, is_normal, leave_one_out, resample
from evaluate.statistics.settings import HOW, LEVEL, MUCH, Resampling

# Fields of a metrics file that come from predicted events.
INSTANCE_LEVEL = ("map", "per_class")


def intervals(scored: ScoredSet, matched: Matched | None, settings: Resampling) -> dict[str, Any]:
    """Give the field ``intervals`` of a metrics file.

    Args:
        scored: A scored test set.
        matched: Its predictions, ``None`` of a method that tells no classes.
        settings: How intervals are made.

    Returns:
        What was done, then each figure's interval in percent, ``[low, high]``, where the metrics file has the figure;
        ``None`` where there is none. ``undefined`` counts the resamples that left a figure undefined. ``note`` says in
        words what is to be known; ``warning`` is empty or names the figures of which many resamples are undefined.
    """
    normal = is_normal(scored.videos, scored.normal)
    prepared = prepare(scored, matched)
    # Apart, because only what is corrected for bias is measured without each video, too.
    parts = [prepared._replace(detections=None), *([prepared._replace(frames={})] if prepared.detections else [])]
    ends: dict[Key, tuple[float, float] | None] = {}
    undefined: dict[Key, int] = {}
    for part in parts:
        ends_of_part, undefined_of_part = ends_of(partial(measure, part), normal, settings)
        ends |= ends_of_part
        undefined |= undefined_of_part
    # One that every resample leaves undefined is so in the test set itself.
    counted = {key: count for key, count in undefined.items() if 0 < count < settings.resamples}
    return {
        "level": round(100 * LEVEL),
        "over": "videos",
        **asdict(settings),
        "how": HOW[settings.interval],
        "normal_videos": int(normal.sum()),
        "abnormal_videos": int((~normal).sum()),
        "note": _note(normal, settings),
        "warning": _warning(counted, settings.resamples),
        "undefined": {".".join(key): count for key, count in counted.items()},
        **_nested(ends),
    }


def ends_of(
    measured: Callable[[Multiplicities], dict[Key, Floats]], normal: NDArray[np.bool_], settings: Resampling
) -> tuple[dict[Key, tuple[float, float] | None], dict[Key, int]]:
    """Give the interval of every figure, and how many resamples leave it undefined.

    Args:
        measured: Gives the values of every figure, [B], for how often each resample holds each video, [B, V].
        normal: Which of V videos are normal, [V].
        settings: How intervals are made.

    Returns:
        Low and high of each figure, ``None`` where there is no interval; the count of undefined resamples.
    """
    strata = normal if settings.stratified else np.zeros_like(normal)
    varies = np.unique(strata, return_counts=True)[1].max() > 1
    drawn = measured(resample(strata, settings.resamples if varies else 1, settings.seed))
    values = np.stack(list(drawn.values()), axis=1)  # [B, K]
    if not varies:
        return dict.fromkeys(drawn), dict.fromkeys(drawn, 0)
    ends = percentile(values)
    corrected = np.array([_is_corrected(key, settings) for key in drawn])
    if corrected.any():
        whole, without = measured(np.ones((1, len(strata)), np.int32)), measured(leave_one_out(len(strata)))
        point = np.concatenate([whole[key] for key in drawn])[corrected]
        left = np.stack([without[key] for key in drawn], axis=1)[:, corrected]
        ends[:, corrected] = bca(values[:, corrected], point, left, strata)
    pairs = zip(drawn, ends.T.tolist(), strict=True)
    found = {key: None if np.isnan(low) else (low, high) for key, (low, high) in pairs}
    return found, dict(zip(drawn, np.isnan(values).sum(axis=0).tolist(), strict=True))


def _is_corrected(key: Key, settings: Resampling) -> bool:
    return settings.interval == "bca" or (settings.interval == "auto" and key[0] in INSTANCE_LEVEL)


def _note(normal: NDArray[np.bool_], settings: Resampling) -> str:
    sizes = {"normal": int(normal.sum()), "abnormal": int((~normal).sum())}
    if len(normal) == 1:
        return "no intervals: they tell how much other videos would change a figure, and one video cannot tell that"
    if not settings.stratified:
        return ""
    if max(sizes.values()) == 1:
        return "no intervals: one normal and one abnormal video cannot tell how much others would change a figure"
    single = [kind for kind, size in sizes.items() if size == 1]
    return f"every resample holds the one {single[0]} video; the intervals are too narrow" if single else ""


def _warning(undefined: Mapping[Key, int], draws: int) -> str:
    many = {key: count for key, count in undefined.items() if count > MUCH * draws}
    if not many:
        return ""
    key = max(many, key=lambda key: many[key])
    return (
        f"{len(many)} figures are undefined in over {100 * MUCH:g}% of the resamples, {'.'.join(key)} in "
        f"{100 * many[key] / draws:.1f}%, as these lack a kind of frames or events; their intervals are of the rest"
    )


def _nested(ends: Mapping[Key, tuple[float, float] | None]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, found in ends.items():
        inner = nested
        for name in key[:-1]:
            inner = inner.setdefault(name, {})
        inner[key[-1]] = found and [100 * end for end in found]
    return nested
