"""CLIP with one narrow layer on each side, for tests that are not about CLIP itself."""

from typing import Any

import torch
from open_clip import CLIP
from open_clip.model import CLIPTextCfg, CLIPVisionCfg


def narrow_clip(weights: str, *_: Any) -> tuple[torch.nn.Module, str]:
    """Make it, 512 wide for pictures of 224 x 224, in place of ``load_clip``; another seed gives other weights."""
    with torch.random.fork_rng():
        torch.manual_seed(int(weights.split(":")[1]))
        model = CLIP(512, CLIPVisionCfg(layers=1, width=64, patch_size=112), CLIPTextCfg(layers=1, width=64, heads=2))
    return model.eval().requires_grad_(False), weights
