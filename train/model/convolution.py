"""Convolution over time of features that lie row by row."""

from torch import Tensor
from torch.nn import functional as F


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
