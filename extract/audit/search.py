"""Finds the setting that explains given features best, and says how sure that is.

The measure of fit is the *misfit*: the root mean square distance between rows of length one, given against
recomputed. Cosine c and misfit m of nearly equal rows are one thing, c = 1 - m^2 / 2, but a cosine of 0.99998
hides what a misfit of 0.006, thirty times the rounding of float16, shows. It needs no centring, although features of
untrained weights are all nearly parallel: what counts is not how large it is but how it compares with two lengths,
the second measured anew in every audit:

- Stored as float16, a row moves by 0.0002 of its length, whatever the weights (measured: 0.00020 to 0.00021).
- *One grey level* is the misfit that arises when every value of the resized pictures moves by -1, 0 or 1 levels at
  random. Libraries that round differently stay within half of it. Decoders built on libav give equal pictures.

Misfits measured with untrained weights, generated pictures of 640x480 and 560x420 and, in brackets, the sample videos
of 426x240 to 480x360:

    float16 storage 0.0002 (0.0002)          one grey level 0.0017 (0.0026)      plain GELU 0.006 (0.007)
    rounded to grey levels 0.0006 (0.0009)   antialiasing 0.003 (0.004)          mirrored 0.055 (0.07)
    CLIP's own resize 0.053 (0.09)           straight to 224x224 0.061 (0.13)    other crop 0.07 (0.16)
    one frame off 0.046 (0.05)               BGR 0.14 (0.58)

and for what is not in the list, a blur of 3x3 pixels 0.010, colour range 16-235 0.031, gamma 1.05 0.085.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.audit.settings import Setting, changed, differences, single_changes

# A little above what was measured; equal in theory for any weights but for how the values lie between powers of two.
FLOAT16_NOISE = 0.00022
# Misfits that differ by less cannot be told apart. The smallest cause there is, rounding to grey levels, raises that of
# float16 to 2.6 times (dark pictures: 1.3); beside noise of one grey level to 1.06 times, which must not count.
TELLING_RATIO = 1.5
# A misfit above this many times that of one grey level is explained by none of the settings. What rounding and storing
# leave comes to 0.5 times at most; the smallest effect of an unlisted cause that was measured to 4.5 times.
UNEXPLAINED_GREY_LEVELS = 2.0
# A change is worth trying if it moves features by at most this many times the misfit. More than twice cannot help
# (triangle inequality), and the same change made elsewhere moved features by 0.7 to 2.0 times as much as at the start.
REACH = 4.0

Recompute = Callable[[Sequence[Setting]], list[NDArray[np.float32]]]


@dataclass(frozen=True)
class Tried:
    """A setting and how well it explains the given features.

    Attributes:
        setting: The setting.
        misfit: Root mean square distance of unit rows; 0 is perfect, 1.4 unrelated.
        cosine: Mean cosine similarity of rows.
    """

    setting: Setting
    misfit: float
    cosine: float


@dataclass(frozen=True)
class Found:
    """What the search found.

    Attributes:
        best: The setting that explains most; among those that cannot be told apart, the one with the fewest
            differences from ours.
        rivals: Settings that cannot be told from it.
        tried: All settings that were tried, best first.
    """

    best: Tried
    rivals: tuple[Tried, ...]
    tried: tuple[Tried, ...]

    @property
    def margin(self) -> float:
        """Misfit of the next best setting as a multiple of the best one's, or of float16's; infinite without one."""
        others = [tried.misfit for tried in self.tried if tried != self.best]
        return min(others) / noise_bound(self.best.misfit) if others else float("inf")


def noise_bound(misfit: float) -> float:
    """Give a misfit that is not below what float16 storage explains."""
    return max(misfit, FLOAT16_NOISE)


def unit_rows(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Scale rows [n, D] to length one; rows of zeros stay zeros."""
    exact = np.asarray(rows, np.float64)
    lengths = np.linalg.norm(exact, axis=-1, keepdims=True)
    return exact / np.where(lengths > 0, lengths, 1)


def distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Give the root mean square distance of the unit rows of two arrays [n, D]."""
    return float(np.sqrt(np.square(unit_rows(first) - unit_rows(second)).sum(axis=-1).mean()))


def search(
    given: NDArray[np.float32],
    start: Setting,
    ours: Setting,
    values: Mapping[str, tuple[Any, ...]],
    recompute: Recompute,
) -> Found:
    """Change one field at a time, always to the best, until nothing improves.

    The first round tries every change. Later ones leave out changes that, measured at the start, move the features
    by far more than is left to explain; what is left out can neither win nor come near.

    Args:
        given: The features to explain, [n, 512].
        start: Where to begin.
        ours: Our own setting, preferred among equals.
        values: What each field may be, from ``audit_settings.choices``.
        recompute: Gives features [n, 512] for each of some settings; should remember them.

    Returns:
        The best setting with its rivals.
    """
    tried: dict[Setting, Tried] = {}

    def try_all(settings: Sequence[Setting]) -> None:
        new = [setting for setting in dict.fromkeys(settings) if setting not in tried]
        for setting, features in zip(new, recompute(new), strict=True):
            tried[setting] = _tried(setting, given, features)

    def worth_trying(centre: Setting, field: str, value: Any) -> bool:
        if centre == start:
            return True
        here, there = recompute([changed(start, field, getattr(centre, field)), changed(start, field, value)])
        return distance(here, there) <= REACH * noise_bound(tried[centre].misfit)

    centre = start
    try_all([start])
    while True:
        changes = [change for change in single_changes(centre, values) if worth_trying(centre, *change)]
        try_all([changed(centre, field, value) for field, value in changes])
        best = min(tried.values(), key=lambda candidate: candidate.misfit)
        if best.setting == centre:
            return _found(tried, ours)
        centre = best.setting


def _tried(setting: Setting, given: NDArray[np.float32], features: NDArray[np.float32]) -> Tried:
    cosine = float((unit_rows(given) * unit_rows(features)).sum(axis=-1).mean())
    return Tried(setting, distance(given, features), cosine)


def _found(tried: Mapping[Setting, Tried], ours: Setting) -> Found:
    ranked = sorted(tried.values(), key=lambda candidate: candidate.misfit)
    bound = TELLING_RATIO * noise_bound(ranked[0].misfit)
    equal = [candidate for candidate in ranked if candidate.misfit <= bound]
    best = min(equal, key=lambda candidate: (len(differences(candidate.setting, ours)), candidate.misfit))
    rivals = tuple(candidate for candidate in equal if candidate != best)
    return Found(best, rivals, tuple(ranked))
