"""``python -m benchmarks.evaluation``: how long the metrics take at XD-Violence's size.

Random scores of 800 videos with 2.4 million frames and 7 classes, with random events. Chance scores are the hard case:
their scores break into many more predictions than those of a trained model.
"""

import argparse
import resource
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measurements import Measurement, fastest, publish
from benchmarks.shards import write_catalog
from extract.base import command
from extract.base.help import command_parser
from extract.datasets import XD

if TYPE_CHECKING:
    from evaluate.scores_file import ScoredVideo
    from extract.catalog import Segment

STRIDE = 16
CODES = XD.codes
REPEATS = 2


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.evaluation", __doc__, writes="--out (JSON)")
    parser.add_argument("--videos", type=int, default=800, help="test videos")
    parser.add_argument("--frames", type=int, default=2_400_000, help="frames of all videos")
    parser.add_argument("--seed", type=int, default=0, help="of scores and events")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    arguments = parser().parse_args(argv)

    from evaluate.detection_map import detection_ap, released_map
    from evaluate.scores_file import ScoresHeader, read_scores, write_scores

    videos, events = random_set(arguments.videos, arguments.frames, arguments.seed)

    def summarise(scored: "dict[str, ScoredVideo]") -> None:
        released_map(detection_ap([video.classes for video in scored.values()], events, CODES, STRIDE))

    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "scores.h5"
        write_scores(scores, ScoresHeader(STRIDE, CODES), videos.items())
        from_memory = _seconds(lambda: summarise(videos))
        from_file = _seconds(lambda: summarise(read_scores(scores)[1]))
    size = f"{arguments.videos} videos, {arguments.frames:,} frames, {len(CODES)} classes, 5 thresholds"
    times = time_resamples(videos, events)
    measurements = [
        Measurement("mAP from memory", from_memory, "s", at_most=0.2, how=size),
        Measurement("mAP from file", from_file, "s", at_most=1.0, how="scores read and checked"),
        Measurement("AP and AUC of 2,000 resamples", times["frames"], "s", at_most=10, how="one branch and protocol"),
        Measurement("mAP of 2,000 resamples", times["map"], "s", at_most=60, how="all classes and thresholds"),
        Measurement(
            "all metrics from file",
            time_metrics(videos, events),
            "s",
            how="mAP, AP, AUC; two branches, two protocols; an interval for each",
        ),
        Measurement("memory of all this", peak_gigabytes(), "GB", at_most=1, how="the scores included"),
    ]
    publish("evaluation", measurements, arguments.out, vars(arguments))


def time_resamples(videos: "dict[str, ScoredVideo]", events: "Sequence[Sequence[Segment]]") -> dict[str, float]:
    """Time the figures of 2,000 resamples in seconds, sorting included: ``frames`` and ``map``."""
    import numpy as np

    from evaluate.detection_map import match_detections
    from evaluate.statistics.detection_measures import resampled_ap, sort_detections
    from evaluate.statistics.frame_measures import ap_and_auc, sort_frames
    from evaluate.statistics.resampling import resample
    from train.frame_ap import join_frames

    times = resample(np.arange(len(videos)) % 2 == 0, 2000, seed=0)
    pairs = list(zip(videos.values(), events, strict=True))
    joined = [join_frames([video.anomaly], [one], normal=CODES[0], stride=STRIDE) for video, one in pairs]
    matched = match_detections([video.classes for video, _ in pairs], events, CODES, STRIDE)
    return {
        "frames": _seconds(lambda: ap_and_auc(sort_frames(joined), times)),
        "map": _seconds(lambda: resampled_ap(sort_detections(matched, len(pairs), len(CODES)), times)),
    }


def peak_gigabytes() -> float:
    """Give the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def time_metrics(videos: "dict[str, ScoredVideo]", events: "Sequence[Sequence[Segment]]") -> float:
    """Time everything that ``evaluate.metrics`` computes, from file, in seconds."""
    from evaluate.metrics import measure
    from evaluate.scores_file import ScoresHeader, write_scores

    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "scores.h5"
        write_scores(scores, ScoresHeader(STRIDE, CODES), videos.items())
        catalog = write_catalog(Path(folder) / "catalog.jsonl", _entries(videos, events))
        return _seconds(lambda: measure(scores, catalog))


def random_set(videos: int, frames: int, seed: int) -> "tuple[dict[str, ScoredVideo], list[list[Segment]]]":
    """Draw scores and events.

    Args:
        videos: How many videos; every other one is normal.
        frames: Frames of all of them.
        seed: Decides everything.

    Returns:
        Scores by ``video_id``, and each video's events.
    """
    import numpy as np

    from evaluate.scores_file import ScoredVideo
    from extract.catalog import Segment

    random = np.random.default_rng(seed)
    share = random.lognormal(size=videos)
    lengths = np.maximum(4, share / share.sum() * frames / STRIDE).astype(int)
    scored, events = {}, []
    for number, snippets in enumerate(lengths.tolist()):
        classes = random.dirichlet(np.ones(len(CODES)), snippets).astype(np.float32)
        anomaly = random.random(snippets, np.float32)
        scored[f"video_{number:05d}"] = ScoredVideo(anomaly, 1 - classes[:, 0], classes, snippets * STRIDE)
        bounds = np.sort(random.choice(snippets * STRIDE, size=4, replace=False)).tolist()
        label = CODES[1 + int(random.integers(len(CODES) - 1))] if number % 2 else CODES[0]
        abnormal = [Segment(label, bounds[0], bounds[1]), Segment(label, bounds[2], bounds[3])]
        events.append(abnormal if number % 2 else [Segment(label, 0, snippets * STRIDE)])
    return scored, events


def _entries(videos: "dict[str, ScoredVideo]", events: "Sequence[Sequence[Segment]]") -> list[dict[str, Any]]:
    return [
        {
            "video_id": video_id,
            "split": "test",
            "path": "",
            "labels": sorted({segment.label for segment in segments}),
            "segments": [asdict(segment) for segment in segments],
        }
        for video_id, segments in zip(videos, events, strict=True)
    ]


def _seconds(work: Callable[[], object]) -> float:
    return fastest(work, REPEATS).seconds


if __name__ == "__main__":
    command.run(main)
