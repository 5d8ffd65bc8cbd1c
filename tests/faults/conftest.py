"""The encoder that is slow to make, made once."""

from tests.extract.conftest import clip, ready_clip

__all__ = ["clip", "ready_clip"]
