"""The temporal encoder of all networks: VadCLIP's local and global temporal (LGT) adapter.

VadCLIP (arXiv 2308.11681), "Local and Global Temporal Adapter". Local module: a transformer whose attention stays
within blocks of a few snippets. Global module: graph convolutions over the whole video, along rows that look alike and
along rows that are near in time.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.base.errors import InputError
from train.model.layers import QuickGeluMLP, convolve, quick_gelu

SIMILARITY_THRESHOLD = 0.7


class BlockLocalLayer(nn.Module):
    """A pre-norm transformer layer with one head whose attention never leaves a block of W snippets.

    The blocks are computed as a longer batch of short sequences, which equals full attention under
    a block-diagonal mask at W / T of its cost. Padded rows are keys like any other.

    Args:
        dim: Width D.
        window: Snippets W in a block; must divide the number of snippets of every input.
    """

    def __init__(self, dim: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, num_heads=1, batch_first=True)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = QuickGeluMLP(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, T, D]`` to ``[B, T, D]``, T a multiple of the window."""
        x = x + self._attend(self.ln_1(x))
        output: Tensor = x + self.mlp(self.ln_2(x))
        return output

    def _attend(self, x: Tensor) -> Tensor:
        dim = x.shape[-1]
        projected = F.linear(x, self.attn.in_proj_weight, self.attn.in_proj_bias)
        query, key, value = projected.view(-1, self.window, 3 * dim).chunk(3, dim=-1)  # [B * T / W, W, D] each
        # Spelled out: one head as wide as the features is a shape that PyTorch's own attention is slow at.
        weights = (query @ key.mT / math.sqrt(dim)).softmax(dim=-1)  # [B * T / W, W, W]
        attended: Tensor = self.attn.out_proj((weights @ value).view(x.shape))
        return attended


def similarity_adjacency(rows: Tensor, length: Tensor) -> Tensor:
    """Connect the rows of a video that look alike.

    Cosine similarities of at most 0.7 become 0, then each row goes through a softmax over the
    valid columns. The zeros take part in the softmax, so that no row attends to its likes alone.

    Args:
        rows: Features ``[B, T, D]``.
        length: Valid rows of each video ``[B]``, integer, at least 1.

    Returns:
        ``[B, T, T]``; valid rows sum to 1, rows and columns past the length are 0.
    """
    # In full precision, whatever the rest of the network computes in: the threshold would magnify its rounding.
    with torch.autocast(rows.device.type, enabled=False):
        rows = rows.float()
        norm = rows.norm(dim=-1, keepdim=True)  # [B, T, 1]
        # Dot products first and norms after, not normalised rows: a similarity within rounding of the
        # threshold then falls on the side on which the released weights were trained.
        cosine = rows @ rows.mT / (norm @ norm.mT + 1e-20)  # [B, T, T]
    linked = torch.where(cosine > SIMILARITY_THRESHOLD, cosine, 0.0)
    valid = torch.arange(rows.shape[1], device=rows.device) < length[:, None]  # [B, T]
    adjacency = linked.masked_fill(~valid[:, None, :], -math.inf).softmax(dim=-1)
    return adjacency.masked_fill(~valid[:, :, None], 0.0)


def distance_adjacency(snippets: int) -> Tensor:
    """Connect rows that are near in time: ``A[i, j] = exp(-|i - j| / e)``, not normalised, float32 ``[T, T]``."""
    position = torch.arange(snippets, dtype=torch.float32)
    return torch.exp(-(position[:, None] - position[None, :]).abs() / math.e)


class GraphLayer(nn.Module):
    """One graph convolution, ``QuickGELU(A @ (x @ weight) + residual(x))``, without bias.

    Args:
        dim_in: Width of the input.
        dim_out: Width of the output. Where it differs from ``dim_in`` the residual is a
            convolution over time (kernel 5), otherwise the identity.
    """

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim_in, dim_out)))
        self.residual = nn.Conv1d(dim_in, dim_out, kernel_size=5, padding=2) if dim_in != dim_out else None

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Map ``[B, T, dim_in]`` to ``[B, T, dim_out]`` along ``adjacency`` ``[B, T, T]`` or ``[T, T]``."""
        residual = x
        if self.residual is not None:
            residual = convolve(x, self.residual.weight, self.residual.bias, padding=2)
        return quick_gelu(adjacency @ (x @ self.weight) + residual)


class GraphBranch(nn.Module):
    """Two graph layers, D -> D/2 -> D/2, that share one adjacency and have no skip around them.

    Args:
        dim: Width D of the input, even.
    """

    def __init__(self, dim: int = 512) -> None:
        super().__init__()
        self.first = GraphLayer(dim, dim // 2)
        self.second = GraphLayer(dim // 2, dim // 2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Map ``[B, T, D]`` to ``[B, T, D/2]``."""
        output: Tensor = self.second(self.first(x, adjacency), adjacency)
        return output


class TemporalAdapter(nn.Module):
    """Position embedding, block-local transformer, similarity and distance graph branches, linear layer.

    Args:
        max_snippets: Rows T of every input, padding included. 256 in the papers; shorter videos
            waste less of a smaller T.
        layers: Transformer layers L. Teacher 2, student 1, VadCLIP 1 on XD-Violence and 2 on UCF-Crime.
        window: Snippets W in an attention block. Teacher 4, student 64, VadCLIP 64 on XD-Violence and
            8 on UCF-Crime. One that is longer than ``max_snippets`` is a single block of all rows.
        dim: Width D, even.

    Raises:
        InputError: If ``window`` does not divide ``max_snippets``.
    """

    distance_adjacency: Tensor

    def __init__(self, max_snippets: int = 256, layers: int = 1, window: int = 64, dim: int = 512) -> None:
        super().__init__()
        window = min(window, max_snippets)
        if max_snippets % window:
            raise InputError(
                f"max_snippets: {max_snippets} is no multiple of the attention window of {window} snippets; "
                f"use {max_snippets - max_snippets % window} or {max_snippets + window - max_snippets % window}"
            )
        self.window = window
        self.position_embedding = nn.Parameter(0.01 * torch.randn(max_snippets, dim))
        self.transformer = nn.Sequential(*(BlockLocalLayer(dim, window) for _ in range(layers)))
        self.similarity = GraphBranch(dim)
        self.distance = GraphBranch(dim)
        self.linear = nn.Linear(dim, dim)
        self.register_buffer("distance_adjacency", distance_adjacency(max_snippets), persistent=False)

    def forward(self, visual: Tensor, length: Tensor) -> Tensor:
        """Encode snippets in the light of their neighbours and of the whole video.

        Args:
            visual: Snippet features ``[B, T, D]``, zero past the length.
            length: Valid snippets of each video ``[B]``, integer.

        Returns:
            ``[B, T, D]``. Rows past the length are not zero: positions and neighbours reach them.
        """
        x = self._transform(visual)  # [B, T, D]
        alike = self.similarity(x, similarity_adjacency(x, length))  # [B, T, D/2]
        near = self.distance(x, self.distance_adjacency)  # [B, T, D/2]
        output: Tensor = self.linear(torch.cat([alike, near], dim=-1))
        return output

    def _transform(self, visual: Tensor) -> Tensor:
        """Run the transformer, a block that holds nothing but padding once for the whole batch."""
        batch, snippets, dim = visual.shape
        blocks = visual.view(batch, -1, self.window, dim)  # [B, N, W, D]
        positions = self.position_embedding.view(-1, self.window, dim)  # [N, W, D]
        held = blocks.flatten(2).any(dim=-1)  # [B, N]
        video, place = held.nonzero(as_tuple=True)  # [M] each
        bare = ~held.all(dim=0)  # [N], places that some video leaves empty
        # Behind the M blocks that hold something come those that do not, one a place.
        # An embedding rather than an index: the latter's gradient is added up in no fixed order by several threads.
        placed = F.embedding(place, positions.flatten(1)).view(-1, self.window, dim)  # [M, W, D]
        distinct = torch.cat([blocks[video, place] + placed, positions[bare]])
        of_video, of_place = held.flatten().cumsum(0).view_as(held) - 1, len(video) + bare.cumsum(0) - 1
        source = torch.where(held, of_video, of_place)  # [B, N], index into distinct
        transformed: Tensor = self.transformer(distinct)
        return transformed.flatten(1).index_select(0, source.flatten()).view(batch, snippets, dim)
