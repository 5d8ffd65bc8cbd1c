import numpy as np
import pytest
import torch
from PIL import Image

from extract.audit.pictures import clip_input
from extract.audit.settings import RESIZES
from extract.encoders.preprocessing import CLIP_MEAN, CLIP_STD, CROPS, crop_frames


def picture(height: int, width: int) -> np.ndarray:
    """Blocks of colour with noise on them."""
    draw = np.random.default_rng(height)
    blocks = draw.integers(20, 235, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)[:height, :width]
    return np.asarray(np.clip(blocks + draw.integers(-15, 16, blocks.shape), 0, 255), np.uint8)


def levels(image: torch.Tensor) -> np.ndarray:
    """Undo the normalisation: [H, W, 3] in 0..255."""
    pixels = image * torch.tensor(CLIP_STD).view(3, 1, 1) + torch.tensor(CLIP_MEAN).view(3, 1, 1)
    return (pixels * 255).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("crop", range(CROPS))
def test_bilinear_is_exactly_what_the_visual_step_does(crop: int) -> None:
    frame = picture(360, 480)
    expected = crop_frames(torch.from_numpy(frame)[None], [crop])[0, 0]
    assert torch.equal(clip_input(frame, "bilinear", "rgb", crop), expected)


@pytest.mark.parametrize("shape", [(360, 480), (719, 1279), (240, 320)])
@pytest.mark.parametrize(
    ("resize", "size", "method"),
    [
        ("bilinear-antialiased", (340, 256), Image.Resampling.BILINEAR),
        ("bicubic-antialiased", (340, 256), Image.Resampling.BICUBIC),
        ("squashed-bicubic", (224, 224), Image.Resampling.BICUBIC),
    ],
)
def test_pillows_rules_are_pillows(
    shape: tuple[int, int], resize: str, size: tuple[int, int], method: Image.Resampling
) -> None:
    frame = picture(*shape)
    expected = np.asarray(Image.fromarray(frame).resize(size, method))[:224, :224].astype(float)
    made = levels(clip_input(frame, resize, "rgb", 1))
    assert np.abs(made - expected).max() < 2.1
    assert (np.abs(made - expected) > 0.5).mean() < 0.02


@pytest.mark.parametrize("resize", ["bilinear-rounded", "squashed-bilinear", "clip", "bicubic-antialiased"])
def test_rounded_rules_give_whole_grey_levels(resize: str) -> None:
    made = levels(clip_input(picture(400, 300), resize, "rgb", 0))
    assert np.abs(made - made.round()).max() < 1e-3


@pytest.mark.parametrize("resize", RESIZES)
def test_every_rule_gives_clips_size_and_knows_mirror_and_colour_order(resize: str) -> None:
    frame = picture(300, 400)
    plain = clip_input(frame, resize, "rgb", 0)
    assert plain.shape == (3, 224, 224)
    assert torch.equal(clip_input(frame, resize, "rgb", 5), plain.flip(-1))
    np.testing.assert_allclose(levels(clip_input(frame, resize, "bgr", 0)), levels(plain)[..., ::-1], atol=1e-3)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="nearest"):
        clip_input(picture(300, 400), "nearest", "rgb", 0)
