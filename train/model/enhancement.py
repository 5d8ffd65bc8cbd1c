"""What the student has in place of audio and fusion (AVadCLIP, arXiv 2504.04495, section 3.6)."""

from torch import Tensor, nn
from torch.nn import functional as F

from train.model.layers import convolve


class EnhancementNet(nn.Module):
    """Residual convolutions over time that learn to imitate the teacher's fused features.

    Args:
        blocks: Number of blocks ``x + ReLU(Conv1d(x))`` (kernel 3). The released weights have 3, the
            paper draws 1.
        dim: Width D.
    """

    def __init__(self, blocks: int = 3, dim: int = 512) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Conv1d(dim, dim, kernel_size=3, padding=1) for _ in range(blocks))

    def forward(self, features: Tensor) -> Tensor:
        """Map the temporal encoder's output ``[B, T, D]`` to enhanced features ``[B, T, D]``."""
        x = features
        for convolution in self.blocks:
            x = x + F.relu(_over_time(convolution, x))
        return x


class UncertaintyNet(nn.Module):
    """Log variance of the student's features: how little each of them is expected to match the teacher's.

    ``theta = -(x + ReLU(Conv1x1(Conv3(ReLU(Conv1x1(x))))))``.

    Args:
        dim: Width D.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(dim, dim, kernel_size=1),
            nn.ReLU(),
            nn.Conv1d(dim, dim, kernel_size=3, padding=1),
            nn.Conv1d(dim, dim, kernel_size=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map the temporal encoder's output ``[B, T, D]`` to theta = log sigma^2 ``[B, T, D]``."""
        first, _, middle, last = self.layers
        hidden = F.relu(_over_time(first, features))
        doubt = _over_time(last, _over_time(middle, hidden))
        return -(features + F.relu(doubt))


def _over_time(convolution: nn.Module, x: Tensor) -> Tensor:
    if not isinstance(convolution, nn.Conv1d):
        raise TypeError(f"{convolution} is no convolution over time")
    return convolve(x, convolution.weight, convolution.bias, padding=convolution.kernel_size[0] // 2)
