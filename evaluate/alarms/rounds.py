"""AP and AUC where several annotators have marked the same videos: the mean over annotation rounds.

That is how version 1 of arXiv 2505.19022 defines its Prob-AP and Prob-AUC. Version 2's own formula could not be read,
and is not built.
"""

from collections.abc import Sequence

from evaluate.alarms.footage import Footage
from evaluate.alarms.frames import Areas, areas


def mean_over_rounds(rounds: Sequence[Sequence[Footage]]) -> Areas:
    """Measure some videos by each annotator's events, and take the mean; NaN where it is undefined in any round.

    Args:
        rounds: The same videos, once with the events of each annotator.
    """
    every = [areas(videos) for videos in rounds]
    return Areas(*(sum(values) / len(every) for values in zip(*every, strict=True)))
