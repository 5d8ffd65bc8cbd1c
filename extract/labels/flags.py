"""The flags by which commands are told the classes: ``--dataset`` for a built-in set, ``--classes`` for one's own."""

import argparse
from pathlib import Path

from extract.datasets import DATA_SETS, DataSet, own_data_set
from extract.labels.file import read_classes


def add_classes(parser: argparse.ArgumentParser, *, required: bool = True, otherwise: str = "") -> None:
    """Add the two flags, of which one may be given.

    Args:
        parser: The command line.
        required: Whether one has to be given.
        otherwise: What holds where none is given, for the help.
    """
    either = parser.add_mutually_exclusive_group(required=required)
    default = f" (default: {otherwise})" if otherwise else ""
    either.add_argument("--dataset", choices=tuple(DATA_SETS), help=f"built-in label set{default}")
    either.add_argument(
        "--classes", type=Path, metavar="FILE", help="classes of your own, YAML: code: prompt, the normal class first"
    )


def chosen(arguments: argparse.Namespace) -> DataSet:
    """Give the data set that one of the two flags names.

    Raises:
        InputError: If the file of classes is absent or wrong.
    """
    if arguments.classes is not None:
        return own_data_set(read_classes(arguments.classes))
    return DATA_SETS[arguments.dataset]
