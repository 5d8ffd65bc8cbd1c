"""Which epoch is kept: measures of a half-trained network, and the videos held out for them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from extract.base.errors import InputError
from extract.catalog import Video, read_test_videos, released_truth
from train.frame_ap import average_precision, join_frames, roc_auc
from train.model.losses import top_k_mean
from train.samples import Entry
from train.scoring import VideoScores, score_videos
from train.settings import Branch, Measure

HELD_OUT_SHARE = 0.1

# Gives a number to maximise for a network in eval mode and its class embeddings [C, D].
Judge = Callable[[nn.Module, Tensor], float]


def split_validation(
    entries: Sequence[Entry], generator: torch.Generator, share: float = HELD_OUT_SHARE
) -> tuple[list[Entry], list[Entry]]:
    """Hold out videos, stratified by their labels; all crops of a video stay together.

    Args:
        entries: The training videos.
        generator: Source of the choice.
        share: Share to hold out.

    Returns:
        The videos to train on and those held out, both in their first order. The videos are lined up by label,
        in random order within a label, and every ``1 / share``-th is taken, so that each label gives its share.
    """
    shuffled = torch.randperm(len(entries), generator=generator).tolist()
    lined_up = sorted(shuffled, key=lambda i: entries[i].video.labels)
    step = round(1 / share)
    first = int(torch.randint(step, (1,), generator=generator))
    held_out = set(lined_up[first::step])
    kept = [entry for i, entry in enumerate(entries) if i not in held_out]
    return kept, [entries[i] for i in sorted(held_out)]


def judge_on_held_out(entries: Sequence[Entry], normal: str, branch: Branch, crop: int, max_snippets: int) -> Judge:
    """Judge by video-level average precision on held-out training videos.

    Args:
        entries: The held-out videos.
        normal: Code of the normal class.
        branch: Whose anomaly score to judge.
        crop: Number of the crop to read.
        max_snippets: Rows of a window.

    Returns:
        A judge. A video's score is the mean of its ``floor(T / 16) + 1`` highest snippet scores.

    Raises:
        InputError: If the held-out videos are all normal or all abnormal.
    """
    abnormal = np.array([set(entry.video.labels) != {normal} for entry in entries])
    if abnormal.all() or not abnormal.any():
        raise InputError(
            f"selection: the {len(entries)} training videos held out for validation are all of one kind; "
            "there are too few videos for selection 'validation', use 'last'"
        )

    def judge(network: nn.Module, text: Tensor) -> float:
        scored = score_videos(network, text, entries, crop, max_snippets)
        scores = [_top_k(anomaly_scores(video, branch)) for _, video in scored]
        return average_precision(abnormal, np.array(scores))

    return judge


def judge_on_test_set(
    entries: Sequence[Entry],
    catalog: Mapping[str, Video],
    normal: str,
    branch: Branch,
    measure: Measure,
    crop: int,
    max_snippets: int,
) -> Judge:
    """Judge by the frame-level measure on the TEST set, as the released implementations select their weights.

    Args:
        entries: The test videos.
        catalog: Their annotations by video_id.
        normal: Code of the normal class.
        branch: Whose anomaly score to judge.
        measure: ``ap`` or ``auc``.
        crop: Number of the crop to read.
        max_snippets: Rows of a window.

    Raises:
        InputError: If a test video is not in the catalog.
    """
    missing = [entry for entry in entries if entry.video.video_id not in catalog]
    if missing:
        raise InputError(f"{missing[0].shard.path}: test video {missing[0].video.video_id!r} is not in the catalog")
    stride = entries[0].shard.header.stride if entries else 1
    segments = [released_truth(catalog[e.video.video_id], normal, e.video.snippets * stride) for e in entries]
    compute = average_precision if measure == "ap" else roc_auc

    def judge(network: nn.Module, text: Tensor) -> float:
        scored = score_videos(network, text, entries, crop, max_snippets)
        scores = [anomaly_scores(video, branch) for _, video in scored]
        return compute(*join_frames(scores, segments, normal=normal, stride=stride))

    return judge


def anomaly_scores(scores: VideoScores, branch: Branch) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Give a branch's anomaly score of each snippet [T]: the sigmoid, or 1 - p(normal).

    A method that tells no classes has the sigmoid alone, which then stands for both.
    """
    if branch == "classification" or scores.classes.shape[1] == 0:
        return scores.anomaly
    return 1 - scores.classes[:, 0]


def read_test_set(path: Path) -> dict[str, Video]:
    """Read the test videos that selection ``released`` judges on, by id."""
    test = read_test_videos(path)
    if not test:
        raise InputError(f"{path}: has no test video, but selection 'released' reads the test set")
    return test


def _top_k(scores: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    return float(top_k_mean(torch.from_numpy(scores)[None], torch.tensor([len(scores)])))
