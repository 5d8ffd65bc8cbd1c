"""Does a method that reads texts or trains in rounds learn from simulated features?"""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines.interface import Phased
from train.learner import BaselineLearner
from train.loop import build_optimizer
from train.samples import Batch
from train.schedule import set_learning_rates
from train.settings import Recipe

DIM, ROWS, KINDS, CLASSES = 64, 32, 8, 3


class FreeText(nn.Module):
    """Class embeddings that are learned as they are, in place of CLIP's tower."""

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(classes, dim))

    def forward(self) -> Tensor:
        return F.normalize(self.vectors, dim=-1)


def looks_of_kinds() -> np.ndarray:
    """Directions of length one: [to eye and ear, harmless and abnormal, KINDS, DIM]."""
    kinds = np.random.default_rng(99).standard_normal((2, 2, KINDS, DIM))
    looks: np.ndarray = kinds / np.linalg.norm(kinds, axis=-1, keepdims=True)
    return looks


def looks_of_classes() -> np.ndarray:
    """Mean direction of what the kinds of each class look like: [CLASSES, DIM]."""
    harmless, abnormal = looks_of_kinds()[0]
    return np.stack([harmless.mean(0), abnormal[0::2].mean(0), abnormal[1::2].mean(0)])


def videos(count: int, seed: int) -> tuple[Batch, Tensor]:
    """Videos of 24 to 32 rows with an event of 10 rows each, of one of eight abnormal or eight harmless kinds.

    With eight kinds of either, a network that has learned nothing of which is which cannot have them right by luck.
    Abnormal kinds are of two classes in turn.

    Returns:
        A batch, first half normal, and which rows are abnormal ``[count, 32]``.
    """
    random = np.random.default_rng(seed)
    kinds = looks_of_kinds()
    rows, video = np.arange(ROWS), np.arange(count)
    length = random.integers(24, 33, count)
    start = random.integers(0, 14, count)
    is_abnormal = video >= count // 2
    event = (rows >= start[:, None]) & (rows < start[:, None] + 10)
    direction = kinds[:, is_abnormal.astype(int), video % KINDS]  # [2, count, DIM]
    features = random.standard_normal((2, count, ROWS, DIM)) * 0.5
    features += 8 * event[None, :, :, None] * direction[:, :, None]
    features *= (rows < length[:, None])[None, :, :, None]
    labels = np.zeros((count, CLASSES))
    labels[video, np.where(is_abnormal, 1 + video % KINDS % 2, 0)] = 1
    visual, audio = torch.from_numpy(features.astype(np.float32))
    batch = Batch(visual, audio, torch.from_numpy(length), torch.from_numpy(labels.astype(np.float32)))
    return batch, torch.from_numpy(event & is_abnormal[:, None])


def trained_frame_ap(
    build: Callable[[int], tuple[nn.Module, nn.Module | None]],
    recipe: Recipe,
    *,
    steps: int,
    true_labels: bool,
    epochs: int = 5,
) -> float:
    """Train on 32 videos, all in each step, and give the average precision over the rows of 24 others (chance 0.13).

    Args:
        build: Gives network and text side for a width of features.
        recipe: For the optimiser and its rates.
        steps: Steps in all, a multiple of ``epochs``.
        true_labels: Otherwise half of the abnormal videos change places with half of the normal ones.
        epochs: Into how many the steps are cut.
    """
    torch.manual_seed(1)
    training, _ = videos(32, seed=1)
    if not true_labels:
        training = training._replace(labels=training.labels.roll(8, dims=0))
    network, text_side = build(DIM)
    learner = BaselineLearner(network, text_side)
    optimizer = build_optimizer(learner, recipe, steps // epochs)
    for epoch in range(epochs):
        set_learning_rates(optimizer, recipe, epoch)
        if isinstance(network, Phased):
            network.start_epoch(epoch, epochs)
        learner.train()
        for _ in range(steps // epochs):
            optimizer.zero_grad()
            learner.losses(training)["total"].backward()
            optimizer.step()
        if isinstance(network, Phased):
            network.end_epoch()
    held_out, event = videos(24, seed=2)
    learner.eval()
    with torch.inference_mode():
        scores = network(held_out.visual, held_out.audio, held_out.length, learner.text()).anomaly_logits.sigmoid()
    valid = torch.arange(ROWS) < held_out.length[:, None]
    return float(average_precision_score(event[valid], scores[valid]))
