"""Pictures that a page holds itself, as data addresses."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluate.pages.html import held
from evaluate.report.heard import DEPTH, Spectrogram, hear
from evaluate.report.timeline import HEARD

JPEG_QUALITY = 75


def photograph(picture: NDArray[np.uint8]) -> str:
    """Give an RGB picture [H, W, 3] as JPEG."""
    return _address(Image.fromarray(picture), "JPEG", quality=JPEG_QUALITY)


def spectrogram(sound: Spectrogram, end: float) -> str:
    """Give a spectrogram as PNG that lasts from 0 to ``end`` seconds, high sounds on top."""
    from matplotlib import colormaps

    rows, columns = sound.decibels.shape
    middles = (np.arange(columns) + 0.5) * end / columns
    at = np.searchsorted(sound.edges, middles, side="right") - 1  # column of the sound at each moment
    levels = np.full((rows, columns), -DEPTH, np.float32)
    sounds = at < columns
    levels[:, sounds] = sound.decibels[:, at[sounds]]
    colours = colormaps[HEARD](1 + levels[::-1] / DEPTH, bytes=True)[..., :3]
    return _address(Image.fromarray(np.ascontiguousarray(colours)), "PNG", optimize=True)


def sound_of(clip: Path, seconds: float) -> str | None:
    """Give the spectrogram of a clip, decoded in this process; ``None`` without sound."""
    heard = hear(clip, 0.0, seconds, here=True)
    return None if heard is None else spectrogram(heard, seconds)


def most_certain(confidences: Sequence[float], most: int) -> list[int]:
    """Name, by their place and in order, the ``most`` surest."""
    return sorted(sorted(range(len(confidences)), key=lambda one: -confidences[one])[:most])


def _address(image: Image.Image, form: str, **options: int | bool) -> str:
    file = BytesIO()
    image.save(file, form, **options)
    return held(f"image/{form.lower()}", file.getvalue())
