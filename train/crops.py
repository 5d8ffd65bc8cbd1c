"""Which crop of a video scoring reads: one by its number, or all of them, whose scores are averaged."""

import argparse

ALL = "all"
# As checkpoints and functions have it.
ALL_CROPS = -1


def crop_number(text: str) -> int:
    """Read a crop from a command line: a number, or ``all``.

    Raises:
        argparse.ArgumentTypeError: If it is neither.
    """
    if text == ALL:
        return ALL_CROPS
    if not text.isascii() or not text.isdecimal() or len(text) > 3:
        raise argparse.ArgumentTypeError(f"{text!r} must be the number of a crop, or {ALL}")
    return int(text)


def spelled_crop(crop: int) -> str:
    """Say which crop is read, for tables."""
    return "mean of all crops" if crop == ALL_CROPS else f"crop {crop}"
