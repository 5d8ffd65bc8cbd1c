"""Paired randomisation test of two models: would their difference be as large if it did not matter which is which?

For each video the two models' whole scores are swapped or not, as by a coin. Before that each model's scores become
mid-ranks over its own frames (of detections: within its own class), which changes no figure of either but puts both on
one scale; else a swap would mix two calibrations. Then both models' videos are sorted together once, and a swap only
chooses which of each pair counts: the same sums as for resamples.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluate.detection_map import Matched
from evaluate.statistics.resampling import Multiplicities
from train.frame_ap import JoinedFrames

Floats = NDArray[np.float64]
# Differences that are equal but for the order of a sum are equal.
ROUNDING = 1e-9


class Swaps(NamedTuple):
    """Choices of one of two models for each video.

    Attributes:
        first: [R, 2V] int32, 1 for what the first model becomes; the first model's videos come before the second's.
        second: [R, 2V] int32, the rest.
        exact: Whether these are all that there are.
    """

    first: Multiplicities
    second: Multiplicities
    exact: bool


def swaps(videos: int, at_most: int, seed: int) -> Swaps:
    """Draw swaps of two models; of few videos give every one, that of no swap first.

    Args:
        videos: Number of videos V.
        at_most: Number of swaps R, if fewer than there are.
        seed: Decides which.
    """
    exact = videos < 31 and 2**videos <= at_most + 1
    if exact:
        swapped = (np.arange(2**videos)[:, None] >> np.arange(videos)) & 1
    else:
        swapped = np.random.default_rng(seed).integers(2, size=(at_most, videos))
    swapped = swapped.astype(np.int32)
    return Swaps(np.hstack([1 - swapped, swapped]), np.hstack([swapped, 1 - swapped]), exact)


def p_value(observed: float, swapped: Floats, exact: bool) -> float:
    """Give the share of swaps whose difference is at least as large; drawn ones count the observed one too.

    Args:
        observed: The difference of the two models.
        swapped: [R], the differences after each swap.
        exact: Whether these are all that there are, no swap included.
    """
    as_large = int((np.abs(swapped) >= abs(observed) - ROUNDING).sum())
    return as_large / len(swapped) if exact else (1 + as_large) / (1 + len(swapped))


def holm(values: Sequence[float]) -> list[float]:
    """Correct p values for their number by Holm's step-down method (Holm 1979), in the order given."""
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda index: values[index])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def pooled_frames(first: Sequence[JoinedFrames], second: Sequence[JoinedFrames]) -> list[JoinedFrames]:
    """Give the first model's videos, then the second's, one ``JoinedFrames`` each, with mid-ranks for scores."""
    return [*_ranked(first), *_ranked(second)]


def pooled_detections(first: Matched, second: Matched, videos: int) -> Matched:
    """Join what two models detect in V videos; the second's videos are numbered from V on."""
    models = (first, second)
    column = np.concatenate([one.column for one in models])
    video = np.concatenate([one.video for one in models])
    scores = np.concatenate([_rank_in_class(one) for one in models])
    owner = np.repeat([0, 1], [len(one.column) for one in models])
    order = np.lexsort((owner, video, -scores, column))
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    found = [
        np.sort(np.concatenate([position[of_first], position[of_second + len(first.column)]]))
        for of_first, of_second in zip(first.found, second.found, strict=True)
    ]
    return Matched(
        column[order],
        (video + owner * videos)[order],
        scores[order],
        found,
        np.concatenate([one.true_column for one in models]),
        np.concatenate([first.true_video, second.true_video + videos]),
    )


def _ranked(videos: Sequence[JoinedFrames]) -> list[JoinedFrames]:
    scores = np.concatenate([one.scores for one in videos])
    ranks = mid_ranks(scores, np.concatenate([one.counts for one in videos]))
    parts = np.split(ranks, np.cumsum([len(one.scores) for one in videos])[:-1])
    return [one._replace(scores=part) for one, part in zip(videos, parts, strict=True)]


def _rank_in_class(matched: Matched) -> Floats:
    ranks = np.zeros(len(matched.column))
    for column in np.unique(matched.column):
        of_class = matched.column == column
        ranks[of_class] = mid_ranks(matched.scores[of_class], np.ones(int(of_class.sum())))
    return ranks


def mid_ranks(scores: NDArray[np.floating[Any]], counts: Floats) -> Floats:
    """Give each entry's rank among all, in 0..1, equal scores the middle of theirs: [n]."""
    _, group = np.unique(scores, return_inverse=True)
    of_group = np.bincount(group, counts)
    ranks: Floats = ((np.cumsum(of_group) - of_group / 2) / counts.sum())[group]
    return ranks
