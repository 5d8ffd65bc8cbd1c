"""Files that appear whole or not at all, whatever kills the process that writes them."""

import fcntl
import hashlib
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from extract.base.errors import InputError
from extract.base.storage import storage_trouble

# The name says who writes: a later run can tell the files of dead processes from those that are being written.
_TEMPORARY = re.compile(r"\.(?P<pid>[0-9]+)@(?P<system>.*)\.[^.]+\.tmp")
# Far longer than any writer of ours is silent.
ABANDONED_SECONDS = 24 * 3600


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Do as ``replaced_path`` does, and survive a power cut: the file is on the disk before it has its name."""
    with replaced_path(path) as temporary:
        yield temporary
        _flush_to_disk(temporary)


@contextmanager
def replaced_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it to ``path`` once the block has succeeded.

    Args:
        path: The final file. Missing parent folders are created; an existing file is replaced.

    Yields:
        A path in the same folder (so that the rename stays within one file system) on which an
        empty file stands. It is removed if the block raises; after a SIGKILL it stays behind under a
        name that starts with a dot and ends in ``.tmp``, which no reader takes for a result, until
        the next file is written to the folder.

    Raises:
        InputError: If ``path`` is a folder, its folder cannot be made or written to, or the disk is full or fails.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, where a file is to be written; choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{os.getpid()}@{system()}.", suffix=".tmp")
    except OSError as error:
        raise InputError(f"{path}: cannot be written there ({error.strerror}); choose another place") from None
    temporary = Path(name)
    try:
        # For as long as it is written; where a file system has no locks, its name and date have to do.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield temporary
        _set_usual_mode(temporary)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, Exception) and (trouble := storage_trouble(error)):
            raise InputError(
                f"{path}: cannot be written ({trouble}); mend that and run the same command again"
            ) from error
        raise
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all.

    Raises:
        InputError: As ``replaced_path`` does, or if it holds a name that is no UTF-8.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        near = text[max(0, error.start - 40) : error.end + 10]
        raise InputError(f"{path}: would hold a name that is no UTF-8, near {near!r}; rename it") from None
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files whose writers were killed.

    A file that is being written is locked. Where locks do not reach, a writer on this system is looked up by its
    process number, and one elsewhere (another machine, or another container, whose process numbers mean others)
    counts as dead when its file has not been touched for a day.
    """
    with os.scandir(folder) as entries:
        temporaries = [(Path(entry.path), match) for entry in entries if (match := _TEMPORARY.fullmatch(entry.name))]
    for temporary, match in temporaries:
        here = match["system"] == system()
        dead = not _runs(int(match["pid"])) if here else _untouched_for_long(temporary)
        if dead and not _is_locked(temporary):
            temporary.unlink(missing_ok=True)


@cache
def system() -> str:
    """Name the system whose process numbers are ours: this start of this machine, and of its containers this one."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        numbers = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return re.sub(r"[^\w-]", "_", platform.node())[:64]
    return hashlib.sha256(f"{boot}{numbers}".encode()).hexdigest()[:16]


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks here
        return False
    finally:
        os.close(descriptor)
    return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _untouched_for_long(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except FileNotFoundError:
        return False


def _set_usual_mode(path: Path) -> None:
    # mkstemp makes files private; results are shared, as the user's umask says.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
