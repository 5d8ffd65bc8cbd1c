"""CLIP with a text tower of one layer, for tests that are not about CLIP itself."""

from functools import cache

import open_clip
import torch


@cache
def narrow_clip() -> open_clip.CLIP:
    """Make it, untrained, 512 wide, the same every time; its image tower only exists."""
    torch.manual_seed(11)
    return open_clip.CLIP(
        512,
        {"image_size": 32, "patch_size": 32, "width": 64, "layers": 1},
        {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 1},
        quick_gelu=True,
    ).eval()
