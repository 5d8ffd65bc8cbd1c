"""UR-DMU: dual memory units with uncertainty (Zhou et al., AAAI 2023, arXiv 2302.05160).

==================  ===================================================================================================
Layers              convolution over time D -> 512 (kernel 3), ReLU
                    two blocks (norm first, residual): attention with 4 heads of width 128 beside a fixed attention
                    that falls off as exp(-abs(i - j) / e), joined and mapped 1024 -> 512; MLP 512 -> 512 -> 512 with
                    GELU; dropout 0.5
                    abnormal and normal memory, 60 x 512 each, read by sigmoid(x . m / sqrt(512))
                    mean and log variance of what the normal memory gives, linear 512 -> 512 each
                    head: rows and memories joined, linear 1024 -> 128, ReLU, 128 -> 1; sigmoid
Parameters          5,706,497 (D = 512)
Loss terms          ``classification``: binary cross entropy of each video's mean top-k score, k = floor(T / 16) + 1, 1
                    ``memory``: abnormal videos must find the abnormal memory (top k) and not the normal one (top k of
                    1 - attention); normal ones must find the normal memory and not the abnormal one (every row);
                    a sum of four binary cross entropies, 0.1
                    ``triplet``: margin 1 between unit vectors of a normal video's most normal rows, the abnormal
                    video's most normal and its most abnormal rows, 0.1
                    ``divergence``: KL of the normal code from the standard normal, summed over rows, 0.001
                    ``distance``: max(0, 100 - norm of the abnormal code + norm of the normal code), 1e-4
Optimiser           Adam, learning rate 1e-4, weight decay 5e-5 (in the gradient, not decoupled)
Batch               64 normal and 64 abnormal videos
Pieces              200
Steps               3,000 in the released code; 20 epochs of XD-Violence's 5 crops are as many
Source              paper, section "Method", loss weights in "Implementation Details"; the authors' ``model.py``,
                    ``memory.py``, ``translayer.py``, ``train.py``, ``xd_main.py``
==================  ===================================================================================================

To train, normal rows are scored with a sample of their normal code and the mean code of the abnormal memory; abnormal
rows, and all rows at test time, with the mean codes of both (as released).

Left out or changed:

* In the paper's tables features are CLIP's of width 512, not I3D's of width 1024, as published
  (``config/xd_i3d.yaml``).
* Videos longer than the reader's window are averaged into its rows first, and those into the 200 pieces.
* Every crop is a video of its own; the released code, given several crops, averages over them, as ``scoring_crop: all``
  does to score.
* To train, both blocks are computed again on the way back rather than kept, which changes no figure.
* Long videos are scored in windows, the released code's as a whole. Rows past a window's length are zero before the
  convolution, and neither attention reads nor counts them.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from train.baselines.pieces import paired_halves, resample, valid_rows
from train.model.branches import Output, no_class_logits
from train.model.losses import probability_loss
from train.model.temporal_adapter import distance_adjacency
from train.samples import Batch

PIECES = 200
WIDTH = 512
SLOTS = 60
ROWS_PER_CHOSEN = 16
SLOTS_PER_CHOSEN = 16
DISTANCE_MARGIN = 100.0
MEMORY_WEIGHT = 0.1
TRIPLET_WEIGHT = 0.1
DIVERGENCE_WEIGHT = 0.001
DISTANCE_WEIGHT = 1e-4


class GlobalLocalAttention(nn.Module):
    """Multi-head attention beside a fixed one that falls off with distance in time.

    Args:
        dim: Width of input and output.
        heads: Heads of each.
        head_dim: Width of a head.
        dropout: Dropout of the output.
    """

    def __init__(self, dim: int, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(dim, 4 * heads * head_dim, bias=False)
        self.out = nn.Linear(2 * heads * head_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape; no row reads one that is not ``valid`` ``[B, T]``."""
        query, key, far, near = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.project(x).chunk(4, dim=-1)
        )  # [B, heads, T, head_dim]
        read = valid[:, None, None, :]
        attended = F.scaled_dot_product_attention(query, key, far, attn_mask=read)
        fall_off = distance_adjacency(x.shape[1]).to(x.device) * valid[:, :, None] * valid[:, None, :]  # [B, T, T]
        # Over columns, as released; rows near an end therefore sum to less than 1.
        fall_off = fall_off / fall_off.sum(dim=1, keepdim=True).clamp_min(1e-6)
        joined = torch.cat([attended, fall_off[:, None] @ near], dim=-1)  # [B, heads, T, 2 head_dim]
        output: Tensor = self.dropout(self.out(joined.transpose(1, 2).flatten(2)))
        return output


class Block(nn.Module):
    """Attention and MLP, each with its norm before and its input added.

    Args:
        dim: Width of input and output.
        dropout: Dropout in both.
    """

    def __init__(self, dim: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = GlobalLocalAttention(dim, heads=4, head_dim=128, dropout=dropout)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(dim, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape; ``valid`` is ``[B, T]`` bool."""
        x = self.attention(self.attention_norm(x), valid) + x
        output: Tensor = self.mlp(x) + x
        return output


class Memory(nn.Module):
    """Learned patterns that rows are compared with.

    Args:
        slots: Number of patterns.
        dim: Their width.
    """

    def __init__(self, slots: int, dim: int) -> None:
        super().__init__()
        self.patterns = nn.Parameter(torch.empty(slots, dim).uniform_(-1 / math.sqrt(dim), 1 / math.sqrt(dim)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compare rows ``[B, T, dim]``.

        Returns:
            How well each row fits, its mean over the best slots ``[B, T]`` in 0..1, and the patterns summed by how
            well they fit ``[B, T, dim]``.
        """
        slots, dim = self.patterns.shape
        fit = torch.sigmoid(x @ self.patterns.T / math.sqrt(dim))  # [B, T, slots]
        return fit.topk(slots // SLOTS_PER_CHOSEN + 1, dim=-1).values.mean(dim=-1), fit @ self.patterns


class URDMU(nn.Module):
    """Dual memories behind a global and local encoder.

    Args:
        dim: Width D of the features.
        pieces: Pieces of a training video; attention costs grow with their square.
    """

    def __init__(self, dim: int = 512, pieces: int = PIECES) -> None:
        super().__init__()
        self.pieces = pieces
        self.embedding = nn.Conv1d(dim, WIDTH, kernel_size=3, padding=1)
        self.blocks = nn.ModuleList([Block(WIDTH), Block(WIDTH)])
        self.abnormal_memory = Memory(SLOTS, WIDTH)
        self.normal_memory = Memory(SLOTS, WIDTH)
        self.mean = nn.Linear(WIDTH, WIDTH)
        self.log_variance = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Sequential(nn.Linear(2 * WIDTH, 128), nn.ReLU(), nn.Linear(128, 1))

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows, with the mean codes of both memories.

        Args:
            visual: ``[B, T, D]``.
            audio: Not read.
            length: Valid rows ``[B]`` int64.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]`` and the encoder's features ``[B, T, 512]``.
        """
        features = self._encode(visual, length)
        code = self.mean(self.abnormal_memory(features)[1]) + self.mean(self.normal_memory(features)[1])
        logits = self._score(features, code)
        return Output(logits, no_class_logits(logits), features, None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of a paired batch, unweighted, and their weighted ``total``.

        Raises:
            InputError: If the batch does not hold as many normal as abnormal videos.
        """
        rows = resample(batch.visual, batch.length, self.pieces)
        features = self._encode(rows, torch.full_like(batch.length, self.pieces))
        normal, abnormal = paired_halves(batch.labels)

        abnormal_fit, from_abnormal = self.abnormal_memory(features)  # [2n, S], [2n, S, 512]
        normal_fit, from_normal = self.normal_memory(features)
        abnormal_code, normal_code = self.mean(from_abnormal), self.mean(from_normal)
        log_variance = self.log_variance(from_normal[normal])
        sampled = normal_code[normal] + torch.randn_like(log_variance) * (log_variance / 2).exp()  # [n, S, 512]
        read = normal_code.index_copy(0, normal, sampled) + abnormal_code
        scores = self._score(features, read).sigmoid()  # [2n, S]

        most_normal = _best_rows(normal_fit[normal])
        most_abnormal = _best_rows(abnormal_fit[abnormal])
        losses = {
            "classification": probability_loss(_best_mean(scores), 1 - batch.labels[:, 0]),
            "memory": memory_loss(abnormal_fit, normal_fit, normal, abnormal),
            "triplet": triplet_loss(
                _mean_of(features[normal], most_normal),
                _mean_of(features[abnormal], _best_rows(normal_fit[abnormal])),
                _mean_of(features[abnormal], most_abnormal),
            ),
            "divergence": divergence(normal_code[normal], log_variance),
            "distance": F.relu(
                DISTANCE_MARGIN
                - _mean_of(abnormal_code[abnormal], most_abnormal).norm(dim=-1)
                + _mean_of(sampled, most_normal).norm(dim=-1)
            ).mean(),
        }
        total = (
            losses["classification"]
            + MEMORY_WEIGHT * losses["memory"]
            + TRIPLET_WEIGHT * losses["triplet"]
            + DIVERGENCE_WEIGHT * losses["divergence"]
            + DISTANCE_WEIGHT * losses["distance"]
        )
        return losses | {"total": total}

    def _encode(self, rows: Tensor, length: Tensor) -> Tensor:
        valid = valid_rows(rows, length)
        x = F.relu(self.embedding(rows.masked_fill(~valid[:, :, None], 0.0).mT)).mT  # [B, T, 512]
        for block in self.blocks:
            x = checkpoint(block, x, valid, use_reentrant=False) if self.training else block(x, valid)
        return x

    def _score(self, features: Tensor, code: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([features, code], dim=-1)).squeeze(-1)
        return logits


def memory_loss(abnormal_fit: Tensor, normal_fit: Tensor, normal: Tensor, abnormal: Tensor) -> Tensor:
    """Sum the four binary cross entropies that tell each memory its kind of video.

    Args:
        abnormal_fit: How well rows fit the abnormal memory ``[2n, S]``.
        normal_fit: The same of the normal memory.
        normal: Row numbers of the normal videos ``[n]``.
        abnormal: Those of the abnormal ones.

    Returns:
        A scalar.
    """
    return (
        _cross_entropy_with_one(_best_mean(abnormal_fit[abnormal]))
        + _cross_entropy_with_one(_best_mean(1 - normal_fit[abnormal]))
        + _cross_entropy_with_one(normal_fit[normal])
        + _cross_entropy_with_one(1 - abnormal_fit[normal])
    )


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Triplet margin loss (margin 1) of unit vectors made of ``[n, D]`` each; a scalar."""
    anchor, positive, negative = (F.normalize(rows, dim=-1) for rows in (anchor, positive, negative))
    return F.triplet_margin_loss(anchor, positive, negative, margin=1.0)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence from the standard normal: summed over the rows of ``[n, S, D]``, mean over n and D, as released."""
    return (-0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1)).mean()


def _best_rows(fit: Tensor) -> Tensor:
    return fit.topk(fit.shape[1] // ROWS_PER_CHOSEN + 1, dim=1).indices  # [n, k]


def _best_mean(fit: Tensor) -> Tensor:
    return fit.topk(fit.shape[1] // ROWS_PER_CHOSEN + 1, dim=1).values.mean(dim=1)  # [n]


def _mean_of(rows: Tensor, chosen: Tensor) -> Tensor:
    return rows.gather(1, chosen[:, :, None].expand(-1, -1, rows.shape[2])).mean(dim=1)  # [n, D]


def _cross_entropy_with_one(probability: Tensor) -> Tensor:
    return probability_loss(probability, torch.ones_like(probability))
