"""Files that appear whole or not at all, whatever kills the process that writes them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extract.errors import InputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it to ``path`` once the block has succeeded.

    Args:
        path: The final file. Missing parent folders are created; an existing file is replaced.

    Yields:
        A path in the same folder (so that the rename stays within one file system) on which an
        empty file stands. It is removed if the block raises; after a SIGKILL it stays behind under a
        name that starts with a dot and ends in ``.tmp``, which no reader takes for a result.

    Raises:
        InputError: If ``path`` is a folder, or its folder cannot be made or written to.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, where a file is to be written; choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    except OSError as error:
        raise InputError(f"{path}: cannot be written there ({error.strerror}); choose another place") from None
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _set_usual_mode(temporary)
        _flush_to_disk(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _set_usual_mode(path: Path) -> None:
    # mkstemp makes files private; results are shared, as the user's umask says.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
