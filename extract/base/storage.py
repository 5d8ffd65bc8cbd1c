"""Telling a disk that is full or fails, and memory that has run out, from a defect of ours."""

import errno
import os

# What the one who runs a command can mend: room, quota, limits, rights, a mount, a disk.
STORAGE_ERRORS = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOTDIR,
    errno.EISDIR, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ELOOP, errno.EEXIST,
    errno.ENOTEMPTY, errno.ETXTBSY,
)  # fmt: skip
# HDF5, safetensors and torch give the system's words inside their own, and no number.
_WORDS = tuple(os.strerror(number) for number in STORAGE_ERRORS)
_TORCH_OUT_OF_MEMORY = ("can't allocate memory", "out of memory")


def storage_trouble(error: BaseException) -> str | None:
    """Give the system's words for what is wrong with the disk.

    Args:
        error: What a reader or writer raised.

    Returns:
        For example ``No space left on device``; ``None`` if the error is of another kind.
    """
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        return os.strerror(error.errno)
    if words := next((words for words in _WORDS if words in str(error)), None):
        return words
    # torch raises an error of its own on top of the system's.
    return None if error.__context__ is None else storage_trouble(error.__context__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the machine or of the GPU, has run out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(words in text for words in _TORCH_OUT_OF_MEMORY)
