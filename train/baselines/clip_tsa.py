"""CLIP-TSA: temporal self-attention over CLIP features (Joo et al., ICIP 2023, arXiv 2212.05136).

==================  ===================================================================================================
Layers              scorer: linear D -> 256, ReLU, 256 -> 1, sigmoid, for every row
                    rows times the share of 100 noisy scores (deviation 0.05) by which each is among the top 95 %
                    RTFM's temporal pyramid (D, branches D/4), dropout 0.7
                    head: linear D -> 128, ReLU, dropout 0.7; 128 -> 32, ReLU, dropout 0.7; 32 -> 1; sigmoid
Parameters          1,678,722 (D = 512)
Loss terms          RTFM's four, with RTFM's weights (`train.baselines.rtfm`)
Optimiser           Adam, learning rate 0.001, weight decay 0.005 (in the gradient, not decoupled)
Batch               16 normal and 16 abnormal videos
Pieces              32, top 3
Steps               4,000 in the released code; 7 epochs of XD-Violence's 5 crops are about as many
Source              paper, method section; the authors' ``model.py``, ``utils/hard_attention.py``, ``train.py``,
                    ``main.py``
==================  ===================================================================================================

The share 0.95 is the released code's default for every data set. Gradients of the shares are the released estimator:
the mean over noisy scores of membership times noise times the gradient along the noise, over the deviation.

Left out or changed:

* Videos longer than the reader's window are averaged into its rows first, and those into the 32 pieces.
* The rows' shares are added up over ranks before they are used: the released code multiplies ranks by rows and adds up
  after, which is the same number.
* To score, the noise is the same in every run and for every video; the released code draws it anew, so that its scores
  differ from run to run.
* Long videos are scored in windows, the released code's as a whole; there the top 95 % are at most 1,000 rows, which a
  window never reaches. Rows past a window's length are in no top and are zero before every convolution.
* The MLP that narrows I3D's and C3D's features has no use here.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from train.baselines.pieces import valid_rows, xavier_weights_zero_biases
from train.baselines.rtfm import RTFM

PIECES = 32
SHARE = 0.95
DRAWS = 100
DEVIATION = 0.05


class _TopShare(torch.autograd.Function):
    """Membership in the top k of noisy scores, averaged over draws, with the gradient of that expectation."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, noise: Tensor, count: Tensor, valid: Tensor) -> Tensor:
        noisy = (scores[:, None, :] + DEVIATION * noise).masked_fill(~valid[:, None, :], -math.inf)  # [B, draws, T]
        ranked = noisy.sort(dim=-1, descending=True).values
        lowest = ranked.gather(-1, (count - 1)[:, None, None].expand(-1, noise.shape[1], 1))  # [B, draws, 1]
        member = ((noisy >= lowest) & valid[:, None, :]).to(scores.dtype)
        ctx.save_for_backward(member, noise.masked_fill(~valid[:, None, :], 0.0))
        return member.mean(dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        member, noise = ctx.saved_tensors
        along = (noise * gradients[0][:, None, :]).sum(dim=-1, keepdim=True)  # [B, draws, 1]
        return (member * along).mean(dim=1) / DEVIATION, None, None, None


def top_share(scores: Tensor, noise: Tensor, length: Tensor) -> Tensor:
    """Tell how often each row is among a video's highest 95 % when its scores are disturbed.

    Args:
        scores: ``[B, T]``.
        noise: Standard normal draws ``[B, draws, T]``.
        length: Valid rows ``[B]`` int64.

    Returns:
        ``[B, T]`` in 0..1, 0 past the length; ``max(1, floor(0.95 * length))`` in total for each video.
    """
    # Doubles, so that the product rounds down as it does in the released code.
    count = (length.double() * SHARE).long().clamp_min(1)
    shares: Tensor = _TopShare.apply(scores, noise, count, valid_rows(scores, length))  # type: ignore[no-untyped-call]
    return shares


class CLIPTSA(RTFM):
    """Temporal self-attention in front of RTFM's pyramid, with RTFM's losses and a narrower head.

    Args:
        dim: Width D of the features, a multiple of 16.
        pieces: Pieces of a training video; a tenth of them is chosen by magnitude.
    """

    def __init__(self, dim: int = 512, pieces: int = PIECES) -> None:
        super().__init__(dim, pieces, hidden=(dim // 4, dim // 16))
        self.scorer = nn.Sequential(nn.Linear(dim, 256), nn.ReLU(), nn.Linear(256, 1), nn.Sigmoid())
        self.scorer.apply(xavier_weights_zero_biases)

    def _rows(self, visual: Tensor, length: Tensor) -> Tensor:
        scores = self.scorer(visual).squeeze(-1)  # [B, T]
        return top_share(scores, self._noise(scores), length)[:, :, None] * visual

    def _noise(self, scores: Tensor) -> Tensor:
        videos, rows = scores.shape
        if self.training:
            return torch.randn(videos, DRAWS, rows, dtype=scores.dtype, device=scores.device)
        # NumPy draws one number after the other, so that a row's noise does not depend on how many rows follow.
        fixed = np.random.default_rng(0).standard_normal((rows, DRAWS), dtype=np.float32)
        return torch.from_numpy(fixed).to(scores).T.expand(videos, -1, -1)
