"""Losses: multiple instance learning, text separation, distillation.

The first two are VadCLIP's (arXiv 2308.11681, "Objective Function" and "MIL-Align"); the focal term is AVadCLIP's, as
released. Labels are raw 0/1 rows ``[B, C]``, float, the normal class in column 0.

Distillation is AVadCLIP's (arXiv 2504.04495), eq. 11, guided by uncertainty. All its forms take the teacher's features
(from a frozen teacher in eval mode, without gradients), the student's, and theta = log sigma^2, all ``[B, T, D]``, and
give a scalar: the mean over every element, padding too.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SNIPPETS_PER_INSTANCE = 16


def top_k_mean(values: Tensor, length: Tensor) -> Tensor:
    """Mean of the ``floor(length / 16) + 1`` highest valid values of each video.

    Args:
        values: ``[B, T]``, or ``[B, T, C]`` to rank every class by itself.
        length: Valid rows ``[B]``, integer, from 1 to T; rows past it never enter.

    Returns:
        ``[B]`` or ``[B, C]``.
    """
    per_class = values if values.ndim == 3 else values[:, :, None]  # [B, T, C]
    snippets = values.shape[1]
    position = torch.arange(snippets, device=values.device)[None, :, None]
    length = length[:, None, None]
    k = length // SNIPPETS_PER_INSTANCE + 1
    # One k for the whole batch, the largest there can be, so that the GPU need not tell the CPU any length.
    most = min(snippets, snippets // SNIPPETS_PER_INSTANCE + 1)
    highest = per_class.masked_fill(position >= length, -math.inf).topk(most, dim=1).values
    mean = highest.masked_fill(position[:, :most] >= k, 0.0).sum(dim=1) / k.squeeze(1)  # [B, C]
    return mean if values.ndim == 3 else mean.squeeze(1)


def classification_loss(anomaly_logits: Tensor, labels: Tensor, length: Tensor) -> Tensor:
    """Binary cross entropy between each video's top-k mean anomaly score and whether it is abnormal.

    Args:
        anomaly_logits: ``[B, T]``.
        labels: ``[B, C]``.
        length: ``[B]``.

    Returns:
        A scalar.
    """
    score = top_k_mean(torch.sigmoid(anomaly_logits), length)
    return probability_loss(score, 1 - labels[:, 0])


def probability_loss(probability: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross entropy of probabilities that may have become NaN; then it is NaN.

    Args:
        probability: Of any shape, in 0..1 or NaN.
        target: Of the same shape, in 0..1.

    Returns:
        A scalar.
    """
    # torch's own raises on a processor and leaves a GPU unusable, before anybody can say in which step it was.
    broken = probability.isnan()
    loss = F.binary_cross_entropy(torch.where(broken, 0.5, probability), target)
    return torch.where(broken.any(), math.nan, loss)


def mil_align(video_logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of video logits ``[B, C]`` with label rows ``[B, C]`` that sum to 1; a scalar."""
    return -(target * video_logits.log_softmax(dim=-1)).sum(dim=-1).mean()


def focal(video_logits: Tensor, target: Tensor, alpha: Tensor) -> Tensor:
    """The same cross entropy, weighted by class and less where the video is already recognised.

    Args:
        video_logits: ``[B, C]``.
        target: Label rows that sum to 1 ``[B, C]``.
        alpha: Weight of each class ``[C]``.

    Returns:
        A scalar, ``mean(-(sum_c y alpha) (1 - pt)^2 sum_c y log_softmax(v))`` with ``pt = sum_c y softmax(v)``.
    """
    pt = (target * video_logits.softmax(dim=-1)).sum(dim=-1)  # [B]
    log_pt = (target * video_logits.log_softmax(dim=-1)).sum(dim=-1)  # [B]
    return -((target * alpha).sum(dim=-1) * (1 - pt) ** 2 * log_pt).mean()


class AlignmentLoss(nn.Module):
    """MIL-Align, VadCLIP's loss of the alignment branch.

    It learns nothing; it is a module so that training treats it and `FocalAlignmentLoss` alike.
    """

    def forward(self, class_logits: Tensor, labels: Tensor, length: Tensor) -> Tensor:
        """Give a scalar for class logits ``[B, T, C]``, labels ``[B, C]`` and lengths ``[B]``."""
        return mil_align(top_k_mean(class_logits, length), _sum_to_one(labels))


class FocalAlignmentLoss(nn.Module):
    """Mean of MIL-Align and the focal term, AVadCLIP's loss of the alignment branch.

    Its ``alpha`` is learned with the network and belongs to the optimizer's parameters.

    Args:
        classes: Number of classes C.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((classes,), 0.25))

    def forward(self, class_logits: Tensor, labels: Tensor, length: Tensor) -> Tensor:
        """Give a scalar for class logits ``[B, T, C]``, labels ``[B, C]`` and lengths ``[B]``."""
        video_logits = top_k_mean(class_logits, length)  # [B, C]
        target = _sum_to_one(labels)
        return (mil_align(video_logits, target) + focal(video_logits, target, self.alpha)) / 2


def text_separation_loss(text: Tensor) -> Tensor:
    """Mean absolute cosine between the normal class and each abnormal one.

    Args:
        text: Class embeddings of step 1 ``[C, D]``, normal first.

    Returns:
        A scalar.
    """
    unit = F.normalize(text, dim=-1)
    return (unit[1:] @ unit[0]).abs().mean()


def released_distillation_loss(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    """``mean((X_teacher - X_student)^2 / (1e-6 + 2 exp(theta)) + theta)``, as the released weights were trained."""
    return (_scaled_error(teacher, student, log_variance) + log_variance).mean()


def paper_distillation_loss(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    """Eq. 11 as printed, a Gaussian's log likelihood: the second term is theta / 2."""
    return (_scaled_error(teacher, student, log_variance) + log_variance / 2).mean()


def plain_distillation_loss(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    """Mean squared error without any uncertainty, which ``log_variance`` is not read for (an ablation of eq. 11)."""
    return ((teacher - student) ** 2).mean()


def _sum_to_one(labels: Tensor) -> Tensor:
    return labels / labels.sum(dim=-1, keepdim=True)


def _scaled_error(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    # The constant bounds the error where the student is certain beyond what float32 can divide by.
    return (teacher - student) ** 2 / (1e-6 + 2 * torch.exp(log_variance))
