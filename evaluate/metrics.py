"""``python -m evaluate.metrics``: from scores and a catalog to frame-level AP and AUC and instance-level mAP."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate.branches import BRANCHES
from evaluate.statistics.settings import Resampling
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.catalog import read_test_videos
from train.fields import add_flags, check_fields

if TYPE_CHECKING:
    from evaluate.annotated import Annotated, ScoredSet
    from evaluate.detection_map import DetectionAP
    from evaluate.frame_level import FrameMetrics

FORMAT = "avadclip-metrics"
VERSION = 1
DEFAULT = Resampling()
UNDEFINED = [math.nan] * 5  # one for each IoU threshold


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.metrics", __doc__, writes="--out (JSON)")
    parser.add_argument("--scores", type=Path, required=True, help="scores of the test videos (HDF5)")
    parser.add_argument(
        "--catalog", type=Path, required=True, help="catalog with the test videos' segments (JSON Lines)"
    )
    parser.add_argument(
        "--causal",
        type=Path,
        metavar="FILE",
        help="scores of the same checkpoint by evaluate.score --causal: adds protocol causal, what it reaches live",
    )
    parser.add_argument("--out", type=Path, required=True, help="metrics to write (JSON)")
    add_flags(parser.add_argument_group("intervals"), Resampling)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a scores file."""
    arguments = parser().parse_args(argv)
    resampling = Resampling(**{one.name: getattr(arguments, one.name) for one in fields(Resampling)})
    check_fields(resampling)
    metrics = measure(arguments.scores, arguments.catalog, resampling, arguments.causal)
    for word in (metrics["intervals"]["note"], metrics["intervals"]["warning"]):
        if word:
            print(f"{arguments.scores}: {word}", file=sys.stderr)
    write_text(arguments.out, json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    print(
        f"{arguments.out}: {metrics['videos'] - len(metrics['missing'])} of {metrics['videos']} test videos, "
        f"alignment AP {_spelled(metrics, 'alignment', 'released', 'ap')}, "
        f"mAP {_spelled(metrics, 'map', 'released', 'avg')}"
    )


def measure(
    scores_path: Path, catalog_path: Path, resampling: Resampling = DEFAULT, causal_path: Path | None = None
) -> dict[str, Any]:
    """Measure a scores file against a catalog.

    Frame level, ``released`` takes a video's ``released_frames`` for what is abnormal, where the catalog has them;
    ``exact`` and the mAP take its ``segments``. A test video without scores is listed in ``missing`` and counts in no
    metric, neither its frames nor its segments. Normal videos without ``segments`` count as one normal segment of
    T * stride frames.

    Args:
        scores_path: Scores of the catalog's test videos (HDF5).
        catalog_path: The catalog (JSON Lines).
        resampling: How intervals are made.
        causal_path: Scores of the same checkpoint and videos as live, if they are to be measured too.

    Returns:
        What the metrics file holds: every value in percent, unrounded; ``None`` where the ground truth leaves a value
        undefined, and for the mAP of a method that tells no classes; ``exact`` is ``None`` unless the scores say how
        many frames each scored video has. With ``causal_path`` there is a protocol ``causal``, which counts frames as
        ``exact`` does, or as ``released`` where that is undefined. ``intervals`` has the interval of every value but
        the causal ones.

    Raises:
        InputError: If a file is malformed, the scores have a video that is no test video of the catalog or none
            that is, a label is not among the scores' classes, or an abnormal video has no segments; or if the causal
            scores are none, or of another checkpoint or other videos.
    """
    # Imported here so that --help stays quick.
    from evaluate.annotated import read_annotated
    from evaluate.detection_map import abnormal_map, matched_ap, released_map
    from evaluate.statistics.confidence import intervals
    from evaluate.statistics.figures import match

    tests = read_test_videos(catalog_path)
    scored = read_annotated(scores_path, tests, catalog_path)
    header, videos = scored.header, scored.videos
    for one in videos:
        _warn_of_cut_segments(one, header.stride, catalog_path)
    live = None
    if causal_path is not None:
        live = read_annotated(causal_path, tests, catalog_path)
        _check_causal(live, scored)
    matched = match(scored)
    detection = matched_ap(matched, len(header.classes)) if matched else None
    return {
        "format": FORMAT,
        "version": VERSION,
        "videos": len(tests),
        "missing": list(scored.missing),
        **{branch: _frame_level(scored, live, BRANCHES[branch]) for branch in ("classification", "alignment")},
        "map": {
            "released": _by_threshold(released_map(detection).tolist() if detection else UNDEFINED),
            "abnormal": _by_threshold(abnormal_map(detection).tolist() if detection else UNDEFINED),
        },
        "per_class": _per_class(detection, header.classes) if detection else {},
        "intervals": intervals(scored, matched, resampling),
        "stride": header.stride,
        "classes": list(header.classes),
        "prompts": header.names,
        "provenance": asdict(header.provenance),
    }


def _warn_of_cut_segments(one: "Annotated", stride: int, catalog_path: Path) -> None:
    # The published annotations have such segments too, so they are cut, as the released evaluation does.
    frames = one.scores.frames if one.scores.frames > 0 else len(one.scores.anomaly) * stride
    for segment in one.video.segments or ():
        if segment.end > frames:
            what = "cut there" if segment.start < frames else "no frame of it counts, but the mAP misses it"
            print(
                f"warning: {catalog_path}: {one.video.video_id!r}: {segment.label} [{segment.start}, {segment.end}) "
                f"ends after the video's {frames} frames; {what}",
                file=sys.stderr,
            )


def _frame_level(scored: "ScoredSet", live: "ScoredSet | None", score: str) -> dict[str, Any]:
    from evaluate.annotated import joined_frames
    from evaluate.frame_level import frame_metrics

    protocols = ("released", "exact") if scored.knows_frames else ("released",)
    found = {name: _in_percent(frame_metrics(joined_frames(scored, score, name))) for name in protocols}
    causal = {} if live is None else {"causal": _in_percent(frame_metrics(joined_frames(live, score, protocols[-1])))}
    return {"released": None, "exact": None} | found | causal


def _check_causal(live: "ScoredSet", scored: "ScoredSet") -> None:
    if not live.header.causal:
        raise InputError(f"{live.path}: attribute causal is false; make these scores by evaluate.score --causal")
    one, other = (found.header.provenance.checkpoint_sha256 for found in (live, scored))
    if one != other:
        raise InputError(f"{live.path}: is of another checkpoint than {scored.path}; score both with one")
    ids = [{video.video.video_id for video in found.videos} for found in (live, scored)]
    if ids[0] != ids[1]:
        video_id = min(ids[0] ^ ids[1])
        raise InputError(f"{live.path}: video {video_id!r} is scored in one of it and {scored.path} alone")


def _in_percent(metrics: "FrameMetrics") -> dict[str, float | None]:
    return {name: _percent(value) for name, value in metrics._asdict().items()}


def _per_class(detection: "DetectionAP", codes: Sequence[str]) -> dict[str, dict[str, float | None]]:
    return {code: _by_threshold(column) for code, column in zip(codes, detection.ap.T.tolist(), strict=True)}


def _by_threshold(values: list[float]) -> dict[str, float | None]:
    from evaluate.paper_tables import IOU_THRESHOLDS

    named = {str(threshold): _percent(value) for threshold, value in zip(IOU_THRESHOLDS, values, strict=True)}
    return named | {"avg": _percent(sum(values) / len(values))}


def _spelled(metrics: dict[str, Any], *keys: str) -> str:
    value, interval = metrics, metrics["intervals"]
    for key in keys:
        value, interval = value[key], interval and interval.get(key)
    if value is None:
        return "undefined"
    return f"{value:.2f}" + (f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else "")


def _percent(value: float) -> float | None:
    return None if math.isnan(value) else 100 * value


if __name__ == "__main__":
    command.run(main)
