"""The temporal encoder of all networks: VadCLIP's local and global temporal (LGT) adapter.

VadCLIP (arXiv 2308.11681), "Local and Global Temporal Adapter": a transformer whose attention stays
within blocks of a few snippets, then two graph branches over the whole video.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.base.errors import InputError
from train.model.graph_branches import GraphBranch, distance_adjacency, similarity_adjacency
from train.model.layers import QuickGeluMLP


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
