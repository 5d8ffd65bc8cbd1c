"""What the baselines share: a video in a fixed number of pieces, masks, rows without padding, and paired halves."""

import torch
from torch import Tensor, nn

from extract.base.errors import InputError


def resample(rows: Tensor, length: Tensor, pieces: int) -> Tensor:
    """Turn videos of any length into a fixed number of pieces, as most of these methods train.

    Piece ``i`` is the mean of the rows from ``floor(i * length / pieces)`` up to the next piece's first; where
    a video has fewer rows than pieces, it is that one row, so that short videos are stretched and nothing is padded.

    Args:
        rows: ``[B, T, D]``; rows past the length do not enter.
        length: Valid rows ``[B]`` int64, at least 1.
        pieces: Pieces wanted, S.

    Returns:
        ``[B, S, D]``.
    """
    bounds = torch.arange(pieces + 1, device=rows.device) * length[:, None] // pieces  # [B, S + 1]
    start = bounds[:, :-1, None]
    end = torch.maximum(bounds[:, 1:, None], start + 1)
    row = torch.arange(rows.shape[1], device=rows.device)
    weights = ((row >= start) & (row < end)) / (end - start)  # [B, S, T]
    return weights.to(rows.dtype) @ rows


def valid_rows(rows: Tensor, length: Tensor) -> Tensor:
    """Mark the rows of ``rows`` ``[B, T, D]`` before each video's length: ``[B, T]`` bool."""
    return torch.arange(rows.shape[1], device=rows.device) < length[:, None]


def padded(rows: Tensor, valid: Tensor) -> Tensor:
    """Put rows ``[N, D]``, taken out as ``x[valid]``, back to their places; gives ``[B, T, D]``, zero elsewhere.

    Layers that look at one row at a time need no padding, which is two in five of XD-Violence's rows.

    Args:
        rows: ``[N, D]``, in the order of ``valid``.
        valid: ``[B, T]`` bool with N that are true.
    """
    return rows.new_zeros(*valid.shape, rows.shape[-1]).index_put((valid,), rows)


def paired_halves(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Find the normal and the abnormal videos of a paired batch.

    Args:
        labels: Raw 0/1 rows ``[2n, C]``, the normal class in column 0.

    Returns:
        Row numbers of the normal and of the abnormal videos, ``[n]`` int64 each.

    Raises:
        InputError: If there are not as many of one as of the other.
    """
    is_normal = labels[:, 0] == 1
    normal, abnormal = is_normal.nonzero().squeeze(1), (~is_normal).nonzero().squeeze(1)
    if len(normal) != len(abnormal) or len(normal) == 0:
        raise InputError(
            f"sampling: this method compares normal with abnormal videos one to one, but a batch holds {len(normal)} "
            f"and {len(abnormal)}; set sampling to paired"
        )
    return normal, abnormal


def xavier_weights_zero_biases(module: nn.Module) -> None:
    """Initialise a convolution or linear layer as RTFM's and CLIP-TSA's released code does; for ``Module.apply``."""
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
