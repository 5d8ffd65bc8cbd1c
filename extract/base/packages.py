"""Packages that only some commands need."""

from collections.abc import Sequence
from importlib.util import find_spec

from extract.base.errors import InputError

# Packages that are imported under another name than the one by which they are installed.
INSTALLED_AS = {"decord": "decord2"}


def need_packages(what: str, modules: Sequence[str], requirements: str) -> None:
    """Check that what something needs is installed, without loading it.

    Args:
        what: What needs it, for the message: a flag or a file.
        modules: By the names under which they are imported.
        requirements: The file that lists them.

    Raises:
        InputError: Naming what is missing and the command that installs it.
    """
    missing = [INSTALLED_AS.get(module, module) for module in modules if find_spec(module) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise InputError(
            f"{what}: needs {', '.join(missing)}, which {verb} not installed; pip install -r {requirements}"
        )
