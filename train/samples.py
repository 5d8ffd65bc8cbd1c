"""Shards as a reader sees them: the videos of a split, one after another or in training batches."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from extract.base.errors import InputError
from extract.catalog import check_labels
from extract.shard import Shard, ShardHeader, ShardVideo, shard_paths
from train.windows import average_pieces

# Batches in memory beside the one in use, each read by a thread of its own. HDF5 lets one thread in at a time; the
# averaging of long videos is what they share out.
READ_AHEAD = 2


class Batch(NamedTuple):
    """A training batch.

    Attributes:
        visual: [B, T, D] float32.
        audio: [B, T, A] float32; zeros where there is none. A is D unless the encoders differ in width.
        length: [B] int64, valid visual snippets.
        labels: [B, C] float32, raw 0/1 rows.
    """

    visual: Tensor
    audio: Tensor
    length: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Move every tensor to ``device``."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


@dataclass(frozen=True)
class Entry:
    """Where one video's rows are."""

    shard: Shard
    video: ShardVideo


class Split:
    """All shards of one split, opened together; a context manager.

    Args:
        folder: Folder of the shards.
        split: ``train`` or ``test``.

    Raises:
        InputError: If there are no shards, two disagree in anything but their note, or a video stands in two.

    Attributes:
        header: What the shards have in common; ``note`` joins their notes.
        entries: The videos, in shard order.
    """

    def __init__(self, folder: Path, split: str) -> None:
        with ExitStack() as opened:
            shards = [opened.enter_context(Shard(path)) for path in shard_paths(folder, split)]
            for shard in shards:
                if shard.header.split != split:
                    raise InputError(
                        f"{shard.path}: attribute split is {shard.header.split!r}, not {split!r} as its name"
                    )
            self.header = _common_header(shards)
            self.entries = [Entry(shard, video) for shard in shards for video in shard.videos]
            _refuse_duplicates(self.entries)
            self._stack = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class TrainingSamples:
    """The (video, crop) pairs of some videos, as training batches.

    Args:
        entries: The videos.
        codes: Label codes of the model's classes, in column order; the first is normal.
        max_snippets: Rows (T) of a sample.
        labels: Label codes of each video where they are not to be the videos' own (the shuffled control).

    Raises:
        InputError: If there is no video, or one carries a label code that is not among ``codes``.

    Attributes:
        pairs: [samples, 2] int64: index into ``entries``, and column of ``visual``.
        targets: [videos, C] float32, raw 0/1 rows.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        codes: Sequence[str],
        max_snippets: int,
        labels: Sequence[tuple[str, ...]] | None = None,
    ) -> None:
        if not entries:
            raise InputError("the training shards hold no video to learn from; see what the steps before them left out")
        self.entries = entries
        self.max_snippets = max_snippets
        rows = labels if labels is not None else [entry.video.labels for entry in entries]
        self.targets = np.zeros((len(entries), len(codes)), np.float32)
        for index, (entry, own) in enumerate(zip(entries, rows, strict=True)):
            check_labels(own, codes, f"{entry.shard.path}, video {entry.video.video_id!r}, field labels")
            self.targets[index, [codes.index(code) for code in own]] = 1
        crops = len(entries[0].shard.header.crops)
        self.pairs = np.stack(np.meshgrid(np.arange(len(entries)), np.arange(crops), indexing="ij"), -1).reshape(-1, 2)

    def batch(self, chosen: NDArray[np.int64]) -> Batch:
        """Read the samples numbered ``chosen`` [B] int64."""
        pairs = self.pairs[chosen]
        widths = self.entries[0].shard.header.widths
        visual, audio = (np.zeros((len(pairs), self.max_snippets, width), np.float32) for width in widths)
        for row, (i, column) in enumerate(pairs):
            entry = self.entries[i]
            _fill(visual[row], entry.shard.visual_as_stored(entry.video, int(column)))
            if entry.shard.header.audio is not None:
                _fill(audio[row], entry.shard.audio_as_stored(entry.video))
        snippets = np.array([self.entries[i].video.snippets for i, _ in pairs])
        return Batch(
            visual=torch.from_numpy(visual),
            audio=torch.from_numpy(audio),
            length=torch.from_numpy(np.minimum(snippets, self.max_snippets)),
            labels=torch.from_numpy(self.targets[pairs[:, 0]]),
        )


def _fill(sample: NDArray[np.float32], rows: NDArray[Any]) -> None:
    """Put a video's rows [T, D] into its zeroed place in a batch [max_snippets, D]."""
    if len(rows) > len(sample):
        sample[:] = average_pieces(rows.astype(np.float32, copy=False), len(sample))
    else:
        # As `average_pieces` would, but float16 is widened on its way into the batch.
        sample[: len(rows)] = rows


def shuffled_order(samples: TrainingSamples, batch: int, generator: torch.Generator) -> list[NDArray[np.int64]]:
    """Order one epoch: every (video, crop) pair once, shuffled, the last batch shorter.

    Args:
        samples: What there is.
        batch: Samples a step.
        generator: Source of the order.

    Returns:
        For each step the numbers of its samples, [<= batch] int64.
    """
    order = torch.randperm(len(samples.pairs), generator=generator).numpy()
    return [order[start : start + batch] for start in range(0, len(order), batch)]


def paired_order(samples: TrainingSamples, batch: int, generator: torch.Generator) -> list[NDArray[np.int64]]:
    """Order one epoch of UCF-Crime: ``batch`` normal beside ``batch`` abnormal pairs, each shuffled.

    The epoch ends with the shorter list and incomplete batches are dropped, as VadCLIP's released code does.

    Args:
        samples: What there is.
        batch: Normal samples a step, and as many abnormal ones.
        generator: Source of the order.

    Returns:
        For each step the numbers of its samples, [2 * batch] int64, normal ones first.

    Raises:
        InputError: If there are fewer than ``batch`` normal or abnormal pairs.
    """
    is_normal = samples.targets[samples.pairs[:, 0], 0] == 1
    halves = [np.flatnonzero(is_normal), np.flatnonzero(~is_normal)]
    orders = [half[torch.randperm(len(half), generator=generator).numpy()] for half in halves]
    steps = min(len(order) // batch for order in orders)
    if steps == 0:
        raise InputError(
            f"batch: {batch} is more than the {len(halves[0])} normal or {len(halves[1])} abnormal training samples "
            "that paired sampling needs; take a smaller batch"
        )
    return [np.concatenate([order[i * batch : (i + 1) * batch] for order in orders]) for i in range(steps)]


def batches(samples: TrainingSamples, order: Sequence[NDArray[np.int64]]) -> Iterator[Batch]:
    """Yield the batches of an epoch, reading the next ones from disk while one is being trained on."""
    with ThreadPoolExecutor(max_workers=READ_AHEAD) as readers:
        pending = deque(readers.submit(samples.batch, chosen) for chosen in order[:READ_AHEAD])
        for following in [*order[READ_AHEAD:], *[None] * len(pending)]:
            ready = pending.popleft().result()
            if following is not None:
                pending.append(readers.submit(samples.batch, following))
            yield ready


def shuffled_labels(entries: Sequence[Entry], generator: torch.Generator) -> list[tuple[str, ...]]:
    """Deal the videos' labels out at random among them: the control from which nothing can be learned."""
    order = torch.randperm(len(entries), generator=generator).tolist()
    return [entries[i].video.labels for i in order]


def _common_header(shards: Sequence[Shard]) -> ShardHeader:
    first = shards[0]
    for shard in shards[1:]:
        for name, value in vars(replace(shard.header, note="")).items():
            expected = getattr(replace(first.header, note=""), name)
            if value != expected:
                raise InputError(f"{shard.path}: {name} is {value}, but {first.path} has {expected}; make both alike")
    notes = dict.fromkeys(shard.header.note for shard in shards if shard.header.note)
    return replace(first.header, note="; ".join(notes))


def _refuse_duplicates(entries: Sequence[Entry]) -> None:
    seen: dict[str, Path] = {}
    for entry in entries:
        video_id = entry.video.video_id
        if video_id in seen:
            raise InputError(f"{entry.shard.path}: video {video_id!r} stands in {seen[video_id]} too; keep one")
        seen[video_id] = entry.shard.path
