from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from torch import Tensor

from tests.golden.fixture import released_state_dict
from train.model.losses import AlignmentLoss
from train.model.vadclip import VadCLIP
from train.released import main as import_released
from train.released_names import IMAGE_TOWER, load_clip_weights, match_released


def released_tensors(model: str) -> dict[str, Tensor]:
    """State dict of a released checkpoint as the golden values had it, without CLIP's image tower."""
    return {name: torch.tensor(array) for name, array in released_state_dict(model, "open").items()}


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Let torch use two threads, whatever the machine has, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clip() -> Any:
    """CLIP with the text weights of the golden values, which are the same in all four models."""
    model = open_clip.create_model("ViT-B-16-quickgelu", pretrained=None).eval()
    load_clip_weights(
        model, match_released(released_tensors("vadclip_xd"), VadCLIP(), AlignmentLoss(), "golden").clip, "golden"
    )
    return model


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the imported checkpoint of a golden model, made when it is first asked for."""
    done: dict[str, Path] = {}

    def checkpoint(model: str) -> Path:
        if model not in done:
            folder = tmp_path_factory.mktemp(model)
            state = released_tensors(model)
            # Files with and without the image tower are in use.
            if not model.startswith("vadclip"):
                state[f"{IMAGE_TOWER}proj"] = torch.zeros(768, 512)
            torch.save(state, folder / "model.pth")
            import_released([str(folder / "model.pth"), "--out", str(folder / "model.safetensors")])
            (folder / "model.pth").unlink()
            done[model] = folder / "model.safetensors"
        return done[model]

    return checkpoint
