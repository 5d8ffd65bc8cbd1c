"""``python -m evaluate.operating_point``: the threshold of a budget of false alarms an hour, for ``evaluate.detect``.

The threshold is the least from which on upwards the normal videos of the catalog have no more false alarms an hour than
asked for. The file says from which videos it was chosen, how sure it is, and what recall and delay to expect.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate.alarms.options import SCORES, add_score, check_fps
from evaluate.alarms.spelling import defined, percent, point_as_json
from evaluate.provenance import parse_provenance
from evaluate.statistics.settings import LEVEL, Resampling
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.json_text import is_finite, parse_json
from extract.base.progress import say
from extract.base.regular_file import read_regular_text
from extract.catalog import read_test_videos
from train.fields import check_fields

if TYPE_CHECKING:
    from evaluate.alarms.budget import Watch
    from evaluate.alarms.choosing import Choice

FORMAT = "avadclip-operating-point"
VERSION = 1
SPLIT = "test"
DEFAULT = Resampling()


@dataclass(frozen=True)
class OperatingPoint:
    """What detection needs of the file.

    Attributes:
        threshold: Least anomaly that alarms.
        branch: Whose anomaly, one of ``evaluate.alarms.options.SCORES``.
        checkpoint_sha256: Of what made the scores; empty if they do not say.
        says: How and from which videos it was chosen, in a sentence.
    """

    threshold: float
    branch: str
    checkpoint_sha256: str
    says: str


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.operating_point", __doc__, writes="--out (JSON)")
    parser.add_argument("--scores", type=Path, required=True, help="scores of the catalog's test videos (HDF5)")
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos' segments")
    parser.add_argument("--alarms-per-hour", type=float, required=True, help="most false alarms an hour")
    add_score(parser)
    parser.add_argument("--resamples", type=int, default=DEFAULT.resamples, help="of the videos, for the intervals")
    parser.add_argument("--seed", type=int, default=DEFAULT.seed, help="of the resamples")
    parser.add_argument("--out", type=Path, required=True, help="operating point to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Choose a threshold."""
    arguments = parser().parse_args(argv)
    check_fps(arguments.fps)
    budget = arguments.alarms_per_hour
    if not 0 < budget < math.inf:
        raise InputError(f"--alarms-per-hour: {budget} must be above 0")
    settings = Resampling(arguments.resamples, arguments.seed)
    check_fields(settings)

    from evaluate.alarms.budget import watch
    from evaluate.alarms.choosing import choose
    from evaluate.alarms.footage import footage
    from evaluate.annotated import read_annotated

    scored = read_annotated(arguments.scores, read_test_videos(arguments.catalog), arguments.catalog)
    videos = footage(scored, arguments.branch, arguments.protocol, arguments.fps)
    watched = watch(videos)
    choice = choose(watched, budget, settings)
    if choice is None:
        raise InputError(
            f"{arguments.scores}: needs normal videos and events whose frame rates are known; it is unknown of "
            f"{watched.left_out} of {len(videos)} videos (--fps)"
        )
    highest = max(float(one.scores.max()) for one in videos)
    if choice.point.threshold > highest:
        raise InputError(
            f"{arguments.scores}: normal videos reach the highest score of all, {highest:g}, more often than "
            f"{budget:g} times an hour; no threshold keeps that and finds anything; ask for more --alarms-per-hour"
        )
    remarks = _remarks(watched, choice, budget, arguments.catalog, scored.header.causal)
    point: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "threshold": choice.point.threshold,
        "threshold_interval": choice.threshold,
        "branch": arguments.branch,
        "protocol": arguments.protocol,
        "budget": budget,
        "expected": point_as_json(choice.point) | _intervals(choice),
        "chosen_on": {
            "scores": arguments.scores.name,
            "catalog": arguments.catalog.name,
            "split": SPLIT,
            "normal_videos": int(watched.is_quiet.sum()),
            "hours": watched.quiet,
        },
        "measured_on": {"abnormal_videos": int((~watched.is_quiet).sum()), "events": len(watched.events)},
        "remarks": remarks,
        "level": round(100 * LEVEL),
        "resamples": settings.resamples,
        "seed": settings.seed,
        "stride": scored.header.stride,
        "provenance": asdict(scored.header.provenance),
    }
    write_text(arguments.out, json.dumps(point, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    for remark in remarks:
        say(f"warning: {remark}")
    print(f"{arguments.out}: {_spelled(point)}")


def read_point(path: Path) -> OperatingPoint:
    """Read an operating point.

    Raises:
        InputError: If the file is absent or no operating point, or a field is missing or malformed.
    """
    try:
        values = parse_json(read_regular_text(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such operating point") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as an operating point: {error}") from None
    if not isinstance(values, dict) or (values.get("format"), values.get("version")) != (FORMAT, VERSION):
        raise InputError(f"{path}: is no operating point (format {FORMAT!r}, version {VERSION}); choose one again")
    threshold: Any = values.get("threshold")
    branch, remarks = values.get("branch"), values.get("remarks")
    if not is_finite(threshold) or not 0 < threshold <= 1:
        raise InputError(f"{path}: threshold is {threshold!r}; detection needs a number above 0 and at most 1")
    if branch not in SCORES:
        raise InputError(f"{path}: branch is {branch!r}; it must be one of {', '.join(SCORES)}")
    if not isinstance(remarks, list) or not remarks or not all(isinstance(text, str) for text in remarks):
        raise InputError(f"{path}: remarks must be a list of sentences, how the threshold was chosen first")
    made = parse_provenance(values.get("provenance", {}), f"{path}: provenance")
    return OperatingPoint(float(threshold), branch, made.checkpoint_sha256, "; ".join(remarks))


def _remarks(watched: "Watch", choice: "Choice", budget: float, catalog: Path, causal: bool) -> list[str]:
    remarks = [
        f"threshold {choice.point.threshold:.4g} for {budget:g} false alarms an hour, chosen on the labels of "
        f"{watched.is_quiet.sum()} normal {SPLIT} videos of {catalog.name} ({watched.quiet:.2f} hours); other videos "
        "may have more"
    ]
    if budget * watched.quiet < 1:
        remarks.append(
            f"{watched.quiet:.2g} hours are too few to see {budget:g} an hour: the threshold is just above their "
            "highest score, which more hours may exceed"
        )
    if causal:
        remarks.append("chosen by causal scores, which see the past alone, as evaluate.watch does")
    if watched.left_out:
        remarks.append(f"{watched.left_out} videos of unknown frame rate counted in nothing")
    return remarks


def _intervals(choice: "Choice") -> dict[str, Any]:
    return {
        "alarms_per_hour_interval": choice.alarms_per_hour,
        "found_interval": None if choice.found is None else [percent(end) for end in choice.found],
        "delay_interval": None if choice.delay is None else [defined(end) for end in choice.delay],
    }


def _spelled(point: dict[str, Any]) -> str:
    expected = point["expected"]
    within = "never for half of them" if expected["delay"] is None else f"half of them within {expected['delay']:.1f} s"
    return (
        f"threshold {point['threshold']:.4f}{_between(point['threshold_interval'], 4)}; to expect: "
        f"{expected['found']:.1f}%{_between(expected['found_interval'], 1)} of events found, {within}"
        f"{_between(expected['delay_interval'], 1)}, {expected['alarms_per_hour']:.2f}"
        f"{_between(expected['alarms_per_hour_interval'], 2)} false alarms an hour, "
        f"{expected['alarmed']:.2f}% of quiet time in alarm"
    )


def _between(ends: "Sequence[float | None] | None", digits: int) -> str:
    if ends is None:
        return ""
    return f" [{', '.join('never' if end is None else f'{end:.{digits}f}' for end in ends)}]"


if __name__ == "__main__":
    command.run(main)
