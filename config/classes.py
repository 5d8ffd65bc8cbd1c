"""Whose classes a configuration is about: a built-in data set's, or the user's own."""

from collections.abc import Mapping
from typing import Any

from extract.datasets import DATA_SETS, DataSet, own_data_set
from extract.labels.file import own_classes


def data_set_of(settings: Mapping[str, Any]) -> DataSet:
    """Give the data set that a configuration names under ``dataset``, or whose classes it lists under ``classes``.

    The prompts' lengths are checked by the first command that runs, as CLIP's vocabulary takes seconds to load.

    Raises:
        InputError: If a class cannot be told from another or its code cannot be written into files; names the class.
    """
    if "classes" in settings:
        return own_data_set(own_classes(settings["classes"]))
    return DATA_SETS[settings["dataset"]]
