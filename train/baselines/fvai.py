"""FVAI: attention between and within modalities, and a visual network that learns along (Pang et al., ICASSP 2021).

==================  ===================================================================================================
Layers              visual and audio rows each linear D -> 128, ReLU, dropout 0.6
                    co-attention: affinity of visual and audio times, the product of a linear layer of each; each
                    modality adds what its times read of the other (softmax over the other's times, linear 128 -> 128)
                    times a scalar that starts at 0
                    self-attention in each modality: query, key and value linear 128 -> 128, softmax, times a scalar
                    that starts at 0, plus its input
                    fusion: co- and self-attention joined (256), convolution of kernel 3 to 128 in each modality,
                    product z of both, sign(z) sqrt(abs(z)); linear 128 -> 1; sigmoid
                    mutual network: visual rows through a projection, self-attention and linear layer of its own
Parameters          608,775 (D = 512), of which 115,330 are the mutual network's
Loss terms          ``master``: mean squared distance of a video's k highest scores from its label, k = floor(length /
                    16) + 1, weight 1
                    ``mutual``: the same of the mutual network, 1
                    ``agreement``: mean squared difference of both networks' scores over valid rows, gradient into both,
                    1
Optimiser           Adam, learning rate 1e-4, divided by 10 after 10 epochs (HL-Net's, ours)
Batch               128 videos, shuffled (ours)
Pieces              at most 200 rows, padded (ours)
Epochs              50 (ours)
Source              the abstract, and formulas from one reading note by others; neither full text nor code could be had
==================  ===================================================================================================

The score is the mean of both networks' scores; its logit is handed on, held within 1e-6 and 1 - 1e-6.

From the reading note: affinity and co-attention, what is joined, the fusion's convolutions, product and signed root,
the three losses and their form, the score as a weighted mean.

Unknown: width, projection, the form of self-attention, k, the weight of ``agreement`` and that of the mutual score, how
the scalars start, dropout, optimiser, rate, batch, epochs, rows, seeds, whether the mutual network hears, and whether
the figure reported is the authors' own or a run on CLIP's features.

Ours: all of these, as above. The root is taken of abs(z) + 1e-8, as its slope is infinite at 0. Rows past a video's
length are read by no attention and are zero before every convolution. Every crop is a video of its own; long videos
are averaged into pieces to train and scored in windows.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines.pieces import valid_rows
from train.model.branches import Output, no_class_logits
from train.model.layers import convolve
from train.model.losses import top_k_mean
from train.samples import Batch

PIECES = 200

WIDTH = 128
DROPOUT = 0.6
AGREEMENT_WEIGHT = 1.0
MUTUAL_SHARE = 0.5
LEAST_ROOT = 1e-8
LEAST_SCORE = 1e-6


class CoAttention(nn.Module):
    """Lets visual rows read audio rows and audio rows visual ones, by one affinity."""

    def __init__(self) -> None:
        super().__init__()
        self.match_visual, self.match_audio, self.read_visual, self.read_audio = (
            nn.Linear(WIDTH, WIDTH) for _ in range(4)
        )
        self.share_visual, self.share_audio = (nn.Parameter(torch.zeros(())) for _ in range(2))

    def forward(self, visual: Tensor, audio: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Map both ``[B, T, 128]`` to the same shapes; ``valid`` ``[B, T]`` says which rows are read."""
        affinity = self.match_visual(visual) @ self.match_audio(audio).mT  # [B, T of visual, T of audio]
        heard = _read(affinity, self.read_audio(audio), valid)
        seen = _read(affinity.mT, self.read_visual(visual), valid)
        return visual + self.share_audio * heard, audio + self.share_visual * seen


class SelfAttention(nn.Module):
    """Lets the rows of one modality read one another."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map ``[B, T, 128]`` to the same shape; ``valid`` ``[B, T]`` says which rows are read."""
        return x + self.share * _read(self.query(x) @ self.key(x).mT, self.value(x), valid)


class MutualNetwork(nn.Module):
    """The smaller network, which sees alone.

    Args:
        dim: Width D of the visual rows.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(dim, WIDTH)
        self.attention = SelfAttention()
        self.classifier = nn.Linear(WIDTH, 1)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, visual: Tensor, valid: Tensor) -> Tensor:
        """Score rows ``[B, T, D]``: ``[B, T]``, in 0..1."""
        rows = self.attention(self.dropout(F.relu(self.narrow(visual))), valid)
        scores: Tensor = self.classifier(rows).squeeze(-1).sigmoid()
        return scores


class FVAI(nn.Module):
    """The audio-visual network and the one that learns along.

    Args:
        dim: Width D of the visual rows.
        audio_dim: Width of the audio rows.
        mutual_share: Share of the mutual network in the score.
    """

    def __init__(self, dim: int = 512, audio_dim: int = 512, mutual_share: float = MUTUAL_SHARE) -> None:
        super().__init__()
        self.mutual_share = mutual_share
        self.narrow_visual = nn.Linear(dim, WIDTH)
        self.narrow_audio = nn.Linear(audio_dim, WIDTH)
        self.co_attention = CoAttention()
        self.attend_visual, self.attend_audio = SelfAttention(), SelfAttention()
        self.fuse_visual, self.fuse_audio = (nn.Conv1d(2 * WIDTH, WIDTH, kernel_size=3, padding=1) for _ in range(2))
        self.classifier = nn.Linear(WIDTH, 1)
        self.mutual = MutualNetwork(dim)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: ``[B, T, audio_dim]``.
            length: Valid rows ``[B]`` int64.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]`` and the fused rows as features ``[B, T, 128]``.
        """
        features, master, mutual = self._scores(visual, audio, length)
        logits = torch.logit((1 - self.mutual_share) * master + self.mutual_share * mutual, eps=LEAST_SCORE)
        return Output(logits, no_class_logits(logits), features, None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of any batch, unweighted, and their weighted ``total``."""
        _, master, mutual = self._scores(batch.visual, batch.audio, batch.length)
        valid = valid_rows(batch.visual, batch.length)
        is_abnormal = batch.labels[:, 0] == 0
        losses = {
            "master": bag_loss(master, is_abnormal, batch.length),
            "mutual": bag_loss(mutual, is_abnormal, batch.length),
            "agreement": F.mse_loss(master[valid], mutual[valid]),
        }
        return losses | {"total": losses["master"] + losses["mutual"] + AGREEMENT_WEIGHT * losses["agreement"]}

    def _scores(self, visual: Tensor, audio: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the fused rows ``[B, T, 128]`` and both networks' scores ``[B, T]``."""
        valid = valid_rows(visual, length)
        seen = self.dropout(F.relu(self.narrow_visual(visual)))
        heard = self.dropout(F.relu(self.narrow_audio(audio)))
        seen_together, heard_together = self.co_attention(seen, heard, valid)
        fused = signed_root(
            _over_time(self.fuse_visual, torch.cat([seen_together, self.attend_visual(seen, valid)], dim=-1), valid)
            * _over_time(self.fuse_audio, torch.cat([heard_together, self.attend_audio(heard, valid)], dim=-1), valid)
        )
        return fused, self.classifier(fused).squeeze(-1).sigmoid(), self.mutual(visual, valid)


def signed_root(z: Tensor) -> Tensor:
    """Take the root of every value's size and keep its sign."""
    return z.sign() * (z.abs() + LEAST_ROOT).sqrt()


def bag_loss(scores: Tensor, is_abnormal: Tensor, length: Tensor) -> Tensor:
    """Mean over videos of the squared distance of their highest scores from their label.

    Args:
        scores: ``[B, T]``, in 0..1.
        is_abnormal: ``[B]`` bool.
        length: Valid rows ``[B]``.
    """
    # Squares that rise with the score, so that the highest are those of the highest scores.
    rising = torch.where(is_abnormal[:, None], -(1 - scores).square(), scores.square())
    return top_k_mean(rising, length).abs().mean()


def _read(affinity: Tensor, rows: Tensor, valid: Tensor) -> Tensor:
    return affinity.masked_fill(~valid[:, None, :], -math.inf).softmax(dim=-1) @ rows


def _over_time(layer: nn.Conv1d, rows: Tensor, valid: Tensor) -> Tensor:
    return convolve(rows.masked_fill(~valid[:, :, None], 0.0), layer.weight, layer.bias, padding=1)
