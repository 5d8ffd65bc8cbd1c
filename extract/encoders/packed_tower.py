"""CLIP's image tower, as a processor computes it fastest.

Layers and weights are those of open_clip's ViT; what differs is how often the activations pass through memory:

- weights are laid out once for the processor's units, not at every call;
- QuickGELU and the residual sums are done by the product before them, while its result is in the cache. QuickGELU(x)
  is SiLU(1.702 x) / 1.702; both factors are multiplied into the weights around it;
- of the last layer only the class token is computed, for nothing else is read.
"""

import platform
from dataclasses import dataclass
from typing import Any

import torch
from open_clip.transformer import QuickGELU, ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

QUICK_GELU = 1.702
X86 = ("x86_64", "AMD64")
# What torch.compile fuses linear layers with; torch is pinned, and a test holds these to open_clip's numbers.
_kernels: Any = torch.ops.mkldnn


def can_pack(tower: nn.Module, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a tower is a ViT as OpenAI's are, with QuickGELU, which this machine computes faster packed.

    Args:
        tower: An image tower of open_clip's.
        device: Where it is to compute: packing is for processors.
        dtype: In what. In float32 it takes 3 to 15% less time an image (x86 with AVX2 and AVX-512; not measured on
            others, so not used there). In bfloat16 it gains where the processor computes that itself.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    gains = platform.machine() in X86 if dtype == torch.float32 else _kernels._is_mkldnn_bf16_supported()
    return gains and isinstance(tower, VisionTransformer) and _is_as_openais(tower)


def _is_as_openais(tower: Any) -> bool:
    return (
        (tower.pool_type, tower.attn_pool, tower.final_ln_after_pool) == ("tok", None, False)
        and isinstance(tower.ln_pre, nn.LayerNorm)
        and all(
            type(block) is ResidualAttentionBlock
            and isinstance(block.mlp.gelu, QuickGELU)
            and isinstance(block.ls_1, nn.Identity)
            for block in tower.transformer.resblocks
        )
    )


class PackedTower:
    """An image tower for inference on a processor.

    Args:
        tower: An image tower that ``can_pack`` is true of, float32. It is not changed, nor kept.
        batch: Images of every call; the layout is made for it.
        dtype: What to compute in, float32 or bfloat16.
    """

    def __init__(self, tower: Any, batch: int, dtype: torch.dtype) -> None:
        blocks = tower.transformer.resblocks
        rows = batch * len(tower.positional_embedding)
        self._patches = _constant(tower.conv1.weight, dtype)
        self._class_token = _constant(tower.class_embedding + tower.positional_embedding[0], dtype)  # [D]
        self._positions = _constant(tower.positional_embedding[1:], dtype)  # [P, D]
        self._before = _Norm.of(tower.ln_pre, dtype)
        self._layers = [_Layer.of(block, rows, rows, dtype) for block in blocks[:-1]]
        self._last = _Layer.of(blocks[-1], rows, batch, dtype)
        self._after = _Norm.of(tower.ln_post, dtype)
        self._projection = _constant(tower.proj, dtype)

    def __call__(self, images: Tensor) -> Tensor:
        """Embed ``[batch, 3, side, side]`` images; gives ``[batch, D]``; both of the tower's ``dtype``."""
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
    def of(cls, norm: nn.LayerNorm, dtype: torch.dtype) -> "_Norm":
        return cls(_constant(norm.weight, dtype), _constant(norm.bias, dtype), norm.eps)

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True)
class _Linear:
    weight: Tensor  # In a layout of its own; only `_kernels` can read it.
    bias: Tensor

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, rows: int, dtype: torch.dtype) -> "_Linear":
        laid_out = _kernels._reorder_linear_weight(_constant(weight, dtype).contiguous(), rows)
        return cls(laid_out, _constant(bias, dtype))

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
    def of(cls, block: Any, rows: int, rows_read: int, dtype: torch.dtype) -> "_Layer":
        attention, widen, narrow = block.attn, block.mlp.c_fc, block.mlp.c_proj
        return cls(
            attention.num_heads,
            _Norm.of(block.ln_1, dtype),
            _Linear.of(attention.in_proj_weight, attention.in_proj_bias, rows, dtype),
            _Linear.of(attention.out_proj.weight, attention.out_proj.bias, rows_read, dtype),
            _Norm.of(block.ln_2, dtype),
            _Linear.of(QUICK_GELU * widen.weight, QUICK_GELU * widen.bias, rows_read, dtype),
            _Linear.of(narrow.weight / QUICK_GELU, narrow.bias, rows_read, dtype),
        )

    def __call__(self, x: Tensor, read: int) -> Tensor:
        """Map tokens ``[B, L, D]`` to the first ``read`` of the layer's, ``[B, read, D]``."""
        batch, length, dim = x.shape
        packed = self.attention_in(self.before_attention(x)).view(batch, length, 3, self.heads, -1)
        query, key, value = packed.permute(2, 0, 3, 1, 4)  # [B, heads, L, D / heads] each
        heard = F.scaled_dot_product_attention(query[:, :, :read], key, value)  # [B, heads, read, D / heads]
        x = self.attention_out.added_to(x[:, :read].contiguous(), heard.transpose(1, 2).reshape(batch, read, dim))
        return self.mlp_out.added_to(x, self.mlp_in(self.before_mlp(x), then="swish"))


def _constant(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    # A copy even where the type stays: the tower it comes from is not kept.
    return tensor.detach().to(dtype, copy=True)
