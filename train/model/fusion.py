"""Audio-visual fusion: AVadCLIP's adaptive one (arXiv 2504.04495, eq. 1-3), and what its Table 5 puts in its place.

Each takes the temporal encoder's output and the TCN's, both ``[B, T, D]``, and gives ``[B, T, D]``.
"""

import math

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


class Addition(nn.Module):
    """Element-wise addition."""

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Add the streams."""
        return visual + audio


class Concatenation(nn.Module):
    """Concatenation, then one linear layer from 2D to D.

    Args:
        dim: Width D of both streams.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * dim, dim)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Project the joined streams."""
        fused: Tensor = self.linear(torch.cat([visual, audio], dim=-1))
        return fused


class CrossAttention(nn.Module):
    """Video queries over audio keys and values, one head, added to the video.

    The paper gives no details; this is the plainest reading. Every row takes part, padding too, as in the temporal
    encoder.

    Args:
        dim: Width D of both streams.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Let every snippet of the video look at the whole sound."""
        scores = self.query(visual) @ self.key(audio).mT / math.sqrt(visual.shape[-1])  # [B, T, T]
        attended: Tensor = scores.softmax(dim=-1) @ self.value(audio)
        return visual + attended
