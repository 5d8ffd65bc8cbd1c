"""The runs that a drawing shows: files by method and run, as command lines give them."""

from collections.abc import Sequence
from pathlib import Path

from extract.base.errors import InputError

METAVAR = ("METHOD", "RUN", "FILE")


def runs_by_method(words: Sequence[Sequence[str]], flag: str) -> dict[str, dict[str, Path]]:
    """Sort ``METHOD RUN FILE`` triples.

    Args:
        words: The triples; RUN is for example ``seed0``.
        flag: The flag they were given by, for the message.

    Returns:
        Files by run by method, in the order given.

    Raises:
        InputError: If a method's run comes twice, or a method cannot name a file.
    """
    runs: dict[str, dict[str, Path]] = {}
    for method, run, path in words:
        if not method or method != Path(method).name or method.startswith("."):
            raise InputError(f"{flag}: method {method!r} cannot name a picture; use letters, digits and underscores")
        files = runs.setdefault(method, {})
        if run in files:
            raise InputError(f"{flag}: {method} {run} is given twice; give each run once")
        files[run] = Path(path)
    return runs
