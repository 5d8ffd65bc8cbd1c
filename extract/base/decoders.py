"""What can decode the pictures of a video, by name; the pictures are the same to the bit."""

from importlib.util import find_spec

from extract.base.errors import InputError

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
    if name == DECORD and find_spec(DECORD) is None:
        raise InputError(f"decoder {name}: the package decord2 is not installed; pip install -r requirements.txt")
