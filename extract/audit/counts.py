"""What numbers of rows alone tell: the stride, and the rule by which the last snippet is cut."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from extract.media.sampling import snippet_count

# Rows by which a rule may differ from ceil(N / stride) and its stride still be looked at: one snippet
# more, or one fewer.
MORE, FEWER = 1, 1
# Some videos of any set were downloaded in another version; their counts fit no rule.
ODD_VIDEOS = 0.1
AS_EXPECTED = "as expected"
NO_RULE = "no rule fits"


@dataclass(frozen=True)
class RowRule:
    """How the other features' numbers of rows follow from the numbers of frames.

    Attributes:
        name: ``as expected``, ``last snippet absent``, ``one snippet extra`` or ``no rule fits``.
        fitting: Videos that keep the rule.
        videos: Videos whose number of frames is known.
    """

    name: str
    fitting: int
    videos: int


def possible_strides(frames: Sequence[int], rows: Sequence[int]) -> list[int]:
    """Give the strides that numbers of rows allow, give or take one row.

    Args:
        frames: Frames of each video, N.
        rows: Rows of each video, T.

    Returns:
        Strides, nearest to N / T first; never empty. A tenth of the videos may contradict.
    """
    counts, lengths = np.asarray(rows, float), np.asarray(frames, float)
    least = np.quantile(lengths / (counts + FEWER), 1 - ODD_VIDEOS, method="lower")
    most = np.quantile(lengths / np.maximum(counts - 1 - MORE, 1e-9), ODD_VIDEOS, method="higher")
    middle = float(np.median(lengths / counts))
    found = list(range(max(1, math.ceil(least)), math.ceil(min(most, lengths.max() + 1))))
    return sorted(found, key=lambda stride: abs(stride - middle)) or [max(1, round(middle))]


def row_rule(frames: Mapping[str, int], rows: Mapping[str, int], stride: int, offset: int) -> RowRule:
    """Find the rule that gives the numbers of rows.

    Args:
        frames: Frames by video.
        rows: Rows by video.
        stride: Frames a snippet.
        offset: First frame; the rows may or may not be fewer for it.

    Returns:
        The rule that most videos keep; of equal ones, the one nearest to ours.
    """
    fitting = {AS_EXPECTED: 0, "last snippet absent": 0, "one snippet extra": 0}
    for video_id, count in rows.items():
        lengths = (frames[video_id], max(0, frames[video_id] - offset))
        whole = {length // stride for length in lengths}
        up = {snippet_count(length, stride) for length in lengths}
        fitting[AS_EXPECTED] += count in up
        fitting["last snippet absent"] += count in whole
        fitting["one snippet extra"] += count in {number + 1 for number in whole | up}
    name = max(fitting, key=lambda rule: fitting[rule])
    if fitting[name] < (1 - ODD_VIDEOS) * len(rows):
        name = NO_RULE
    return RowRule(name, fitting.get(name, max(fitting.values())), len(rows))
