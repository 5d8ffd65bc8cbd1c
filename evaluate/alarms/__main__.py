"""``python -m evaluate.alarms``: what a user of scores notices, which frame AP hides.

AP and AUC on abnormal videos alone and within a video; how many quiet frames reach 0.5; false alarms an hour and the
delay of detection at every threshold; events found as events; and the mean over annotators where several are given.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate.alarms.options import add_score, check_fps
from evaluate.alarms.spelling import in_percent, percent, point_as_json
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.progress import say
from extract.catalog import read_test_videos

if TYPE_CHECKING:
    from evaluate.alarms.budget import Watch
    from evaluate.alarms.footage import Footage

FORMAT = "avadclip-alarms"
VERSION = 1
# Seconds; runs less than that apart are one alarm.
MERGES = (0.0, 2.0)
OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5)
CHOSEN = "read off these test videos, whose labels chose them; for a threshold to use see operating_point"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.alarms", __doc__, writes="--out (JSON)")
    parser.add_argument("--scores", type=Path, required=True, help="scores of the test videos (HDF5)")
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos' segments")
    parser.add_argument(
        "--rounds",
        type=Path,
        nargs="+",
        default=[],
        help="catalogs of the same videos with other annotators' segments, for AP and AUC as mean over annotators",
    )
    add_score(parser)
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="least score of an alarmed frame and a found event"
    )
    parser.add_argument("--out", type=Path, required=True, help="what was measured, to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a scores file."""
    arguments = parser().parse_args(argv)
    measured = measure(
        arguments.scores,
        arguments.catalog,
        branch=arguments.branch,
        protocol=arguments.protocol,
        threshold=arguments.threshold,
        fps=arguments.fps,
        rounds=arguments.rounds,
    )
    write_text(arguments.out, json.dumps(measured, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    print(f"{arguments.out}: {spelled(measured)}")


def measure(
    scores_path: Path,
    catalog: Path,
    *,
    branch: str,
    protocol: str,
    threshold: float,
    fps: float | None = None,
    rounds: Sequence[Path] = (),
) -> dict[str, Any]:
    """Measure a scores file against a catalog.

    Args:
        scores_path: Scores of the catalog's test videos (HDF5).
        catalog: The catalog (JSON Lines).
        branch: Whose anomaly score, one of ``evaluate.alarms.options.SCORES``.
        protocol: Which frames count and are abnormal, ``released`` or ``exact``.
        threshold: Least score of an alarmed frame and of a found event.
        fps: Frame rate of videos for which neither catalog nor scores have one.
        rounds: Catalogs of the same videos with other annotators' segments.

    Returns:
        What the file holds, see README; shares in percent, ``None`` where undefined.

    Raises:
        InputError: If a file is malformed or does not fit, or a number makes no sense.
    """
    from evaluate.alarms.budget import watch
    from evaluate.alarms.footage import footage
    from evaluate.alarms.frames import abnormal, areas, by_category, within_video
    from evaluate.annotated import read_annotated

    check_fps(fps)
    if not math.isfinite(threshold):
        raise InputError(f"--threshold: {threshold} must be a number")
    scored = read_annotated(scores_path, read_test_videos(catalog), catalog)
    videos = footage(scored, branch, protocol, fps)
    watches = {merge: watch(videos, merge) for merge in MERGES}
    plain = watches[MERGES[0]]
    if plain.left_out:
        say(
            f"warning: {scores_path}: the frame rate of {plain.left_out} of {len(videos)} videos is unknown; they "
            "count in no alarm an hour and no delay (--fps)"
        )
    within, categories = within_video(videos), by_category(videos)
    known = [value for value in categories.values() if not math.isnan(value)]
    return {
        "format": FORMAT,
        "version": VERSION,
        "branch": branch,
        "protocol": protocol,
        "videos": {
            "normal": sum(one.normal for one in videos),
            "abnormal": len(abnormal(videos)),
            "missing": len(scored.missing),
            "unknown_fps": plain.left_out,
        },
        "frame_level": {
            "all_videos": in_percent(areas(videos)),
            "abnormal_videos": in_percent(areas(abnormal(videos))),
            "within_video": {"auc": percent(within.auc), "videos": within.videos, "skipped": within.skipped},
            "by_category": {
                "auc": percent(sum(known) / len(known) if known else math.nan),
                "classes": {code: percent(value) for code, value in categories.items()},
            },
        },
        "false_alarm_rate": _false_alarm_rate(videos, threshold, scores_path),
        "events": _events(videos, threshold),
        "alarms": {
            "hours_of_normal_videos": plain.quiet,
            "hours_without_event": plain.normal,
            "events": len(plain.events),
            "thresholds_chosen": CHOSEN,
            "merged": {f"{merge:g}": _alarms(watched, threshold) for merge, watched in watches.items()},
        },
        "mean_over_rounds": _rounds(scores_path, [catalog, *rounds], branch, protocol) if rounds else None,
        "stride": scored.header.stride,
        "provenance": asdict(scored.header.provenance),
    }


def spelled(measured: dict[str, Any]) -> str:
    """Say the most telling numbers in a line."""
    frame = measured["frame_level"]
    parts = [
        f"AUC {_spelled(frame['all_videos']['auc'])}, on abnormal videos {_spelled(frame['abnormal_videos']['auc'])}, "
        f"within a video {_spelled(frame['within_video']['auc'])}"
    ]
    for point in measured["alarms"]["merged"]["0"]["at"] or []:
        delay = "never in time" if point["delay"] is None else f"half of them within {point['delay']:.1f} s"
        parts.append(f"at {point['budget']:g} false alarms an hour {_spelled(point['found'])} % of events, {delay}")
    return "; ".join(parts)


def _false_alarm_rate(videos: "Sequence[Footage]", threshold: float, path: Path) -> dict[str, float | None]:
    from evaluate.alarms.frames import false_alarm_rate

    rate = in_percent(false_alarm_rate(videos, threshold))
    if any(one.scores.min() < 0 or one.scores.max() > 1 for one in videos):
        say(f"warning: {path}: scores outside 0..1 are no probabilities; a rate at a fixed threshold is left out")
        rate = dict.fromkeys(rate)
    return {"threshold": threshold, **rate}


def _events(videos: "Sequence[Footage]", threshold: float) -> dict[str, Any]:
    from evaluate.alarms.matching import MATCHINGS, found_events, score_events

    found, true = [found_events(one, threshold) for one in videos], [one.events for one in videos]
    scores = {
        matching: {
            str(overlap): in_percent(score_events(found, true, overlap, matching)) for overlap in OVERLAPS
        }
        for matching in MATCHINGS
    }  # fmt: skip
    return {
        "threshold": threshold,
        "found_in": "raw scores",
        "found": sum(map(len, found)),
        "annotated": sum(map(len, true)),
        **scores,
    }


def _alarms(watched: "Watch", threshold: float) -> dict[str, Any]:
    import numpy as np

    from evaluate.alarms.budget import BUDGETS, points_at, points_of_budgets, points_of_every_budget

    at = points_of_budgets(watched)
    (fixed,) = points_at(watched, np.array([threshold], np.float32))
    return {
        "at": None
        if at is None
        else [{"budget": budget, **point_as_json(point)} for budget, point in zip(BUDGETS, at, strict=True)],
        "at_threshold": point_as_json(fixed),
        "curve": [point_as_json(point) for point in points_of_every_budget(watched)],
    }


def _rounds(scores_path: Path, catalogs: Sequence[Path], branch: str, protocol: str) -> dict[str, Any]:
    from evaluate.alarms.footage import footage
    from evaluate.alarms.rounds import mean_over_rounds
    from evaluate.annotated import read_annotated

    every = [
        footage(read_annotated(scores_path, read_test_videos(catalog), catalog), branch, protocol)
        for catalog in catalogs
    ]
    return {"rounds": len(every), **in_percent(mean_over_rounds(every))}


def _spelled(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    command.run(main)
