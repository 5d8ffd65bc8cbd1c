"""From a decoded picture to CLIP's input under each known rule of resizing."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from extract.audit.settings import MIRROR, WITHOUT_POSITIONS
from extract.encoders.preprocessing import CLIP_MEAN, CLIP_STD, CORNERS, HEIGHT, SIDE, WIDTH

LEVELS = 255


def clip_input(picture: NDArray[np.uint8], resize: str, channels: str, crop: int) -> Tensor:
    """Resize, crop and normalise one picture.

    Pillow's results come from torch's kernel for whole grey levels on the CPU, which follows Pillow's arithmetic:
    at most 0.6 percent of the values of a textured picture differ, nearly all by one level.

    Args:
        picture: RGB [H, W, 3] uint8.
        resize: A name in ``audit_settings.RESIZES``.
        channels: ``rgb`` or ``bgr``.
        crop: Crop number, 0 to 9.

    Returns:
        [3, 224, 224] float32.
    """
    ordered = picture[..., ::-1] if channels == "bgr" else picture
    levels = torch.from_numpy(np.ascontiguousarray(ordered)).permute(2, 0, 1).contiguous()  # [3, H, W]
    return normalised(_resized(levels, resize), resize, crop)


def normalised(resized: Tensor, resize: str, crop: int) -> Tensor:
    """Cut a crop out of a resized picture [3, h, w] in 0..1 and normalise it: [3, 224, 224]."""
    top, left = (0, 0) if resize in WITHOUT_POSITIONS else CORNERS[crop % len(CORNERS)]
    cut = resized[:, top : top + SIDE, left : left + SIDE]
    result: Tensor = (cut - torch.tensor(CLIP_MEAN).view(3, 1, 1)) / torch.tensor(CLIP_STD).view(3, 1, 1)
    return result.flip(-1) if crop >= MIRROR else result


def _resized(levels: Tensor, resize: str) -> Tensor:
    if resize == "bilinear":
        return _plain(levels, (HEIGHT, WIDTH))
    if resize == "bilinear-rounded":
        return _rounded(_plain(levels, (HEIGHT, WIDTH)))
    if resize == "bilinear-antialiased":
        return _as_pillow(levels, (HEIGHT, WIDTH), "bilinear")
    if resize == "bicubic-antialiased":
        return _as_pillow(levels, (HEIGHT, WIDTH), "bicubic")
    if resize == "clip":
        return _shorter_side(levels)
    if resize == "squashed-bicubic":
        return _as_pillow(levels, (SIDE, SIDE), "bicubic")
    if resize == "squashed-bilinear":
        return _rounded(_plain(levels, (SIDE, SIDE)))
    raise ValueError(f"unknown resize {resize!r}")


def _plain(levels: Tensor, size: tuple[int, int]) -> Tensor:
    pixels = levels[None].to(torch.float32) / LEVELS
    return F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=False)[0]


def _rounded(pixels: Tensor) -> Tensor:
    return (pixels * LEVELS).round() / LEVELS


def _as_pillow(levels: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    resized = F.interpolate(levels[None], size=size, mode=mode, align_corners=False, antialias=True)[0]
    return resized.to(torch.float32) / LEVELS


def _shorter_side(levels: Tensor) -> Tensor:
    height, width = levels.shape[1:]
    shorter = min(height, width)
    resized = _as_pillow(levels, (SIDE * height // shorter, SIDE * width // shorter), "bicubic")
    top, left = round((resized.shape[1] - SIDE) / 2), round((resized.shape[2] - SIDE) / 2)
    return resized[:, top : top + SIDE, left : left + SIDE]
