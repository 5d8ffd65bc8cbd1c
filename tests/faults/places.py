"""Bad places to write to, and real processes in them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import forked_python

NOBODY = 65534
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Mount a file system of that size on ``folder``; skip the test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def grow(disk: Path, kilobytes: int) -> None:
    """Make room, as someone would who cleans up."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)


def python(*words: str, preexec: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python on ``words`` in the checkout; nobody's processes can be limited before they start.

    A fork that is there already (``tests.forked_python``) cannot be limited so.
    """
    interpreter = sys.executable if preexec else forked_python.folder() / "python"
    return subprocess.run(
        [interpreter, *words],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=preexec,
    )


def as_nobody() -> None:
    """Give up root's right to write and read everywhere; skip the test before that where there is none to give up."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def signalled(words: Sequence[str], ready: Callable[[], bool], number: signal.Signals) -> tuple[int, str]:
    """Start a command, send it a signal once ``ready``, and give its exit status and what it said."""
    # Not a pipe, which a worker that outlives it would keep open.
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=ENVIRONMENT,
            stderr=said,
        )
        while not ready() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        process.wait(timeout=600)
        said.seek(0)
        return process.returncode, said.read()


def hidden_files(folder: Path) -> list[str]:
    """Name temporary files and locks below ``folder``."""
    return sorted(path.name for path in folder.rglob("*") if path.suffix in (".tmp", ".lock"))
