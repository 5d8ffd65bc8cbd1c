"""From decoded pictures to an image encoder's input: resize, ten crops, normalise."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH, HEIGHT, SIDE = 340, 256, 224
CROPS = 10
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Pictures:
    """What an encoder's pictures are like.

    The released features come from crops of 224 out of 340 x 256. For another side both are scaled alike, and rounded.

    Attributes:
        side: Pixels of a side of the crops.
        mean: Of red, green and blue, 0 to 1.
        deviation: Likewise.
    """

    side: int = SIDE
    mean: tuple[float, ...] = CLIP_MEAN
    deviation: tuple[float, ...] = CLIP_STD

    @property
    def width(self) -> int:
        """Width that a picture is resized to."""
        return round(WIDTH * self.side / SIDE)

    @property
    def height(self) -> int:
        """Height that a picture is resized to."""
        return round(HEIGHT * self.side / SIDE)

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """Top row and left column of crops 0 to 4: centre, top left, top right, bottom left, bottom right."""
        down, across = self.height - self.side, self.width - self.side
        return (down // 2, across // 2), (0, 0), (0, across), (down, 0), (down, across)

    @property
    def words(self) -> str:
        """The rule as files name it."""
        usual = (self.mean, self.deviation) == (CLIP_MEAN, CLIP_STD)
        numbers = (" ".join(f"{value:g}" for value in values) for values in (self.mean, self.deviation))
        normalised = "clip mean/std" if usual else "mean {} std {}".format(*numbers)
        return f"resize {self.width}x{self.height} bilinear no-antialias; crop {self.side}; {normalised}"


CLIP_PICTURES = Pictures()
CORNERS = CLIP_PICTURES.corners
PREPROCESSING = CLIP_PICTURES.words


def crop_frames(frames: Tensor, crops: Sequence[int], rule: Pictures = CLIP_PICTURES) -> Tensor:
    """Resize, crop and normalise pictures for an image encoder.

    Every picture is resized to 340 x 256 (width x height; so for CLIP) whatever its aspect ratio, bilinearly and
    without antialiasing, and not rounded back to whole grey levels. Antialiasing would look better
    and give other features than the released ones.

    Args:
        frames: RGB pictures [n, H, W, 3] uint8, on any device.
        crops: Crop numbers, the order of the result: 0 centre, 1 top left, 2 top right, 3 bottom left,
            4 bottom right, 5 to 9 the same mirrored left to right.
        rule: What the encoder's pictures are like.

    Returns:
        [n, crops, 3, side, side] float32 on the device of ``frames``.
    """
    pixels = frames.permute(0, 3, 1, 2).to(torch.float32).contiguous() / 255  # [n, 3, H, W]
    size = (rule.height, rule.width)
    resized = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=False)
    mean = torch.tensor(rule.mean, device=frames.device).view(3, 1, 1)
    deviation = torch.tensor(rule.deviation, device=frames.device).view(3, 1, 1)
    normalised = (resized - mean) / deviation  # [n, 3, 256, 340]
    return torch.stack([_crop(normalised, number, rule) for number in crops], dim=1)


def _crop(images: Tensor, number: int, rule: Pictures) -> Tensor:
    corners = rule.corners
    top, left = corners[number % len(corners)]
    crop = images[..., top : top + rule.side, left : left + rule.side]
    return crop.flip(-1) if number >= len(corners) else crop
