"""QuickGELU and the two-layer perceptron built on it, as CLIP has them."""

from torch import Tensor, nn
from torch.nn import functional as F

SCALE = 1.702


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's approximation of GELU, ``x * sigmoid(1.702 x)``, element by element."""
    # PyTorch has SiLU, y * sigmoid(y), in one pass forwards and one back, and keeps nothing but y.
    return F.silu(SCALE * x) / SCALE


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
        # QuickGELU's scale goes into the weights, which are far smaller than the 4D activations of a batch.
        hidden = F.silu(F.linear(x, SCALE * self.c_fc.weight, SCALE * self.c_fc.bias))
        return F.linear(hidden, self.c_proj.weight / SCALE, self.c_proj.bias)
