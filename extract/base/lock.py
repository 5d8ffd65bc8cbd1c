"""One run at a time in a folder of unfinished work: two would remove each other's files."""

import errno
import fcntl
import os
import platform
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from extract.base.errors import InputError

# What a lock's file holds: nothing yet, or who works there.
HOLDER = re.compile(r"(process \d+ on [^\n]*\n?)?")
LONGEST_HOLDER = 400
# What file systems answer that have no locks; the run then goes on without one.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def sole_run(partial: Path) -> Iterator[None]:
    """Hold ``<partial>.lock`` while the block runs.

    The lock belongs to the process, not to the file: a killed run leaves the file but no lock, and the next run takes
    it over. Worker processes do not inherit it.

    Args:
        partial: Folder of the unfinished work.

    Raises:
        InputError: If another process holds the lock, which it names; or if something else has the lock's name.
    """
    path = partial.with_name(f"{partial.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise InputError(f"{path}: is a link or no file; move it or choose another folder") from None
        raise InputError(f"{path}: cannot be written there ({error.strerror}); choose another place") from None
    with file:
        file.truncate(0)
        print(f"process {os.getpid()} on {platform.node()}", file=file, flush=True)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path) -> TextIO:
    while True:
        file = _opened(path)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:
                print(f"{path}: this file system has no locks; see that no second run works there", file=sys.stderr)
                return file
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise InputError(
                f"{path}: {holder} is doing this already; wait for it or end it, then run the same command again"
            ) from None
        except BaseException:
            file.close()
            raise
        if _is_still(path, file):
            return file
        # The run before removed the file between our opening and locking it.
        file.close()


def _opened(path: Path) -> TextIO:
    """Open the lock's file; what another program or person put under its name is neither emptied nor removed."""
    # Not through a link to another file, and without waiting for the other end of a FIFO.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    refusal = InputError(f"{path}: is no lock of this program, which needs the name; move it or choose another folder")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refusal
    file = os.fdopen(descriptor, "a+", encoding="utf-8", errors="replace")
    file.seek(0)
    if not HOLDER.fullmatch(file.read(LONGEST_HOLDER)):
        file.close()
        raise refusal
    return file


def _is_still(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
