"""How sure the figures of a metrics file are: an interval for each, from resamples of the test videos."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.annotated import ScoredSet
from evaluate.detection_map import Matched
from evaluate.statistics.figures import Key, measure, prepare
from evaluate.statistics.intervals import bca, percentile
from evaluate.statistics.resampling import is_normal, leave_one_out, resample
from evaluate.statistics.settings import LEVEL, Resampling

# A share of undefined resamples above which the interval speaks of the others alone, and that is said.
MUCH = 0.01


def intervals(scored: ScoredSet, matched: Matched | None, settings: Resampling) -> dict[str, Any]:
    """Give the field ``intervals`` of a metrics file.

    Args:
        scored: A scored test set.
        matched: Its segments, ``None`` of a method that tells no classes.
        settings: How intervals are made.

    Returns:
        What was done, then each figure's interval in percent, ``[low, high]``, where the metrics file has the figure;
        ``None`` where there is none. ``undefined`` counts the resamples that left a figure undefined. ``note`` says in
        words what is to be known; ``warning`` is empty or names the figures of which many resamples are undefined.
    """
    normal = is_normal(scored.videos, scored.normal)
    strata = normal if settings.stratified else np.zeros_like(normal)
    sizes = np.unique(strata, return_counts=True)[1]
    prepared = prepare(scored, matched)
    varies = sizes.max() > 1
    drawn = measure(prepared, resample(strata, settings.resamples if varies else 1, settings.seed))
    values = np.stack(list(drawn.values()), axis=1)  # [B, K]
    if not varies:
        ends = np.full((2, len(drawn)), np.nan)
    elif settings.interval == "bca":
        whole = measure(prepared, np.ones((1, len(strata)), np.int32))
        without = measure(prepared, leave_one_out(len(strata)))
        columns = list(drawn)
        ends = bca(
            values,
            np.concatenate([whole[key] for key in columns]),
            np.stack([without[key] for key in columns], axis=1),
            strata,
        )
    else:
        ends = percentile(values)
    undefined = {key: int(count) for key, count in zip(drawn, np.isnan(values).sum(axis=0), strict=True) if varies}
    # One that every resample leaves undefined is so in the test set itself.
    counted = {key: count for key, count in undefined.items() if 0 < count < settings.resamples}
    return {
        "level": round(100 * LEVEL),
        "over": "videos",
        **asdict(settings),
        "normal_videos": int(normal.sum()),
        "abnormal_videos": int((~normal).sum()),
        "note": _note(normal, settings),
        "warning": _warning(counted, settings.resamples),
        "undefined": {".".join(key): count for key, count in counted.items()},
        **_nested(drawn, ends),
    }


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


def _nested(keys: Mapping[Key, object], ends: NDArray[np.float64]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, (low, high) in zip(keys, (100 * ends).T.tolist(), strict=True):
        inner = nested
        for name in key[:-1]:
            inner = inner.setdefault(name, {})
        inner[key[-1]] = None if np.isnan(low) else [low, high]
    return nested
