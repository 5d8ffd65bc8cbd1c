"""QuickGELU and the two-layer perceptron built on it, as CLIP has them."""

import torch
from torch import Tensor, nn


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's approximation of GELU, ``x * sigmoid(1.702 x)``, element by element."""
    return x * torch.sigmoid(1.702 * x)


class QuickGeluMLP(nn.Module):
    """``Linear(D, 4D)``, QuickGELU, ``Linear(4D, D)``; the residual around it is the caller's.

    Args:
        dim: Width D of input and output.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.c_fc = nn.Linear(dim, 4 * dim)
        self.c_proj = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[..., D]`` to ``[..., D]``."""
        output: Tensor = self.c_proj(quick_gelu(self.c_fc(x)))
        return output
