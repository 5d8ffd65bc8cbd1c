"""From decoded pictures to CLIP's input: resize, ten crops, normalise."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH, HEIGHT, SIDE = 340, 256, 224
# Top row and left column of crops 0 to 4: centre, top left, top right, bottom left, bottom right.
CORNERS = ((16, 58), (0, 0), (0, WIDTH - SIDE), (HEIGHT - SIDE, 0), (HEIGHT - SIDE, WIDTH - SIDE))
CROPS = 2 * len(CORNERS)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
PREPROCESSING = "resize 340x256 bilinear no-antialias; crop 224; clip mean/std"


def crop_frames(frames: Tensor, crops: Sequence[int]) -> Tensor:
    """Resize, crop and normalise pictures for CLIP.

    Every picture is resized to 340 x 256 (width x height) whatever its aspect ratio, bilinearly and
    without antialiasing, and not rounded back to whole grey levels. Antialiasing would look better
    and give other features than the released ones.

    Args:
        frames: RGB pictures [n, H, W, 3] uint8, on any device.
        crops: Crop numbers, the order of the result: 0 centre, 1 top left, 2 top right, 3 bottom left,
            4 bottom right, 5 to 9 the same mirrored left to right.

    Returns:
        [n, crops, 3, 224, 224] float32 on the device of ``frames``.
    """
    pixels = frames.permute(0, 3, 1, 2).to(torch.float32).contiguous() / 255  # [n, 3, H, W]
    resized = F.interpolate(pixels, size=(HEIGHT, WIDTH), mode="bilinear", align_corners=False, antialias=False)
    mean = torch.tensor(CLIP_MEAN, device=frames.device).view(3, 1, 1)
    std = torch.tensor(CLIP_STD, device=frames.device).view(3, 1, 1)
    normalised = (resized - mean) / std  # [n, 3, 256, 340]
    return torch.stack([_crop(normalised, number) for number in crops], dim=1)


def _crop(images: Tensor, number: int) -> Tensor:
    top, left = CORNERS[number % len(CORNERS)]
    crop = images[..., top : top + SIDE, left : left + SIDE]
    return crop.flip(-1) if number >= len(CORNERS) else crop
