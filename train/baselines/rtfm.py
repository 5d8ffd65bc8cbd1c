"""RTFM: robust temporal feature magnitudes (Tian et al., ICCV 2021, arXiv 2101.10030).

==================  ===================================================================================================
Layers              pyramid: three convolutions over time (kernel 3, dilations 1, 2, 4; D -> D/4, ReLU, batch norm)
                    beside D -> D/4 (kernel 1, no bias, ReLU) and a non-local block of inner width D/8 (dot products
                    over the number of rows, batch norm that starts at 0); joined, convolution D -> D (kernel 3, no
                    bias), ReLU, batch norm; plus the input; dropout 0.7
                    head: linear D -> 512, ReLU, dropout 0.7; 512 -> 128, ReLU, dropout 0.7; 128 -> 1; sigmoid
Parameters          1,805,761 (D = 512)
Loss terms          ``classification``: binary cross entropy of the mean score of the 3 pieces of largest magnitude, 1
                    ``magnitude``: mean over pairs of (abs(100 - norm of the abnormal video's mean top-3 feature)
                    + norm of the normal video's)^2, weight 1e-4
                    ``smoothness``: squared steps between neighbouring scores of the abnormal half, 8e-4
                    ``sparsity``: norm of all scores of the abnormal half, 8e-3
Optimiser           Adam, learning rate 0.001, weight decay 0.005 (in the gradient, not decoupled)
Batch               32 normal and 32 abnormal videos
Pieces              32, top 3
Steps               15,000 in the released code; 50 epochs of XD-Violence's 5 crops are as many
Source              paper, "The Proposed Method: RTFM"; the authors' ``model.py``, ``train.py``, ``main.py``,
                    ``option.py``
==================  ===================================================================================================

The magnitude terms are the released code's, not the paper's hinge. So are smoothness and sparsity: the half's
scores stand in one row, so that a step also counts between one video's end and the next one's start, and sparsity is
one norm, not a sum. Dropout 0.7 of magnitudes decides which pieces may be chosen, as released.

Left out or changed:

* In the paper's tables features are CLIP's of width 512, not I3D's of width 2048, as published
  (``config/ucf_i3d.yaml``): the pyramid's branches are D/4 wide, as 512 is of 2048.
* Videos longer than the reader's window are averaged into its rows first, and those into the 32 pieces.
* Every crop is a video of its own in training; the released code averages scores and magnitudes over a video's crops.
  Scores are averaged as there with ``scoring_crop: all``.
* Long videos are scored in windows, the released code's as a whole. Rows past a window's length are zero before every
  convolution, and the non-local block neither reads nor counts them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines.pieces import paired_halves, resample, valid_rows, xavier_weights_zero_biases
from train.model.branches import Output, no_class_logits
from train.model.losses import probability_loss
from train.samples import Batch

PIECES = 32
MARGIN = 100.0
MAGNITUDE_WEIGHT = 1e-4
SMOOTHNESS_WEIGHT = 8e-4
SPARSITY_WEIGHT = 8e-3
PIECES_PER_CHOSEN = 10


class NonLocal(nn.Module):
    """Self-attention over time without softmax, added to its input.

    Args:
        dim: Width of the input, even.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(dim, dim // 2, kernel_size=1)
        self.key = nn.Conv1d(dim, dim // 2, kernel_size=1)
        self.value = nn.Conv1d(dim, dim // 2, kernel_size=1)
        self.out = nn.Conv1d(dim // 2, dim, kernel_size=1)
        self.norm = nn.BatchNorm1d(dim)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map ``[B, dim, T]`` to the same shape; ``valid`` ``[B, 1, T]`` bool says which rows there are."""
        similarity = self.query(x).mT @ self.key(x) / valid.sum(dim=-1, keepdim=True)  # [B, T, T]
        gathered = similarity @ self.value(x).masked_fill(~valid, 0.0).mT  # [B, T, dim / 2]
        output: Tensor = self.norm(self.out(gathered.mT)) + x
        return output


class TemporalPyramid(nn.Module):
    """RTFM's multi-scale temporal network.

    Args:
        dim: Width D, a multiple of 8.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        width = dim // 4
        self.dilated = nn.ModuleList(
            nn.Sequential(nn.Conv1d(dim, width, kernel_size=3, dilation=d, padding=d), nn.ReLU(), nn.BatchNorm1d(width))
            for d in (1, 2, 4)
        )
        self.narrow = nn.Conv1d(dim, width, kernel_size=1, bias=False)
        self.non_local = NonLocal(width)
        self.merge = nn.Sequential(
            nn.Conv1d(dim, dim, kernel_size=3, padding=1, bias=False), nn.ReLU(), nn.BatchNorm1d(dim)
        )

    def forward(self, rows: Tensor, valid: Tensor) -> Tensor:
        """Map ``[B, T, D]`` to the same shape; ``valid`` is ``[B, T]`` bool."""
        valid = valid[:, None, :]  # [B, 1, T]
        x = rows.mT.masked_fill(~valid, 0.0)  # [B, D, T]
        scales = [scale(x) for scale in self.dilated]
        joined = torch.cat([*scales, self.non_local(F.relu(self.narrow(x)), valid)], dim=1)  # [B, D, T]
        output: Tensor = self.merge(joined.masked_fill(~valid, 0.0)) + x
        return output.mT


class RTFM(nn.Module):
    """Temporal pyramid and scoring head.

    Args:
        dim: Width D of the features, a multiple of 8.
        pieces: Pieces of a training video; a tenth of them is chosen by magnitude.
        hidden: Widths of the head's two hidden layers.
    """

    def __init__(self, dim: int = 512, pieces: int = PIECES, hidden: tuple[int, int] = (512, 128)) -> None:
        super().__init__()
        self.pieces = pieces
        self.pyramid = TemporalPyramid(dim)
        self.dropout = nn.Dropout(0.7)
        self.head = nn.Sequential(
            nn.Linear(dim, hidden[0]),
            nn.ReLU(),
            nn.Dropout(0.7),
            nn.Linear(hidden[0], hidden[1]),
            nn.ReLU(),
            nn.Dropout(0.7),
            nn.Linear(hidden[1], 1),
        )
        self.apply(xavier_weights_zero_biases)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: Not read.
            length: Valid rows ``[B]`` int64.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]`` and the pyramid's features ``[B, T, D]``.
        """
        features = self.dropout(self.pyramid(self._rows(visual, length), valid_rows(visual, length)))
        logits = self.head(features).squeeze(-1)
        return Output(logits, no_class_logits(logits), features, None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of a paired batch, unweighted, and their weighted ``total``.

        Raises:
            InputError: If the batch does not hold as many normal as abnormal videos.
        """
        rows = resample(batch.visual, batch.length, self.pieces)
        output = self(rows, batch.audio, torch.full_like(batch.length, self.pieces))
        return magnitude_losses(output.features, output.anomaly_logits.sigmoid(), batch.labels, self.dropout)

    def _rows(self, visual: Tensor, length: Tensor) -> Tensor:
        """Give what the pyramid reads ``[B, T, D]``."""
        return visual


def magnitude_losses(features: Tensor, scores: Tensor, labels: Tensor, dropout: nn.Module) -> dict[str, Tensor]:
    """RTFM's loss terms, unweighted, and their weighted ``total``; CLIP-TSA has the same.

    Args:
        features: ``[2n, S, D]``.
        scores: Anomaly scores ``[2n, S]``, in 0..1.
        labels: Raw 0/1 rows ``[2n, C]``.
        dropout: Drops magnitudes ``[2n, S]`` before the largest are chosen.

    Raises:
        InputError: If there are not as many normal as abnormal videos.
    """
    normal, abnormal = paired_halves(labels)
    magnitude = features.norm(dim=2)
    chosen = (magnitude * dropout(torch.ones_like(magnitude))).topk(features.shape[1] // PIECES_PER_CHOSEN).indices
    video_score = scores.gather(1, chosen).mean(dim=1)  # [2n]
    video_feature = features.gather(1, chosen[:, :, None].expand(-1, -1, features.shape[2])).mean(dim=1)  # [2n, D]
    video_magnitude = video_feature.norm(dim=1)
    abnormal_scores = scores[abnormal].flatten()
    losses = {
        "classification": probability_loss(video_score, 1 - labels[:, 0]),
        "magnitude": ((MARGIN - video_magnitude[abnormal]).abs() + video_magnitude[normal]).square().mean(),
        "smoothness": abnormal_scores.diff().square().sum(),
        "sparsity": abnormal_scores.norm(),
    }
    total = (
        losses["classification"]
        + MAGNITUDE_WEIGHT * losses["magnitude"]
        + SMOOTHNESS_WEIGHT * losses["smoothness"]
        + SPARSITY_WEIGHT * losses["sparsity"]
    )
    return losses | {"total": total}
