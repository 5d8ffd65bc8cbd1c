"""Where to compute, and how exactly."""

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from extract.errors import InputError

# Open lock files; the system frees a lock when its process ends, however it ends.
_held: list[int] = []


def pick_device(requested: str) -> torch.device:
    """Choose the processor, one GPU a process where there are several.

    A GPU is taken by locking a file in the temporary folder for the life of the process, so that
    jobs of one user that start together land on different GPUs. Where all are taken, the first is shared.

    Args:
        requested: ``cpu``; ``cuda``; or ``auto``, a GPU where there is one.

    Raises:
        InputError: If it is another word, or ``cuda`` on a machine without a usable GPU.
    """
    if requested not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {requested!r}: use auto, cpu or cuda")
    if requested == "cpu" or (requested == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("device cuda: torch finds no usable GPU here; use auto or cpu")
    for index in range(torch.cuda.device_count()):
        # The index depends on CUDA_VISIBLE_DEVICES, the identity does not.
        if _take(f"{torch.cuda.get_device_properties(index).uuid}"):
            return torch.device("cuda", index)
    print("every GPU is taken by another job of yours; sharing the first", file=sys.stderr)
    return torch.device("cuda", 0)


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Compute float32 as float32 and the same way every time.

    cuDNN otherwise rounds the inputs of float32 convolutions to 10 bits and may choose another
    algorithm from run to run.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def _take(name: str) -> bool:
    # One lock file a user: another user's would not be writable.
    path = Path(tempfile.gettempdir()) / f"avadclip-{os.getuid()}-gpu-{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True
