"""The graph convolutions of VadCLIP's LGT adapter (arXiv 2308.11681, "Global Module")."""

import math

import torch
from torch import Tensor, nn

from train.model.layers import convolve, quick_gelu

SIMILARITY_THRESHOLD = 0.7


def similarity_adjacency(rows: Tensor, length: Tensor) -> Tensor:
    """Connect the rows of a video that look alike.

    Cosine similarities of at most 0.7 become 0, then each row goes through a softmax over the
    valid columns. The zeros take part in the softmax, so that no row attends to its likes alone.

    Args:
        rows: Features ``[B, T, D]``.
        length: Valid rows of each video ``[B]``, integer, at least 1.

    Returns:
        ``[B, T, T]``; valid rows sum to 1, rows and columns past the length are 0.
    """
    # In full precision, whatever the rest of the network computes in: the threshold would magnify its rounding.
    with torch.autocast(rows.device.type, enabled=False):
        rows = rows.float()
        norm = rows.norm(dim=-1, keepdim=True)  # [B, T, 1]
        # Dot products first and norms after, not normalised rows: a similarity within rounding of the
        # threshold then falls on the side on which the released weights were trained.
        cosine = rows @ rows.mT / (norm @ norm.mT + 1e-20)  # [B, T, T]
    linked = torch.where(cosine > SIMILARITY_THRESHOLD, cosine, 0.0)
    valid = torch.arange(rows.shape[1], device=rows.device) < length[:, None]  # [B, T]
    adjacency = linked.masked_fill(~valid[:, None, :], -math.inf).softmax(dim=-1)
    return adjacency.masked_fill(~valid[:, :, None], 0.0)


def distance_adjacency(snippets: int) -> Tensor:
    """Connect rows that are near in time: ``A[i, j] = exp(-|i - j| / e)``, not normalised, float32 ``[T, T]``."""
    position = torch.arange(snippets, dtype=torch.float32)
    return torch.exp(-(position[:, None] - position[None, :]).abs() / math.e)


class GraphLayer(nn.Module):
    """One graph convolution, ``QuickGELU(A @ (x @ weight) + residual(x))``, without bias.

    Args:
        dim_in: Width of the input.
        dim_out: Width of the output. Where it differs from ``dim_in`` the residual is a
            convolution over time (kernel 5), otherwise the identity.
    """

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim_in, dim_out)))
        self.residual = nn.Conv1d(dim_in, dim_out, kernel_size=5, padding=2) if dim_in != dim_out else None

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Map ``[B, T, dim_in]`` to ``[B, T, dim_out]`` along ``adjacency`` ``[B, T, T]`` or ``[T, T]``."""
        residual = x
        if self.residual is not None:
            residual = convolve(x, self.residual.weight, self.residual.bias, padding=2)
        return quick_gelu(adjacency @ (x @ self.weight) + residual)


class GraphBranch(nn.Module):
    """Two graph layers, D -> D/2 -> D/2, that share one adjacency and have no skip around them.

    Args:
        dim: Width D of the input, even.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.first = GraphLayer(dim, dim // 2)
        self.second = GraphLayer(dim // 2, dim // 2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Map ``[B, T, D]`` to ``[B, T, D/2]``."""
        output: Tensor = self.second(self.first(x, adjacency), adjacency)
        return output
