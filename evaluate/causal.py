"""Scores of which none knows what comes later: every snippet is the last row of a window of those before it."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from extract.base.device import exact_arithmetic
from train.checkpoint import Checkpoint
from train.samples import Entry
from train.scoring import WINDOWS_A_BATCH, VideoScores, window_probabilities


def score_windows(
    checkpoint: Checkpoint, windows: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score the last row of each window.

    Args:
        checkpoint: What scores.
        windows: Rows of pictures and of sound, [n, D] each, n from 1 to ``max_snippets``.

    Returns:
        Anomaly [W] and class probabilities [W, C].
    """
    anomaly, classes = [], []
    for start in range(0, len(windows), WINDOWS_A_BATCH):
        part = windows[start : start + WINDOWS_A_BATCH]
        length = np.array([len(visual) for visual, _ in part], np.int64)
        rows = checkpoint.header.architecture.max_snippets
        visual, sound = (np.zeros((len(part), rows, one.shape[1]), np.float32) for one in part[0])
        for index, (seen, heard) in enumerate(part):
            visual[index, : len(seen)], sound[index, : len(heard)] = seen, heard
        device = checkpoint.text.device
        seen_rows, heard_rows, lengths = (torch.from_numpy(values).to(device) for values in (visual, sound, length))
        with exact_arithmetic():
            found = window_probabilities(checkpoint.network, seen_rows, heard_rows, lengths, checkpoint.text)
        last = torch.from_numpy(length - 1).to(device)
        each = torch.arange(len(part), device=device)
        anomaly.append(found[0][each, last].cpu().numpy())
        classes.append(found[1][each, last].cpu().numpy())
    return np.concatenate(anomaly), np.concatenate(classes)


def causal_scores(checkpoint: Checkpoint, entries: Iterable[Entry], crop: int) -> Iterator[tuple[Entry, VideoScores]]:
    """Score whole videos as a camera's snippets are scored: of each row only those up to it are known.

    This takes as many windows as a video has snippets.

    Args:
        checkpoint: What scores.
        entries: The videos; read lazily.
        crop: Number of the crop to read.

    Yields:
        Each video with its scores, in order.

    Raises:
        InputError: If a shard lacks the crop.
    """
    most = checkpoint.header.architecture.max_snippets
    for entry in entries:
        visual = entry.shard.visual(entry.video, entry.shard.column_of(crop))
        heard = entry.shard.audio(entry.video)
        # Rows of released sound may be more or fewer than the pictures'.
        sound = np.zeros((len(visual), heard.shape[1]), np.float32)
        sound[: len(heard)] = heard[: len(sound)]
        spans = [slice(max(0, end - most), end) for end in range(1, len(visual) + 1)]
        anomaly, classes = score_windows(checkpoint, [(visual[span], sound[span]) for span in spans])
        yield entry, VideoScores(anomaly, classes)
