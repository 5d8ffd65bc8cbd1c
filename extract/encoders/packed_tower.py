"""CLIP's image tower in bfloat16, as a processor with matrix units computes it fastest.

Layers and weights are those of open_clip's ViT; what differs is how often the activations pass through memory:

- weights are laid out once for the matrix units, not at every call;
- QuickGELU and the residual sums are done by the product before them, while its result is in the cache. QuickGELU(x)
  is SiLU(1.702 x) / 1.702; both factors are multiplied into the weights around it;
- of the last layer only the class token is computed, for nothing else is read.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

QUICK_GELU = 1.702
# What torch.compile fuses linear layers with; torch is pinned, and a test holds these to open_clip's numbers.
_kernels: Any = torch.ops.mkldnn


def can_pack(device: torch.device) -> bool:
    """Whether this is a processor that computes bfloat16 itself; where it is not, packing gains nothing."""
    return device.type == "cpu" and _kernels._is_mkldnn_bf16_supported()


class PackedTower:
    """An image tower for inference on a processor.

    Args:
        tower: The image tower of open_clip's ViT-B-16-quickgelu, float32. It is not changed, nor kept.
        batch: Images of every call; the layout is made for it.
    """

    def __init__(self, tower: Any, batch: int) -> None:
        blocks = tower.transformer.resblocks
        rows = batch * len(tower.positional_embedding)
        self._patches = _bf16(tower.conv1.weight)
        self._class_token = _bf16(tower.class_embedding + tower.positional_embedding[0])  # [D]
        self._positions = _bf16(tower.positional_embedding[1:])  # [P, D]
        self._before = _Norm.of(tower.ln_pre)
        self._layers = [_Layer.of(block, rows, rows) for block in blocks[:-1]]
        self._last = _Layer.of(blocks[-1], rows, batch)
        self._after = _Norm.of(tower.ln_post)
        self._projection = _bf16(tower.proj)

    def __call__(self, images: Tensor) -> Tensor:
        """Embed ``[batch, 3, 224, 224]`` bfloat16 images; gives ``[batch, 512]`` bfloat16."""
        patches = F.conv2d(images, self._patches, stride=self._patches.shape[-1]).flatten(2).mT  # [B, P, D]
        tokens = self._class_token.expand(len(images), 1, -1)
        x = self._before(torch.cat([tokens, patches + self._positions], dim=1))  # [B, 1 + P, D]
        for layer in self._layers:
            x = layer(x, x.shape[1])
        x = self._last(x, 1)
        embedded: Tensor = self._after(x[:, 0]) @ self._projection
        return embedded


@dataclass(frozen=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    epsilon: float

    @classmethod
    def of(cls, norm: nn.LayerNorm) -> "_Norm":
        return cls(_bf16(norm.weight), _bf16(norm.bias), norm.eps)

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True)
class _Linear:
    weight: Tensor  # In a layout of its own; only `_kernels` can read it.
    bias: Tensor

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, rows: int) -> "_Linear":
        return cls(_kernels._reorder_linear_weight(_bf16(weight).contiguous(), rows), _bf16(bias))

    def __call__(self, x: Tensor, then: str = "none") -> Tensor:
        y: Tensor = _kernels._linear_pointwise(x, self.weight, self.bias, then, [], "")
        return y

    def added_to(self, other: Tensor, x: Tensor) -> Tensor:
        y: Tensor = _kernels._linear_pointwise.binary(x, other, self.weight, self.bias, "add")
        return y


@dataclass(frozen=True)
class _Layer:
    """A pre-norm transformer layer."""

    heads: int
    before_attention: _Norm
    attention_in: _Linear
    attention_out: _Linear
    before_mlp: _Norm
    mlp_in: _Linear
    mlp_out: _Linear

    @classmethod
    def of(cls, block: Any, rows: int, rows_read: int) -> "_Layer":
        attention, widen, narrow = block.attn, block.mlp.c_fc, block.mlp.c_proj
        return cls(
            attention.num_heads,
            _Norm.of(block.ln_1),
            _Linear.of(attention.in_proj_weight, attention.in_proj_bias, rows),
            _Linear.of(attention.out_proj.weight, attention.out_proj.bias, rows_read),
            _Norm.of(block.ln_2),
            _Linear.of(QUICK_GELU * widen.weight, QUICK_GELU * widen.bias, rows_read),
            _Linear.of(narrow.weight / QUICK_GELU, narrow.bias, rows_read),
        )

    def __call__(self, x: Tensor, read: int) -> Tensor:
        """Map tokens ``[B, L, D]`` to the first ``read`` of the layer's, ``[B, read, D]``."""
        batch, length, dim = x.shape
        packed = self.attention_in(self.before_attention(x)).view(batch, length, 3, self.heads, -1)
        query, key, value = packed.permute(2, 0, 3, 1, 4)  # [B, heads, L, D / heads] each
        heard = F.scaled_dot_product_attention(query[:, :, :read], key, value)  # [B, heads, read, D / heads]
        x = self.attention_out.added_to(x[:, :read].contiguous(), heard.transpose(1, 2).reshape(batch, read, dim))
        return self.mlp_out.added_to(x, self.mlp_in(self.before_mlp(x), then="swish"))


def _bf16(tensor: Tensor) -> Tensor:
    return tensor.detach().to(torch.bfloat16)
