"""From where on the anomaly is said to be something: as the user says, or as an operating point does."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.alarms.options import EITHER
from evaluate.operating_point import OperatingPoint, read_point
from extract.base.errors import InputError
from extract.base.progress import say

if TYPE_CHECKING:
    from evaluate.detect.models import Model

THRESHOLD = 0.5


def add_level(parser: argparse.ArgumentParser, found: str) -> None:
    """Let a command be told the threshold.

    Args:
        parser: The command's.
        found: What it finds, in a word.
    """
    parser.add_argument(
        "--threshold",
        type=float,
        help=f"least anomaly of {found}; lower finds more, and more that is wrong (default: {THRESHOLD})",
    )
    parser.add_argument(
        "--operating-point",
        type=Path,
        help="file of evaluate.operating_point, whose threshold is taken in place of --threshold",
    )


def given_level(path: Path | None, threshold: float | None) -> tuple[float, OperatingPoint | None]:
    """Give the threshold and, if it comes from one, the operating point.

    Raises:
        InputError: If both are given, the file is no operating point of the surer branch, or the threshold is not above
            0 and at most 1.
    """
    if path is None:
        least = THRESHOLD if threshold is None else threshold
        if not 0 < least <= 1:
            raise InputError(f"--threshold: {least} must be above 0 and at most 1")
        return least, None
    if threshold is not None:
        raise InputError(f"--threshold: {threshold:g} and {path} both say the threshold; give one of them")
    point = read_point(path)
    if point.branch != EITHER:
        raise InputError(
            f"{path}: branch is {point.branch}, but detection alarms by the surer one; choose it with --branch {EITHER}"
        )
    return point.threshold, point


def said_of(point: OperatingPoint, arguments: argparse.Namespace, model: Model, label: str) -> str:
    """Give what is to be said of an operating point, after it has been seen to be this checkpoint's.

    Args:
        point: As ``given_level`` gives it.
        arguments: Of the command: ``operating_point``, ``checkpoint`` and ``allow_mismatch``.
        model: The checkpoint.
        label: What begins the line that says it.

    Raises:
        InputError: If it was chosen by scores of another checkpoint, and no mismatch is allowed.
    """
    says, of_this = point.says, point.checkpoint_sha256 == model.checkpoint.sha256
    if not of_this and point.checkpoint_sha256 and not arguments.allow_mismatch:
        raise InputError(
            f"{arguments.operating_point}: its scores are of another checkpoint than {arguments.checkpoint}; choose it "
            "by scores of this one, or use it all the same with --allow-mismatch"
        )
    if not of_this:
        says += "; by scores of another checkpoint" if point.checkpoint_sha256 else "; of which checkpoint is not said"
    say(f"{label}: {says}")
    return says
