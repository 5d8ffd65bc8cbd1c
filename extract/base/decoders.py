"""What can decode the pictures of a video, by name; the pictures are the same to the bit."""

from extract.base.errors import InputError
from extract.base.packages import need_packages

LIBAV, DECORD = "libav", "decord"
DECODERS = (LIBAV, DECORD)


def check_decoder(name: str) -> None:
    """Check that a decoder can be used here.

    Args:
        name: One of ``DECODERS``.

    Raises:
        InputError: If there is no such decoder, or its package is not installed.
    """
    if name not in DECODERS:
        raise InputError(f"decoder {name!r} must be one of {', '.join(DECODERS)}")
    if name == DECORD:
        need_packages(f"decoder {name}", [DECORD], "requirements.txt")
