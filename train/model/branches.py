"""The two branches every network ends with, and what a network returns.

VadCLIP (arXiv 2308.11681), "Dual Branch"; AVadCLIP (arXiv 2504.04495) keeps them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.model.layers import QuickGeluMLP
from train.model.prompts import ClassEmbedding, PromptForm

TEMPERATURE = 0.07


class Output(NamedTuple):
    """What every network gives for a batch, padded rows included.

    Attributes:
        anomaly_logits: Classification branch ``[B, T]``; the anomaly score is their sigmoid.
        class_logits: Alignment branch ``[B, T, C]``; softmax over C gives class probabilities, and
            1 - p(normal) this branch's anomaly score. C is 0 for a method that tells no classes.
        features: What both branches read ``[B, T, D]``: the teacher's fused features, the student's
            enhanced ones, VadCLIP's encoder output.
        log_variance: The student's theta ``[B, T, D]``; None for the others.
    """

    anomaly_logits: Tensor
    class_logits: Tensor
    features: Tensor
    log_variance: Tensor | None


def no_class_logits(anomaly_logits: Tensor) -> Tensor:
    """Give the class logits of a method that tells no classes: ``[B, T, 0]`` for anomaly logits ``[B, T]``."""
    return anomaly_logits.new_empty(*anomaly_logits.shape, 0)


def alignment_logits(features: Tensor, class_embeddings: Tensor) -> Tensor:
    """Cosine of every snippet with every class of its own video, divided by the temperature 0.07.

    Args:
        features: ``[B, T, D]``.
        class_embeddings: ``[B, C, D]``.

    Returns:
        ``[B, T, C]``.
    """
    return F.normalize(features, dim=-1) @ F.normalize(class_embeddings, dim=-1).mT / TEMPERATURE


class DualBranch(nn.Module):
    """Classification branch (is it anomalous?) and alignment branch (which class is it?).

    Args:
        prompt: See `ClassEmbedding`.
        dim: Width D.
    """

    def __init__(self, prompt: PromptForm = "released", dim: int = 512) -> None:
        super().__init__()
        self.mlp = QuickGeluMLP(dim)
        self.classifier = nn.Linear(dim, 1)
        self.class_embedding = ClassEmbedding(prompt, dim)

    def forward(self, features: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Give anomaly logits ``[B, T]`` and class logits ``[B, T, C]``.

        Args:
            features: ``[B, T, D]``.
            text: Class embeddings of step 1 ``[C, D]``.
        """
        hidden = self.mlp(features)
        # In full precision, whatever the rest of the network computes in: the temperature would magnify its rounding.
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            anomaly_logits: Tensor = self.classifier(features + hidden).squeeze(-1)
            class_embeddings = self.class_embedding(features, anomaly_logits, text)
            return anomaly_logits, alignment_logits(features, class_embeddings)
