"""Adaptive audio-visual fusion (AVadCLIP, arXiv 2504.04495, eq. 1-3)."""

import torch
from torch import Tensor, nn


class AdaptiveFusion(nn.Module):
    """Add to the video what the audio tells, where a gate finds that it helps: ``X = visual + W * R``.

    ``W = sigmoid(Linear(z))`` weights every channel of every snippet (eq. 1), ``R`` is a two-layer
    perceptron with exact GELU (eq. 2), both of ``z = [visual, audio]``; eq. 3 adds. Where the gate
    closes the video's features stay as they are, so that misleading sound costs nothing.

    Args:
        dim: Width D of both streams.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * dim, dim)
        self.residual = nn.Sequential(nn.Linear(2 * dim, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``visual`` (the temporal encoder's output) and ``audio`` (the TCN's), both ``[B, T, D]``."""
        z = torch.cat([visual, audio], dim=-1)  # [B, T, 2D]
        fused: Tensor = visual + torch.sigmoid(self.gate(z)) * self.residual(z)
        return fused
