"""The packed image tower against open_clip's own."""

import copy

import pytest
import torch

from extract.encoders.packed_tower import PackedTower, can_pack
from extract.encoders.preprocessing import crop_frames

CPU = torch.device("cpu")
BATCH = 4

pytestmark = pytest.mark.skipif(not can_pack(CPU), reason="this processor has no bfloat16 arithmetic")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Smooth and noisy pictures, dark and bright, as crops are."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (BATCH, 60, 80, 3), dtype=torch.uint8, generator=generator)
    noise[1] //= 8
    noise[2] = torch.linspace(0, 255, 80).to(torch.uint8)[None, :, None]
    return crop_frames(noise, (0,))[:, 0]


def test_features_are_as_close_to_fp32_as_open_clips_own_in_bf16(clip: torch.nn.Module, images: torch.Tensor) -> None:
    tower = clip.get_submodule("visual")
    half = images.to(torch.bfloat16)
    with torch.inference_mode():
        exact = tower(images)
        packed = PackedTower(tower, BATCH)(half).float()
        plain = copy.deepcopy(tower).to(torch.bfloat16)(half).float()
    assert packed.shape == exact.shape
    assert torch.nn.functional.cosine_similarity(packed, exact).min() > 0.9995
    assert (packed - exact).norm() < 1.5 * (plain - exact).norm()


def test_an_image_gives_the_same_bits_whatever_its_neighbours(clip: torch.nn.Module, images: torch.Tensor) -> None:
    tower = copy.deepcopy(clip.get_submodule("visual"))
    # Twelve blocks of one shape: what holds for some holds for all.
    del tower.get_submodule("transformer.resblocks")[3:]
    packed = PackedTower(tower, BATCH)
    half = images.to(torch.bfloat16)
    with torch.inference_mode():
        together = packed(half)
        for place in range(BATCH):
            others = torch.zeros_like(half)
            others[place] = half[place]
            assert torch.equal(packed(others)[place], together[place])


def test_the_tower_it_is_made_from_is_left_as_it_is(clip: torch.nn.Module) -> None:
    tower = clip.get_submodule("visual")
    before = {name: tensor.clone() for name, tensor in tower.state_dict().items()}
    PackedTower(tower, BATCH)
    assert all(torch.equal(before[name], tensor) for name, tensor in tower.state_dict().items())
