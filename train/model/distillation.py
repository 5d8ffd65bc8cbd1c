"""Uncertainty-driven distillation of the teacher's fused features (AVadCLIP, arXiv 2504.04495, eq. 11).

All forms take the teacher's features (from a frozen teacher in eval mode, without gradients), the
student's, and theta = log sigma^2, all ``[B, T, D]``, and give a scalar: the mean over every element,
padding too.
"""

import torch
from torch import Tensor


def released_distillation_loss(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    """``mean((X_teacher - X_student)^2 / (1e-6 + 2 exp(theta)) + theta)``, as the released weights were trained."""
    return (_scaled_error(teacher, student, log_variance) + log_variance).mean()


def paper_distillation_loss(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    """Eq. 11 as printed, a Gaussian's log likelihood: the second term is theta / 2."""
    return (_scaled_error(teacher, student, log_variance) + log_variance / 2).mean()


def plain_distillation_loss(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    """Mean squared error without any uncertainty, which ``log_variance`` is not read for (an ablation of eq. 11)."""
    return ((teacher - student) ** 2).mean()


def _scaled_error(teacher: Tensor, student: Tensor, log_variance: Tensor) -> Tensor:
    # The constant bounds the error where the student is certain beyond what float32 can divide by.
    return (teacher - student) ** 2 / (1e-6 + 2 * torch.exp(log_variance))
