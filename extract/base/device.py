"""Where to compute, and how exactly."""

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from extract.base.device_line import describe_device
from extract.base.errors import InputError

# Where one sees that a job was given a GPU: set by Slurm and its like, and by config/common.smk and
# profiles/generic/scheduler.py for what was asked of Snakemake.
GRANTS = ("AVADCLIP_GPUS", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES")
NONE_GRANTED = ("", "-1", "NoDevFiles")

# Open lock files; the system frees a lock when its process ends, however it ends.
_held: list[int] = []


def take_device(requested: str, threads: int) -> torch.device:
    """Choose the processor and say which it is, in a line to stderr: a step calls this before it says anything else.

    Args:
        requested: As ``pick_device`` takes it.
        threads: Processor threads of the step, for the line.

    Raises:
        InputError: As ``pick_device`` raises it.
    """
    device = pick_device(requested)
    remark = "; device: auto, and torch finds no GPU here" if (requested, device.type) == ("auto", "cpu") else ""
    print(f"device: {describe_device(device, threads)}{remark}", file=sys.stderr, flush=True)
    return device


def pick_device(requested: str) -> torch.device:
    """Choose the processor, one GPU a process where there are several.

    A GPU is taken by locking a file in the temporary folder for the life of the process, so that
    jobs of one user that start together land on different GPUs. Where all are taken, the first is shared.

    Args:
        requested: ``cpu``; ``cuda``; or ``auto``, a GPU where there is one.

    Raises:
        InputError: If it is another word, ``cuda`` on a machine without a usable GPU, or ``auto`` in a job that was
            given a GPU of which torch can use none: such a job would compute for days on the processor, unnoticed.
    """
    if requested not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {requested!r}: use auto, cpu or cuda")
    if requested == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if requested == "cuda":
            raise InputError(f"device cuda: torch finds no usable GPU here ({_why_none()}); use auto or cpu")
        if grant := next((name for name in GRANTS if os.environ.get(name, "") not in NONE_GRANTED), None):
            raise InputError(
                f"device auto: this job was given a GPU ({grant}={os.environ[grant]}) and torch finds none that it can "
                f"use ({_why_none()}); mend that or keep the job off this machine, or write device: cpu to compute on "
                "the processor"
            )
        return torch.device("cpu")
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


def _why_none() -> str:
    if torch.version.cuda is None:
        return "this torch is built without CUDA"
    return "nvidia-smi says whether the driver works"


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
