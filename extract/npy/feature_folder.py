"""Where the files of a list lie on this machine: the lists name absolute paths of the machine they were made on."""

from collections.abc import Sequence
from pathlib import Path

from extract.base.errors import InputError
from extract.base.names import one_form
from extract.lists.feature_list import listed_path
from extract.npy.feature_file import FeatureFileError


class FeatureFolder:
    """A folder of feature files in which listed paths are looked up.

    Every folder below it is listed once: 40,000 files on a network drive would otherwise cost as many questions
    for each level of their paths.

    Args:
        root: The folder. It and what lies in it may be symbolic links, which are followed; a listed path itself
            never leads out of it.

    Raises:
        InputError: If there is no such folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(f"{root}: no such folder; --root is where the .npy files lie")
        self._root = root
        self._names: dict[Path, dict[str, str]] = {}

    def find(self, listed: str, where: str) -> Path:
        """Find a listed file by the longest end of its path that exists here.

        Args:
            listed: Path as the list has it, for example ``/home/author/a/b/c.npy``.
            where: List and line, for messages.

        Returns:
            ``root/home/author/a/b/c.npy`` if it exists, else ``root/author/a/b/c.npy``, and so on to ``root/c.npy``.

        Raises:
            InputError: If the path has a part ``..``.
            FeatureFileError: If the file is nowhere.
        """
        parts = [part for part in listed_path(listed).parts if part != "/"]
        if not parts or ".." in parts or "\0" in listed:
            raise InputError(f"{where}: path {listed!r} has a part '..' or names no file; write it without")
        for first in range(len(parts)):
            found = self._below(parts[first:])
            if found is not None:
                return found
        raise FeatureFileError(f"{where}: no {parts[-1]} in {self._root}, nor where {listed!r} ends below it")

    def _below(self, parts: Sequence[str]) -> Path | None:
        found = self._root
        for part in parts:
            name = self._list(found).get(one_form(part))
            if name is None:
                return None
            found = found / name
        return found

    def _list(self, folder: Path) -> dict[str, str]:
        if folder not in self._names:
            try:
                self._names[folder] = {one_form(entry.name): entry.name for entry in folder.iterdir()}
            except (FileNotFoundError, NotADirectoryError):
                self._names[folder] = {}
            except OSError as error:
                raise InputError(f"{folder}: cannot be read ({error.strerror})") from None
        return self._names[folder]
