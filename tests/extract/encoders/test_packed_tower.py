"""The packed image tower against open_clip's own."""

import copy

import pytest
import torch

from extract.audit.features import with_plain_gelu
from extract.encoders.clip import load_clip
from extract.encoders.packed_tower import PackedTower, can_pack
from extract.encoders.preprocessing import crop_frames
from tests.workflow.project import SMALLEST

CPU = torch.device("cpu")
BATCH = 4
DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(params=DTYPES, ids=str)
def dtype(request: pytest.FixtureRequest, clip: torch.nn.Module) -> torch.dtype:
    """What this machine computes faster packed."""
    dtype: torch.dtype = request.param
    if not can_pack(clip.get_submodule("visual"), CPU, dtype):
        pytest.skip(f"{dtype} is not packed on this processor")
    return dtype


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Smooth and noisy pictures, dark and bright, as crops are."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (BATCH, 60, 80, 3), dtype=torch.uint8, generator=generator)
    noise[1] //= 8
    noise[2] = torch.linspace(0, 255, 80).to(torch.uint8)[None, :, None]
    return crop_frames(noise, (0,))[:, 0]


def test_features_are_as_close_to_exact_ones_as_open_clips_own(
    clip: torch.nn.Module, images: torch.Tensor, dtype: torch.dtype
) -> None:
    tower = copy.deepcopy(clip.get_submodule("visual"))
    exact_dtype = {torch.float32: torch.float64, torch.bfloat16: torch.float32}[dtype]
    with torch.inference_mode():
        packed = PackedTower(tower, BATCH, dtype)(images.to(dtype)).to(exact_dtype)
        plain = tower.to(dtype)(images.to(dtype)).to(exact_dtype)
        exact = copy.deepcopy(clip.get_submodule("visual")).to(exact_dtype)(images.to(exact_dtype))
    assert packed.shape == exact.shape
    assert (packed - exact).norm() < 1.5 * (plain - exact).norm()
    assert torch.nn.functional.cosine_similarity(packed, exact).min() > {4: 0.9999999, 2: 0.9995}[dtype.itemsize]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_image_gives_the_same_bits_whatever_its_neighbours(
    clip: torch.nn.Module, images: torch.Tensor, dtype: torch.dtype, threads: int
) -> None:
    torch.set_num_threads(threads)
    tower = copy.deepcopy(clip.get_submodule("visual"))
    # Twelve blocks of one shape: what holds for some holds for all.
    del tower.get_submodule("transformer.resblocks")[3:]
    packed = PackedTower(tower, BATCH, dtype)
    given = images.to(dtype)
    with torch.inference_mode():
        together = packed(given)
        for place in range(BATCH):
            others = torch.zeros_like(given)
            others[place] = given[place]
            assert torch.equal(packed(others)[place], together[place])


def test_the_tower_it_is_made_from_is_left_as_it_is(clip: torch.nn.Module, dtype: torch.dtype) -> None:
    tower = clip.get_submodule("visual")
    before = {name: tensor.clone() for name, tensor in tower.state_dict().items()}
    PackedTower(tower, BATCH, dtype)
    assert all(torch.equal(before[name], tensor) for name, tensor in tower.state_dict().items())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_tower_of_other_layers_is_not_packed(clip: torch.nn.Module, dtype: torch.dtype) -> None:
    other, _ = load_clip("random:0", SMALLEST["encoder"])  # plain GELU
    for tower in (with_plain_gelu(clip.get_submodule("visual")), other.get_submodule("visual"), torch.nn.Identity()):
        assert not can_pack(tower, CPU, dtype)
