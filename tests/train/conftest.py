from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from torch import Tensor

from tests.golden.fixture import released_state_dict
from train.released import load_clip_weights, match_released
from train.vadclip import VadCLIP


def released_tensors(model: str) -> dict[str, Tensor]:
    """State dict of a released checkpoint as the golden values had it, without CLIP's image tower."""
    return {name: torch.from_numpy(np.asarray(array)) for name, array in released_state_dict(model, "open").items()}


@pytest.fixture(scope="session")
def clip() -> Any:
    """CLIP with the text weights of the golden values, which are the same in all four models."""
    model = open_clip.create_model("ViT-B-16-quickgelu", pretrained=None).eval()
    load_clip_weights(model, match_released(released_tensors("vadclip_xd"), VadCLIP(), "golden").clip, "golden")
    return model
