"""Efficient-Prompt: learned vectors around the class name, a small transformer over time (Ju et al., ECCV 2022).

==================  ===================================================================================================
Layers              a learned vector for each of T positions, added to the row
                    transformer of 1 layer, norm first: attention with 8 heads, MLP 512 -> 2048 -> 512 with QuickGELU
                    prompt: 16 learned vectors before and 16 behind the class name, through CLIP's frozen text tower
                    cosine of every row with every class, divided by 0.07
Parameters          3,283,456 (T = 256) and 39,424 of the prompt; with the released 16 positions 3,200,000 in all
Loss terms          ``classes``: cross entropy of the softmax over classes of each class's mean top-k logit,
                    k = floor(length / 16) + 1, with the video's labels divided by their sum, weight 1
Optimiser           AdamW, learning rate 1e-4, weight decay 0.01; the released schedule is constant in practice
Batch               64 videos, shuffled
Pieces              at most 256 rows, padded
Epochs              10
Source              the authors' ``src/model.py``, ``src/main.py`` and the command of their ``README.md``
                    (``ju-chen/Efficient-Prompt``)
==================  ===================================================================================================

Network, initialisation and optimiser are the released ones. It was made to name the action of a whole video; how
VadCLIP's authors made it score frames from video labels is published nowhere, so these are ours:

* Rows are not averaged over time: every row keeps its cosines. The released code averages 16 rows and cosines of those.
* The loss, ours: VadCLIP's MIL-Align in place of a cross entropy of the averaged video with the batch's classes and up
  to 400 others.
* 256 positions in place of 16, ours, and rows past the length are not read.
* 10 epochs, ours, the scale of VadCLIP's training on XD-Violence; the released command takes 1,100 steps.
* The anomaly score is 1 - p(normal), ours. The released code averages 5 samplings of a video.

Unknown: loss, pooling, score and epochs of the reported row, and whether it had a branch for two classes beside.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from train.baselines.class_logits import anomaly_logits
from train.baselines.pieces import valid_rows
from train.model.branches import Output, alignment_logits
from train.model.layers import QuickGeluMLP
from train.model.losses import AlignmentLoss
from train.model.prompts import LearnablePrompt
from train.samples import Batch

if TYPE_CHECKING:
    import open_clip

POSITIONS = 256
HEADS = 8
PREFIX = 16
POSTFIX = 16


class Block(nn.Module):
    """A transformer layer whose norms come first.

    Args:
        dim: Width of input and output.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, HEADS, batch_first=True)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = QuickGeluMLP(dim)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape; no row reads one that is not ``valid`` ``[B, T]``."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, key_padding_mask=~valid, need_weights=False)[0]
        output: Tensor = x + self.mlp(self.ln_2(x))
        return output


class EfficientPrompt(nn.Module):
    """A transformer over the rows, compared with class embeddings from outside.

    Args:
        dim: Width D of the features.
        max_snippets: Rows of the longest input.
    """

    def __init__(self, dim: int = 512, max_snippets: int = POSITIONS) -> None:
        super().__init__()
        self.positions = nn.Parameter(0.01 * torch.randn(max_snippets, dim))
        self.block = Block(dim)
        self.class_loss = AlignmentLoss()

    def text_side(self, clip: "open_clip.CLIP", prompts: Sequence[str]) -> LearnablePrompt:
        """Build the class names between learned vectors, through CLIP's frozen text tower."""
        return LearnablePrompt(clip, prompts, PREFIX, POSTFIX)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``, T at most the number of positions.
            audio: Not read.
            length: Valid rows ``[B]`` int64.
            text: Class embeddings ``[C, D]``, the normal class first.

        Returns:
            Anomaly logits ``[B, T]``, class logits ``[B, T, C]`` and the transformer's output as features
            ``[B, T, D]``.
        """
        features = self.block(visual + self.positions[: visual.shape[1]], valid_rows(visual, length))
        class_logits = alignment_logits(features, text.expand(len(visual), -1, -1))
        return Output(anomaly_logits(class_logits), class_logits, features, None)

    def losses(self, batch: Batch, text: Tensor) -> dict[str, Tensor]:
        """Compute the one loss term of any batch, and it once more as ``total``.

        Args:
            batch: Of any kind.
            text: Class embeddings ``[C, D]``, the normal class first.
        """
        class_logits = self(batch.visual, batch.audio, batch.length, text).class_logits
        loss = self.class_loss(class_logits, batch.labels, batch.length)
        return {"classes": loss, "total": loss}
