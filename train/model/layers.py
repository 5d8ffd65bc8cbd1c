"""What several networks are built from: QuickGELU and its two-layer perceptron, as CLIP has them; a convolution."""

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


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int = 0, dilation: int = 1) -> Tensor:
    """Convolve rows over time, as ``nn.Conv1d`` does with channels before time.

    The rows pass for an image one pixel high in the layout "channels last", which is the layout they have, so that
    nothing is transposed in memory, neither forwards nor back.

    Args:
        x: ``[B, T, D]``.
        weight: ``[E, D, K]``, an ``nn.Conv1d``'s.
        bias: ``[E]``.
        padding: Zero rows before and after.
        dilation: Rows between two taps.

    Returns:
        ``[B, T', E]``, ``T' = T + 2 * padding - dilation * (K - 1)``.
    """
    image = x.mT.unsqueeze(2)  # [B, D, 1, T]
    result = F.conv2d(image, weight.unsqueeze(2), bias, padding=(0, padding), dilation=(1, dilation))
    return result.squeeze(2).mT
