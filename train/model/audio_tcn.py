"""The teacher's audio branch: a temporal convolutional network (AVadCLIP, arXiv 2504.04495)."""

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from train.model.layers import convolve


class CausalBlock(nn.Module):
    """Two weight-normed convolutions, each with ReLU and dropout, a skip around both, and a last ReLU.

    Each convolution reads the row itself and the one ``dilation`` snippets before it, never a later one.

    Args:
        dim: Channels D.
        dilation: Snippets between the two taps of the kernel.
        dropout: Probability to drop an activation while training.
    """

    def __init__(self, dim: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        # Weight normalisation starts from the convolution's default weights: g is their norm.
        self.conv1 = weight_norm(nn.Conv1d(dim, dim, kernel_size=2, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(dim, dim, kernel_size=2, dilation=dilation))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, T, D]`` to ``[B, T, D]``."""
        y = self.dropout(F.relu(self._hear_past(self.conv1, x)))
        y = self.dropout(F.relu(self._hear_past(self.conv2, y)))
        return F.relu(x + y)

    def _hear_past(self, convolution: nn.Conv1d, x: Tensor) -> Tensor:
        past = F.pad(x, (0, 0, self.dilation, 0))
        return convolve(past, convolution.weight, convolution.bias, dilation=self.dilation)


class AudioTCN(nn.Module):
    """Three causal blocks with dilations 1, 2 and 4, so each row hears 14 snippets of the past.

    Args:
        dim: Width D.
        dropout: Probability to drop an activation while training.
    """

    def __init__(self, dim: int = 512, dropout: float = 0.1) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(CausalBlock(dim, dilation, dropout) for dilation in (1, 2, 4)))

    def forward(self, audio: Tensor) -> Tensor:
        """Map audio features ``[B, T, D]`` to ``[B, T, D]``."""
        output: Tensor = self.blocks(audio)
        return output
