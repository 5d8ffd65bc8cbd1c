"""What Table 5 of AVadCLIP (arXiv 2504.04495) puts in the place of its adaptive fusion.

Each takes the temporal encoder's output and the TCN's, both ``[B, T, D]``, and gives ``[B, T, D]``.
"""

import math

import torch
from torch import Tensor, nn


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
