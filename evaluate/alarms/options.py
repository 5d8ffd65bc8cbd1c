"""Which score alarms, on which frames, and how long a frame lasts: the flags of the commands that count alarms."""

import argparse
import math

from evaluate.branches import BRANCHES
from extract.base.errors import InputError

# The surer branch of each snippet, as `evaluate.detect` alarms.
EITHER = "either"
SCORES = (*BRANCHES, EITHER)


def add_score(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which score alarms, on which frames, and how long a frame lasts."""
    parser.add_argument(
        "--branch",
        choices=SCORES,
        default=EITHER,
        help="whose anomaly score; either: the surer one of each snippet, as evaluate.detect alarms",
    )
    parser.add_argument(
        "--protocol", choices=("released", "exact"), default="released", help="which frames count and are abnormal"
    )
    parser.add_argument(
        "--fps", type=float, help="frames per second of videos for which neither catalog nor scores say it"
    )


def check_fps(fps: float | None) -> None:
    """Refuse a frame rate that is none.

    Raises:
        InputError: If it is not positive or not finite.
    """
    if fps is not None and not 0 < fps < math.inf:
        raise InputError(f"--fps: {fps} must be above 0")
