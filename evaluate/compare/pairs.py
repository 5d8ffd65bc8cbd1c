"""Every pair of models by every measure: the difference, its interval, and whether chance would do as well."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluate.compare.models import Models, Run
from evaluate.statistics.confidence import ends_of
from evaluate.statistics.detection_measures import sort_detections
from evaluate.statistics.figures import Floats, Key, Prepared, measure
from evaluate.statistics.frame_measures import sort_frames
from evaluate.statistics.randomisation import holm, p_value, pooled_detections, pooled_frames, swaps
from evaluate.statistics.resampling import Multiplicities
from evaluate.statistics.settings import Resampling

# From where on a difference is called one: of p values after correction, and in standard deviations over seeds, the
# larger of the two models'.
ALPHA = 0.05
DEVIATIONS = 2


@dataclass(frozen=True)
class Comparison:
    """Two models by one measure. Values in percent, seeds averaged.

    Attributes:
        measure: Where a metrics file has it.
        first: Name of the one model.
        second: Name of the other.
        first_values: One value a seed.
        second_values: Likewise.
        ends: The 95% interval of first minus second over test videos; ``None`` if there are too few.
        p: Of the randomisation test.
        p_holm: Corrected for all pairs of models by this measure.
    """

    measure: Key
    first: str
    second: str
    first_values: tuple[float, ...]
    second_values: tuple[float, ...]
    ends: tuple[float, float] | None
    p: float
    p_holm: float = float("nan")

    @property
    def difference(self) -> float:
        """First minus second."""
        return statistics.fmean(self.first_values) - statistics.fmean(self.second_values)

    @property
    def warnings(self) -> list[str]:
        """Say why the difference may be none."""
        found = []
        if self.ends is None:
            found.append("too few videos for an interval")
        elif self.ends[0] <= 0 <= self.ends[1]:
            found.append("within the spread over videos")
        if self.p_holm >= ALPHA:
            found.append(f"p not below {ALPHA:g} after Holm's correction")
        spread = max(deviation(self.first_values), deviation(self.second_values))
        if spread and abs(self.difference) <= DEVIATIONS * spread:
            found.append(f"within {DEVIATIONS} standard deviations over seeds")
        return found


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation; 0 of one value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def compare(models: Models, settings: Resampling, most_swaps: int) -> list[Comparison]:
    """Compare every pair of models by every measure that both have.

    Args:
        models: At least two.
        settings: How intervals are made; all models are resampled alike.
        most_swaps: Swaps of the randomisation test.

    Returns:
        Measure by measure, pairs in the order given.
    """
    whole = np.ones((1, len(models.normal)), np.int32)
    values = {name: [measure(run.prepared, whole) for run in runs] for name, runs in models.runs.items()}
    ends, _ = ends_of(lambda times: _differences(models.runs, times), models.normal, settings)
    found = []
    for first, second in itertools.combinations(models.runs, 2):
        kept = _shared(values[first][0], values[second][0])
        p = _randomisation(models.runs[first], models.runs[second], kept, most_swaps, settings.seed)
        for key in kept:
            of_first, of_second = (tuple(100 * float(run[key][0]) for run in values[name]) for name in (first, second))
            interval = ends[*key, first, second]
            in_percent = interval and (100 * interval[0], 100 * interval[1])
            found.append(Comparison(key, first, second, of_first, of_second, in_percent, p[key]))
    return [one for key in dict.fromkeys(one.measure for one in found) for one in _corrected(found, key)]


def _shared(first: Mapping[Key, Floats], second: Mapping[Key, Floats]) -> list[Key]:
    """Name the measures that are compared: AP, AUC, and mAP where both have it."""
    return [key for key in first if key in second and (key[-1] in ("ap", "auc") or key == ("map", "released", "avg"))]


def _corrected(found: Sequence[Comparison], key: Key) -> list[Comparison]:
    alike = [one for one in found if one.measure == key]
    return [replace(one, p_holm=p) for one, p in zip(alike, holm([one.p for one in alike]), strict=True)]


def _differences(runs: Mapping[str, Sequence[Run]], times: Multiplicities) -> dict[Key, Floats]:
    """Give every pair's difference by every measure, named by the measure and the two."""
    measured = {name: [measure(run.prepared, times) for run in of_model] for name, of_model in runs.items()}
    return {
        (*key, first, second): _mean(measured[first], key) - _mean(measured[second], key)
        for first, second in itertools.combinations(runs, 2)
        for key in _shared(measured[first][0], measured[second][0])
    }


def _mean(measured: Sequence[Mapping[Key, Floats]], key: Key) -> Floats:
    mean: Floats = np.mean([one[key] for one in measured], axis=0)
    return mean


def _randomisation(
    first: Sequence[Run], second: Sequence[Run], kept: Sequence[Key], most_swaps: int, seed: int
) -> dict[Key, float]:
    """Test each measure; the coin of a video is the same for all seeds.

    Seeds are swapped with the seed of the same place, and each with each if the models have not as many.
    """
    chosen = swaps(len(first[0].frames), most_swaps, seed)
    alike = len(first) == len(second)
    pairs = list(zip(first, second, strict=True) if alike else itertools.product(first, second))
    nothing = np.repeat(np.array([[1, 0]], np.int32), len(first[0].frames), axis=1)
    observed, swapped = [], []
    for one, other in pairs:
        pooled = _pooled(one, other)
        sides = [measure(pooled, times) for times in (chosen.first, chosen.second)]
        plain = [measure(pooled, times) for times in (nothing, 1 - nothing)]
        observed.append({key: plain[0][key] - plain[1][key] for key in kept})
        swapped.append({key: sides[0][key] - sides[1][key] for key in kept})
    return {key: p_value(float(_mean(observed, key)[0]), _mean(swapped, key), chosen.exact) for key in kept}


def _pooled(one: Run, other: Run) -> Prepared:
    ((key, _),) = one.prepared.frames.items()
    frames = sort_frames(pooled_frames(one.frames, other.frames))
    detections = None
    if one.matched and other.matched:
        videos = len(one.frames)
        joined = pooled_detections(one.matched, other.matched, videos)
        detections = sort_detections(joined, 2 * videos, len(one.prepared.classes))
    return Prepared({key: frames}, detections, one.prepared.classes)
