"""What the columns of a stranger's scores mean, and the scores of a video that they make."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluate.scores_file import UNKNOWN_FRAMES, ScoredVideo
from extract.base.errors import InputError

ANOMALY, UNUSED = "anomaly", "-"


def check_columns(names: Sequence[str], codes: Sequence[str], where: str) -> None:
    """Check that names say enough of an array's columns.

    Args:
        names: One a column: ``anomaly``, a label code, or ``-`` for one that is left out.
        codes: Label codes of the data set; the first is normal.
        where: What named them, for the message.

    Raises:
        InputError: If a name is unknown or stands twice, or classes are named, but not all.
    """
    used = [name for name in names if name != UNUSED]
    unknown = [name for name in used if name != ANOMALY and name not in codes]
    if unknown:
        raise InputError(
            f"{where}: {unknown[0]!r} is no column; use {ANOMALY}, {', '.join(codes)}, or {UNUSED} to leave it out"
        )
    if len(set(used)) < len(used):
        raise InputError(f"{where}: {', '.join(names)} names a column twice")
    missing = [code for code in codes if code not in used]
    if not used or (missing and len(missing) < len(codes)):
        raise InputError(
            f"{where}: {', '.join(names) or 'nothing'} lacks {', '.join(missing)}; name {ANOMALY}, every class, or both"
        )


def tells_classes(names: Sequence[str]) -> bool:
    """Whether columns say more than how anomalous a row is."""
    return any(name not in (ANOMALY, UNUSED) for name in names)


def to_scores(
    values: NDArray[np.float64], names: Sequence[str], codes: Sequence[str], frames: int | None
) -> ScoredVideo:
    """Make the scores of a video.

    Args:
        values: [T, columns].
        names: What they are, as ``check_columns`` has found them good.
        codes: Label codes of the C classes; the first is normal.
        frames: Frames of the video, ``None`` if unknown.

    Returns:
        Scores in float32. Without classes the anomaly stands for both branches, and the normal class is 1 - anomaly;
        without a column ``anomaly`` it is 1 - the normal class in both branches.
    """
    rows = values.astype(np.float32)
    known = UNKNOWN_FRAMES if frames is None else frames
    if not tells_classes(names):
        anomaly = rows[:, names.index(ANOMALY)]
        classes = np.zeros((len(rows), len(codes)), np.float32)
        classes[:, 0] = 1 - anomaly
        return ScoredVideo(anomaly, anomaly, classes, known)
    classes = rows[:, [names.index(code) for code in codes]]
    alignment = 1 - classes[:, 0]
    return ScoredVideo(rows[:, names.index(ANOMALY)] if ANOMALY in names else alignment, alignment, classes, known)
