"""Draws of test videos with replacement.

The unit is the video, because frames of one video depend on each other. The same seed, draws and strata give the same
draws for every model, so that models are compared on the same resamples.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluate.annotated import Annotated

Multiplicities = NDArray[np.int32]


def is_normal(videos: Sequence[Annotated], normal: str) -> NDArray[np.bool_]:
    """Tell the normal videos by the catalog's labels: [V] bool."""
    return np.array([set(one.video.labels) == {normal} for one in videos], dtype=np.bool_)


def resample(strata: NDArray[np.bool_], draws: int, seed: int) -> Multiplicities:
    """Draw as many videos as there are, with replacement, within each stratum.

    Test sets fix how many normal and abnormal videos they have, so a resample keeps both numbers.

    Args:
        strata: Stratum of each of V videos, [V]: for example whether it is normal.
        draws: Number of resamples B.
        seed: Decides everything.

    Returns:
        How often each resample holds each video, [B, V] int32.
    """
    random = np.random.default_rng(seed)
    counts = np.zeros((draws, len(strata)), dtype=np.int32)
    for stratum in np.unique(strata):
        (members,) = np.nonzero(strata == stratum)
        drawn = random.integers(len(members), size=(draws, len(members)))
        drawn += np.arange(draws)[:, None] * len(members)
        found = np.bincount(drawn.ravel(), minlength=draws * len(members))
        counts[:, members] = found.reshape(draws, len(members))
    return counts


def leave_one_out(videos: int) -> Multiplicities:
    """Give the V samples that lack one video each, [V, V] int32."""
    return np.int32(1) - np.eye(videos, dtype=np.int32)
