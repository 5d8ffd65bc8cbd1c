"""The encoder that is slow to make, in small."""

from tests.extract.conftest import ready_clip

__all__ = ["ready_clip"]
