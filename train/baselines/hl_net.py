"""HL-Net: holistic, localised and score branches (Wu et al., ECCV 2020, arXiv 2007.04687), visual and audio-visual.

==================  ===================================================================================================
Layers              linear over each row, D -> 512 and 512 -> 128, each ReLU and dropout 0.6
                    approximator: 128 -> 64 -> 32, each ReLU; convolution 32 -> 1 that looks back 5 rows (HLC)
                    three branches of two graph convolutions 128 -> 32 -> 32 (residual, ReLU, dropout 0.6; the first's
                    residual is a convolution of kernel 5): by similarity of the input rows (cosine above 0.7, softmax),
                    by distance in time (exp(-abs(i - j) / e)), by closeness of the approximator's scores
                    (sigmoid((0.5 - abs(s_i - s_j)) / 0.1), softmax; no gradient)
                    linear 96 -> 1 over the joined branches
Parameters          visual 415,810 (D = 512); audio-visual 677,954 (D = 512 + 512)
Loss terms          ``classification``: binary cross entropy of the sigmoid of each video's mean top-k logit,
                    k = floor(length / 16) + 1, weight 1
                    ``approximator``: the same of the approximator's logits, 1
                    ``distillation``: mean over a video's rows, then over videos, of -s log(s'), s the branches' score
                    (no gradient), s' the approximator's, 5
Optimiser           Adam, learning rate 1e-4 (the approximator's half of it: ``parameter_groups``), divided by 10 after
                    10 epochs
Batch               128 videos, shuffled
Pieces              at most 200 rows, padded
Epochs              50
Source              paper, method section; the authors' ``model.py``, ``layers.py``, ``train.py``, ``main.py``,
                    ``option.py``
==================  ===================================================================================================

The audio-visual form joins audio to visual rows before the first layer, as released (``MIX2``). The score is that of
the joined branches (offline in the paper's words).

Left out or changed:

* In the paper's tables features are CLIP's and Wav2CLIP's of width 512, not I3D's of width 1024 and VGGish's of width
  128, as published (``config/xd_i3d.yaml``). On the latter the networks have 677,954 and 743,490 parameters.
* Rows past a video's length are zero before every layer that looks at other rows; the released code lets them take part
  in the distance branch and the residual convolutions while training.
* Long videos are averaged into pieces to train, where the released code picks 200 rows evenly, and scored in windows,
  where the released code scores them as a whole.
* Every crop is scored by itself; the released test code averages five, as ``scoring_crop: all`` does.
* Weights that no output depends on (``simAdj``, ``disAdj.sigma``) do not exist.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines.pieces import valid_rows
from train.model.branches import Output, no_class_logits
from train.model.losses import top_k_mean
from train.model.temporal_adapter import distance_adjacency, similarity_adjacency
from train.samples import Batch

PIECES = 200
DISTILLATION_WEIGHT = 5.0
LOOK_BACK = 5
DROPOUT = 0.6


class GraphConvolution(nn.Module):
    """``A @ (x @ weight)`` plus a residual, without bias or activation.

    Args:
        dim_in: Width of the input.
        dim_out: Width of the output. Where it differs from ``dim_in`` the residual is a convolution over time.
    """

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim_in, dim_out)))
        self.residual = nn.Conv1d(dim_in, dim_out, kernel_size=5, padding=2) if dim_in != dim_out else None

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Map ``[B, T, dim_in]`` to ``[B, T, dim_out]`` along ``adjacency`` ``[B, T, T]`` or ``[T, T]``."""
        residual = x if self.residual is None else self.residual(x.mT).mT
        return adjacency @ (x @ self.weight) + residual


class GraphBranch(nn.Module):
    """Two graph convolutions 128 -> 32 -> 32 that share one adjacency."""

    def __init__(self) -> None:
        super().__init__()
        self.first = GraphConvolution(128, 32)
        self.second = GraphConvolution(32, 32)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, adjacency: Tensor, padding: Tensor) -> Tensor:
        """Map ``[B, T, 128]`` to ``[B, T, 32]``; ``padding`` ``[B, T, 1]`` bool marks rows that nothing may read."""
        hidden = self.dropout(F.relu(self.first(x, adjacency))).masked_fill(padding, 0.0)
        output: Tensor = self.dropout(F.relu(self.second(hidden, adjacency)))
        return output


class HLNet(nn.Module):
    """HL-Net on visual rows.

    Args:
        dim: Width D of the rows that the first layer reads.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.first = nn.Linear(dim, 512)
        self.second = nn.Linear(512, 128)
        self.approximator = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.look_back = nn.Conv1d(32, 1, kernel_size=LOOK_BACK)
        self.branches = nn.ModuleList(GraphBranch() for _ in range(3))
        self.classifier = nn.Linear(32 * 3, 1)
        self.dropout = nn.Dropout(DROPOUT)
        self.apply(_xavier_weights)

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Group the parameters as an optimiser takes them: the approximator learns at half the rate."""
        slower = [*self.approximator.parameters(), *self.look_back.parameters()]
        taken = {id(parameter) for parameter in slower}
        others = [parameter for parameter in self.parameters() if id(parameter) not in taken]
        return [{"params": others, "lr": learning_rate}, {"params": slower, "lr": learning_rate / 2}]

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: Not read by this form.
            length: Valid rows ``[B]`` int64.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]`` and the joined branches as features ``[B, T, 96]``.
        """
        features, logits, _ = self._branches(self._rows(visual, audio), length)
        return Output(logits, no_class_logits(logits), features, None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of any batch, unweighted, and their weighted ``total``."""
        _, logits, approximated = self._branches(self._rows(batch.visual, batch.audio), batch.length)
        return self._weighted_losses(logits, approximated, batch)

    def _weighted_losses(self, logits: Tensor, approximated: Tensor, batch: Batch) -> dict[str, Tensor]:
        valid = valid_rows(logits, batch.length)  # [B, T]
        surprise = -logits.detach().sigmoid() * F.logsigmoid(approximated)  # [B, T]
        losses = {
            "classification": _video_loss(logits, batch),
            "approximator": _video_loss(approximated, batch),
            "distillation": (surprise.masked_fill(~valid, 0.0).sum(dim=1) / batch.length).mean(),
        }
        total = losses["classification"] + losses["approximator"] + DISTILLATION_WEIGHT * losses["distillation"]
        return losses | {"total": total}

    def _rows(self, visual: Tensor, audio: Tensor) -> Tensor:
        return visual

    def _branches(self, rows: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give features ``[B, T, 96]``, logits ``[B, T]`` and the approximator's logits ``[B, T]``."""
        padding = ~valid_rows(rows, length)[:, :, None]  # [B, T, 1]
        x = self.dropout(F.relu(self.first(rows)))
        x = self.dropout(F.relu(self.second(x))).masked_fill(padding, 0.0)  # [B, T, 128]
        approximated = self.look_back(F.pad(self.approximator(x).mT, (LOOK_BACK - 1, 0))).squeeze(1)  # [B, T]
        adjacencies = (
            similarity_adjacency(rows, length),
            distance_adjacency(rows.shape[1]).to(rows.device),
            score_adjacency(approximated.detach().sigmoid(), length),
        )
        outputs = [branch(x, adjacency, padding) for branch, adjacency in zip(self.branches, adjacencies, strict=True)]
        features = torch.cat(outputs, dim=-1)  # [B, T, 96]
        return features, self.classifier(features).squeeze(-1), approximated


class HLNetAudioVisual(HLNet):
    """HL-Net on visual and audio rows side by side.

    Args:
        dim: Width D of the visual rows.
        audio_dim: Width of the audio rows.
    """

    def __init__(self, dim: int = 512, audio_dim: int = 512) -> None:
        super().__init__(dim + audio_dim)

    def _rows(self, visual: Tensor, audio: Tensor) -> Tensor:
        return torch.cat([visual, audio], dim=-1)


def score_adjacency(scores: Tensor, length: Tensor) -> Tensor:
    """Connect the rows of a video that score alike.

    Args:
        scores: ``[B, T]``, in 0..1.
        length: Valid rows ``[B]``.

    Returns:
        ``[B, T, T]``; valid rows sum to 1, rows and columns past the length are 0.
    """
    closeness = 1 - (scores[:, :, None] - scores[:, None, :]).abs()
    valid = valid_rows(scores, length)
    adjacency = torch.sigmoid((closeness - 0.5) / 0.1).masked_fill(~valid[:, None, :], -math.inf).softmax(dim=-1)
    return adjacency.masked_fill(~valid[:, :, None], 0.0)


def _video_loss(logits: Tensor, batch: Batch) -> Tensor:
    return F.binary_cross_entropy_with_logits(top_k_mean(logits, batch.length), 1 - batch.labels[:, 0])


def _xavier_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
