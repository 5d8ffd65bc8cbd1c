"""Windows to probabilities: a network over whole videos, batched across videos."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.crops import ALL_CROPS
from train.samples import Entry
from train.windows import cut_windows, window_lengths

WINDOWS_A_BATCH = 16


class VideoScores(NamedTuple):
    """Scores of one video.

    Attributes:
        anomaly: [T] float32, sigmoid of the classification branch.
        classes: [T, C] float32, softmax of the alignment branch.
    """

    anomaly: NDArray[np.float32]
    classes: NDArray[np.float32]


class _Windows(NamedTuple):
    visual: NDArray[np.float32]  # [windows, T, D]
    audio: NDArray[np.float32]  # [windows, T, D]
    length: NDArray[np.int64]  # [windows]


def score_videos(
    network: nn.Module,
    text: Tensor,
    entries: Iterable[Entry],
    crop: int,
    max_snippets: int,
    windows_a_batch: int = WINDOWS_A_BATCH,
) -> Iterator[tuple[Entry, VideoScores]]:
    """Score whole videos, as the released implementations do: consecutive windows, valid rows joined.

    Args:
        network: In eval mode; called as ``network(visual, audio, length, text)``.
        text: [C, D] class embeddings, on the network's device.
        entries: The videos; read lazily.
        crop: Number of the crop to read; ``ALL_CROPS`` averages the probabilities of all, as the released code of
            methods on I3D features does.
        max_snippets: Rows of a window (T).
        windows_a_batch: Windows the network sees at once, from as many videos as it takes. More is
            quicker on a GPU; memory grows with it.

    Yields:
        Each video with its scores, in order.

    Raises:
        InputError: If a shard lacks the crop.
    """
    if crop == ALL_CROPS:
        yield from _averaged(network, text, entries, max_snippets, windows_a_batch)
        return
    columns = ((entry, entry.shard.column_of(crop)) for entry in entries)
    yield from _score_columns(network, text, columns, max_snippets, windows_a_batch)


def _averaged(
    network: nn.Module, text: Tensor, entries: Iterable[Entry], max_snippets: int, windows_a_batch: int
) -> Iterator[tuple[Entry, VideoScores]]:
    columns = ((entry, column) for entry in entries for column in range(len(entry.shard.header.crops)))
    scored = _score_columns(network, text, columns, max_snippets, windows_a_batch)
    for entry, scores in scored:
        crops = [scores, *(next(scored)[1] for _ in entry.shard.header.crops[1:])]
        anomaly, classes = (np.stack(parts).mean(axis=0, dtype=np.float32) for parts in zip(*crops, strict=True))
        yield entry, VideoScores(anomaly, classes)


def _score_columns(
    network: nn.Module,
    text: Tensor,
    columns: Iterable[tuple[Entry, int]],
    max_snippets: int,
    windows_a_batch: int,
) -> Iterator[tuple[Entry, VideoScores]]:
    held: list[tuple[Entry, _Windows]] = []
    for entry, column in columns:
        held.append((entry, _video_windows(entry, column, max_snippets)))
        if sum(len(windows.length) for _, windows in held) >= windows_a_batch:
            yield from _score_held(network, text, held, windows_a_batch)
            held = []
    if held:
        yield from _score_held(network, text, held, windows_a_batch)


def _video_windows(entry: Entry, column: int, max_snippets: int) -> _Windows:
    length = window_lengths(entry.video.snippets, max_snippets)
    return _Windows(
        visual=cut_windows(entry.shard.visual(entry.video, column), max_snippets, len(length)),
        audio=cut_windows(entry.shard.audio(entry.video), max_snippets, len(length)),
        length=length,
    )


def _score_held(
    network: nn.Module, text: Tensor, held: list[tuple[Entry, _Windows]], windows_a_batch: int
) -> Iterator[tuple[Entry, VideoScores]]:
    visual, audio, length = (np.concatenate(parts) for parts in zip(*(windows for _, windows in held), strict=True))
    anomaly, classes = [], []
    for start in range(0, len(length), windows_a_batch):
        chosen = slice(start, start + windows_a_batch)
        probabilities = window_probabilities(
            network,
            torch.from_numpy(visual[chosen]).to(text.device),
            torch.from_numpy(audio[chosen]).to(text.device),
            torch.from_numpy(length[chosen]).to(text.device),
            text,
        )
        anomaly.append(probabilities[0].cpu().numpy())
        classes.append(probabilities[1].cpu().numpy())
    valid = np.arange(visual.shape[1]) < length[:, None]  # [windows, T]
    anomaly_rows, class_rows = np.concatenate(anomaly)[valid], np.concatenate(classes)[valid]
    ends = np.cumsum([entry.video.snippets for entry, _ in held])
    for (entry, _), end in zip(held, ends, strict=True):
        rows = slice(end - entry.video.snippets, end)
        yield entry, VideoScores(anomaly_rows[rows], class_rows[rows])


@torch.inference_mode()
def window_probabilities(
    network: nn.Module, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor
) -> tuple[Tensor, Tensor]:
    """Run the network over windows.

    Args:
        network: In eval mode.
        visual: [W, T, D] float32.
        audio: [W, T, D] float32.
        length: [W] int64, valid snippets.
        text: [C, D] float32.

    Returns:
        Anomaly probabilities [W, T] and class probabilities [W, T, C].
    """
    output = network(visual, audio, length, text)
    return output.anomaly_logits.sigmoid(), output.class_logits.softmax(dim=-1)
