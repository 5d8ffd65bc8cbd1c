"""The known causes for which features of the same videos differ, as settings that can be recomputed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

MIRROR = 5
ALL_CROPS = 10
# A shift by whole snippets is looked for up to this many.
MOST_SNIPPETS_OFF = 2
RESIZES = {
    "bilinear": "340x256, bilinear without antialiasing, not rounded",
    "bilinear-rounded": "340x256, bilinear without antialiasing, rounded to grey levels, as OpenCV does",
    "bilinear-antialiased": "340x256, bilinear with antialiasing, as Pillow does",
    "bicubic-antialiased": "340x256, bicubic with antialiasing, as Pillow does",
    "clip": "CLIP's own: shorter side to 224, bicubic with antialiasing, centre crop",
    "squashed-bicubic": "straight to 224x224, bicubic with antialiasing, as Pillow does",
    "squashed-bilinear": "straight to 224x224, bilinear without antialiasing, rounded, as OpenCV does",
}
# These leave one crop and its mirror image.
WITHOUT_POSITIONS = ("clip", "squashed-bicubic", "squashed-bilinear")
# Where no picture is larger than 340x256, antialiasing does nothing.
ONLY_FOR_LARGER_PICTURES = "bilinear-antialiased"


@dataclass(frozen=True)
class Setting:
    """One way in which a row of features may have been made.

    Attributes:
        stride: Frames a snippet.
        offset: Frame of the first row; row i is seen through frame ``offset + i * stride``.
        resize: A name in ``RESIZES``.
        channels: ``rgb``, or ``bgr`` for colours in the wrong order.
        activation: ``quickgelu``, or ``gelu`` for the plain variant of the encoder with the same weights.
        crop: Our number of the crop, 0 to 9.
    """

    stride: int
    offset: int = 0
    resize: str = "bilinear"
    channels: str = "rgb"
    activation: str = "quickgelu"
    crop: int = 0


def mirrored(crop: int) -> int:
    """Give the number of the mirror image of a crop."""
    return (crop + MIRROR) % ALL_CROPS


def choices(strides: Iterable[int], ours: int, *, enlarged: bool) -> dict[str, tuple[Any, ...]]:
    """List what each field of a ``Setting`` may be.

    Args:
        strides: Frames a snippet that the counts of rows allow.
        ours: Our own stride; it is always among them.
        enlarged: Whether all pictures are at most 340 x 256.

    Returns:
        Values by field.
    """
    strides = tuple(sorted({*strides, ours}))
    longest = max(strides)
    within = range(1 - longest, longest)
    whole = {stride * times for stride in strides for times in range(-MOST_SNIPPETS_OFF, MOST_SNIPPETS_OFF + 1)}
    return {
        "stride": strides,
        "offset": tuple(sorted({*within, *whole}, key=abs)),
        "resize": tuple(name for name in RESIZES if not (enlarged and name == ONLY_FOR_LARGER_PICTURES)),
        "channels": ("rgb", "bgr"),
        "activation": ("quickgelu", "gelu"),
        "crop": tuple(range(ALL_CROPS)),
    }


def single_changes(setting: Setting, values: Mapping[str, tuple[Any, ...]]) -> list[tuple[str, Any]]:
    """List the changes of one field, as field and value, that give other pictures."""
    changes = []
    for field, options in values.items():
        for value in options:
            if value == getattr(setting, field):
                continue
            if field == "crop" and setting.resize in WITHOUT_POSITIONS and value != mirrored(setting.crop):
                continue
            changes.append((field, value))
    return changes


def changed(setting: Setting, field: str, value: Any) -> Setting:
    """Give ``setting`` with another value in one field."""
    return replace(setting, **{field: value})


def differences(setting: Setting, ours: Setting) -> dict[str, str]:
    """Say in which fields a setting differs from ours, and how.

    Args:
        setting: Any setting.
        ours: The setting to compare with; its crop is the number that the features carry.

    Returns:
        By field, a phrase such as ``time offset +3 frames`` or ``BGR for RGB``.
    """
    phrases = {
        "stride": f"stride {setting.stride} (ours {ours.stride})",
        "offset": _offset(setting),
        "resize": f"resize {setting.resize} ({RESIZES[setting.resize]})",
        "channels": "BGR for RGB",
        "activation": "plain GELU for QuickGELU",
        "crop": "mirrored" if setting.crop == mirrored(ours.crop) else f"crop {ours.crop} is our crop {setting.crop}",
    }
    return {field: phrase for field, phrase in phrases.items() if getattr(setting, field) != getattr(ours, field)}


def _offset(setting: Setting) -> str:
    snippets, rest = divmod(setting.offset, setting.stride)
    if rest == 0:
        return f"time offset {snippets:+d} snippets"
    return f"time offset {setting.offset:+d} frames"
