"""The flags by which scoring is given other classes than a checkpoint was trained with."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base.errors import InputError
from extract.labels.file import read_classes
from extract.labels.label_set import LabelSet

if TYPE_CHECKING:
    import torch

    from train.checkpoint import Checkpoint


@dataclass(frozen=True)
class GivenClasses:
    """Classes for scoring.

    Attributes:
        labels: The classes.
        text_weights: CLIP's weights for their prompts, a file or ``random:<seed>``.
    """

    labels: LabelSet
    text_weights: str


def add_given_classes(parser: argparse.ArgumentParser) -> None:
    """Add the two flags, which go together."""
    parser.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="other classes than were trained, YAML: code: prompt, the normal class first; the result says which were "
        "not trained",
    )
    parser.add_argument(
        "--text-weights", help="CLIP's weights of the training, a file, or random:<seed>; needed for --classes"
    )


def given_classes(arguments: argparse.Namespace) -> GivenClasses | None:
    """Read the classes that the flags give; ``None`` if they give none.

    Raises:
        InputError: If one flag is given without the other, or the file is wrong.
    """
    if (arguments.classes is None) != (arguments.text_weights is None):
        raise InputError("--classes and --text-weights go together: prompts are read by CLIP's text tower")
    if arguments.classes is None:
        return None
    return GivenClasses(read_classes(arguments.classes), arguments.text_weights)


def load(path: Path, device: "torch.device", given: GivenClasses | None) -> "Checkpoint":
    """Load a checkpoint to score with, with the classes that are given or else its own.

    Raises:
        InputError: If the file is no checkpoint, or cannot be given other classes.
    """
    from train.checkpoint import load_for_scoring
    from train.other_classes import with_classes

    checkpoint = load_for_scoring(path, device)
    return checkpoint if given is None else with_classes(checkpoint, path, given.labels, given.text_weights)
