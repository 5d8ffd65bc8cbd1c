"""Videos of any length to the fixed number of snippets a network reads, and back.

To train, a long video is averaged into ``max_snippets`` pieces; to score, it is cut into consecutive
windows (VadCLIP's released ``process_feat`` and ``process_split``, kept by AVadCLIP).
"""

import numpy as np
from numpy.typing import NDArray


def average_pieces(rows: NDArray[np.float32], max_snippets: int) -> NDArray[np.float32]:
    """Fit a video's features to ``max_snippets`` rows for training.

    Args:
        rows: [T, D] float32, T >= 1.
        max_snippets: Rows wanted.

    Returns:
        [max_snippets, D] float32. For T > ``max_snippets`` row ``i`` is the mean of the rows between
        ``linspace(0, T, max_snippets + 1)[i]`` and ``[i + 1]``, both cut to integers; shorter videos are
        followed by zeros.
    """
    total = len(rows)
    if total <= max_snippets:
        return np.concatenate([rows, np.zeros((max_snippets - total, rows.shape[1]), np.float32)])
    bounds = np.linspace(0, total, max_snippets + 1).astype(np.int64)
    starts, counts = bounds[:-1], np.diff(bounds)
    # The first row of every piece, then the second of those that have one, and so on: an eighth of reduceat's time.
    sums = rows[starts]
    for rank in range(1, counts.max()):
        has = counts > rank
        sums[has] += rows[starts[has] + rank]
    return np.asarray(sums / counts[:, None], dtype=np.float32)


def cut_windows(rows: NDArray[np.float32], max_snippets: int, windows: int) -> NDArray[np.float32]:
    """Cut a video's features into consecutive windows for scoring.

    Args:
        rows: [T, D] float32; T may be 0 or differ from what ``windows`` would hold, as the audio rows of
            released features do.
        max_snippets: Rows of a window.
        windows: Number of windows to give, that of the visual stream.

    Returns:
        [windows, max_snippets, D] float32; rows past T are zero, rows past the last window are left out.
    """
    cut = np.zeros((windows * max_snippets, rows.shape[1]), np.float32)
    kept = min(len(rows), len(cut))
    cut[:kept] = rows[:kept]
    return cut.reshape(windows, max_snippets, -1)


def window_lengths(snippets: int, max_snippets: int) -> NDArray[np.int64]:
    """Count the valid rows of each window of a video of ``snippets`` rows: [ceil(snippets / max_snippets)] int64."""
    starts = np.arange(0, snippets, max_snippets, dtype=np.int64)
    return np.minimum(max_snippets, snippets - starts)
