"""The files and folders that a configuration names: where they are, whether they are there, whether they changed."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from config.classes import data_set_of
from extract.datasets import DataSet
from extract.fetch_weights import RELEASES

UNTRAINED = "random:"
# What stands among the paths and is none.
NO_PATHS = ("generate", "layout", "crop_numbers", "visual_encoder", "audio_encoder")
# Where the rule that fetches weights puts them.
FETCHED = {f"weights/{name}" for name in RELEASES}
# What Snakemake takes for a wildcard within a path, and lets nobody escape.
_WILDCARD = re.compile(r"[{}]")


class Named(NamedTuple):
    """A path that a configuration names.

    Attributes:
        key: Its key.
        path: The path.
        is_folder: Whether it has to be a folder; else it has to be a file. ``None``: either will do.
    """

    key: str
    path: str
    is_folder: bool | None


def at_home(settings: dict[str, Any]) -> None:
    """Replace a leading ``~`` in every path of the configuration by the home folder, in place."""
    for name in ("videos", "released"):
        for key, path in settings.get(name, {}).items():
            if isinstance(path, str):
                settings[name][key] = os.path.expanduser(path)  # noqa: PTH111 (text stays text: "./a" no "a")
    for place, key in _weights_places(settings):
        place[key] = os.path.expanduser(place[key])  # noqa: PTH111


def sources(settings: Mapping[str, Any]) -> list[Named]:
    """List what the catalog is made from, and released models: nothing for generated videos."""
    key = "released" if settings["features"] == "released" else "videos"
    paths: Mapping[str, Any] = settings[key]
    data_set = data_set_of(settings)
    named = [
        Named(f"{key}.{name}", path, _is_folder(name, paths, data_set))
        for name, path in paths.items()
        if name not in NO_PATHS
    ]
    checkpoints = [
        Named(f"methods.{name}.checkpoint", method["checkpoint"], False)
        for name, method in settings["methods"].items()
        if "checkpoint" in method
    ]
    return [*named, *checkpoints]


def weights(key: str, value: str) -> list[Named]:
    """List the file that a weights value names: none for an untrained encoder and for one that is fetched."""
    return [] if value.startswith(UNTRAINED) or value in FETCHED else [Named(key, value, False)]


def missing(named: Named) -> str | None:
    """Say why a path is not what it has to be; ``None`` if it is."""
    if not named.path:
        return "is empty"
    try:
        mode = Path(named.path).stat().st_mode
    except OSError as error:
        return str(error.strerror)
    folder = stat.S_ISDIR(mode)
    if folder and named.is_folder is False:
        return "is a folder, no file"
    if not folder and named.is_folder:
        return "is no folder"
    if not folder and not stat.S_ISREG(mode):
        return "is no plain file"
    if not os.access(named.path, os.R_OK | (os.X_OK if folder else 0)):
        return "may not be read by you"
    return None


def as_input(path: str) -> list[str]:
    """Give a path as input of a rule; one with braces is none, for Snakemake would see wildcards in it."""
    return [] if _WILDCARD.search(path) else [path]


def state(paths: list[Named]) -> list[str]:
    """Give what tells a changed file: its size and date, for a rule's parameters.

    Snakemake itself only asks whether an input is younger than the outputs, and does not see that another file, as old
    as may be, was put in its place. A folder is told by its date where Snakemake cannot have it as an input.
    """
    return [
        f"{named.path} {'' if folder else status.st_size} {int(status.st_mtime)}"
        for named in paths
        for status in _status(named.path)
        if not (folder := stat.S_ISDIR(status.st_mode)) or not as_input(named.path)
    ]


def _status(path: str) -> Iterator[os.stat_result]:
    try:
        yield Path(path).stat()
    except OSError:
        return


def _is_folder(name: str, paths: Mapping[str, Any], data_set: DataSet) -> bool | None:
    if name in ("root", "videos"):
        return True
    if "root" in paths and name in ("train", "test"):  # lists of features
        return False
    return None if name in data_set.folder_sources else False


def _weights_places(settings: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for stream in ("visual", "audio"):
        if stream in settings:
            yield settings[stream], "weights"
    if "text_weights" in settings:
        yield settings, "text_weights"
    for method in settings["methods"].values():
        if "checkpoint" in method:
            yield method, "checkpoint"
