"""``python -m benchmarks.coverage``: do 95% intervals hold the true value as often as they say?

Many test sets are drawn from one simulated world of videos whose true AP, AUC and mAP are known, because they are
measured on a very large set of it. The share of sets whose interval holds the true value is the coverage. Frames of one
video share its own level of noise, as in real videos; so intervals from frames would be far too narrow.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measurements import Measurement, publish
from extract.base import command
from extract.base.help import command_parser
from extract.base.progress import track

if TYPE_CHECKING:
    from evaluate.annotated import ScoredSet
    from evaluate.statistics.settings import Kind

CODES = ("A", "B1", "B2")
STRIDE, SNIPPETS = 16, 24
# Of each kind, in the set that stands for the whole world.
MANY = 6000
FIGURES = {
    "AP": ("alignment", "released", "ap"),
    "AUC": ("alignment", "released", "auc"),
    "mAP": ("map", "released", "avg"),
}


@dataclass(frozen=True)
class Coverage:
    """How often intervals of one figure held its true value.

    Attributes:
        truth: In percent.
        held: Share of the sets in percent.
        width: Mean width of the intervals in points.
    """

    truth: float
    held: float
    width: float


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.coverage", __doc__, writes="--out (JSON)")
    parser.add_argument("--sets", type=int, default=200, help="simulated test sets")
    parser.add_argument("--videos", type=int, default=200, help="videos of each, half of them normal")
    parser.add_argument("--resamples", type=int, default=2000, help="resamples of each")
    parser.add_argument("--seed", type=int, default=0, help="of everything")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write; a target has what `auto` takes."""
    arguments = parser().parse_args(argv)
    kinds: tuple[Kind, ...] = ("percentile", "bca")
    measurements = []
    for kind in kinds:
        found = coverage(arguments.sets, arguments.videos, arguments.resamples, arguments.seed, kind)
        for name, one in found.items():
            how = f"true value {one.truth:.2f}, mean width {one.width:.2f} points"
            least = 90.0 if kind == ("bca" if name == "mAP" else "percentile") else None
            measurements.append(Measurement(f"{name}, {kind}", one.held, "%", at_least=least, how=how))
    publish("coverage", measurements, arguments.out, vars(arguments))


def coverage(sets: int, videos: int, resamples: int, seed: int, kind: "Kind", many: int = MANY) -> dict[str, Coverage]:
    """Count how often intervals hold the true value.

    Args:
        sets: Number of test sets.
        videos: Videos of each, half of them normal.
        resamples: Resamples of each.
        seed: Decides everything.
        kind: How an interval comes from the resamples.
        many: Videos of each kind that stand for the world.
    """
    import numpy as np

    from evaluate.statistics.confidence import ends_of
    from evaluate.statistics.detection_measures import sort_detections
    from evaluate.statistics.figures import Prepared, frames_of_each, match, measure
    from evaluate.statistics.frame_measures import sort_frames
    from evaluate.statistics.resampling import is_normal
    from evaluate.statistics.settings import Resampling

    branch, protocol, _ = FIGURES["AP"]

    def ready(scored: "ScoredSet") -> Prepared:
        matched = match(scored)
        detections = sort_detections(matched, len(scored.videos), len(CODES)) if matched else None
        return Prepared({(branch, protocol): sort_frames(frames_of_each(scored, branch, protocol))}, detections, CODES)

    world = ready(simulated(2 * many, seed))
    truth = {key: float(one[0]) for key, one in measure(world, np.ones((1, 2 * many), np.int32)).items()}
    held: dict[str, list[bool]] = {name: [] for name in FIGURES}
    widths: dict[str, list[float]] = {name: [] for name in FIGURES}
    for number in track(range(sets), label=kind, total=sets, unit="sets"):
        drawn = simulated(videos, seed + 1 + number)
        settings = Resampling(resamples, seed + number, kind)
        ends, _ = ends_of(partial(measure, ready(drawn)), is_normal(drawn.videos, CODES[0]), settings)
        for name, key in FIGURES.items():
            low, high = ends[key] or (np.nan, np.nan)
            held[name].append(low <= truth[key] <= high)
            widths[name].append(high - low)
    return {
        name: Coverage(100 * truth[key], 100 * float(np.mean(held[name])), 100 * float(np.mean(widths[name])))
        for name, key in FIGURES.items()
    }


def simulated(videos: int, seed: int) -> "ScoredSet":
    """Draw scored videos, every other one normal; an abnormal one has one event of either class.

    Where the event is, the logit is higher by 2 on average, by more in one video than in another; and every video has a
    level of its own.
    """
    import numpy as np

    from evaluate.annotated import ScoredSet, annotate
    from evaluate.scores_file import ScoredVideo, ScoresHeader
    from extract.catalog import Segment, Video

    random = np.random.default_rng(seed)
    header = ScoresHeader(STRIDE, CODES)
    annotated = []
    for number in range(videos):
        logits = random.normal(random.normal(-1.5, 0.8), 0.7, SNIPPETS)
        event: tuple[Segment, ...] | None = None
        column = 1 + int(random.integers(2))
        if number % 2:
            first, after = np.sort(random.choice(SNIPPETS + 1, 2, replace=False)).tolist()
            logits[first:after] += random.normal(2.0, 1.0)
            event = (Segment(CODES[column], first * STRIDE, after * STRIDE),)
        anomaly = (1 / (1 + np.exp(-logits))).astype(np.float32)
        share = 1 / (1 + np.exp(-random.normal(1.0, 1.0, SNIPPETS)))
        classes = np.zeros((SNIPPETS, 3), np.float32)
        classes[:, 0], classes[:, column], classes[:, 3 - column] = 1 - anomaly, share * anomaly, (1 - share) * anomaly
        listed = Video(f"v{number}", "test", "", (CODES[column] if event else CODES[0],), event)
        annotated.append(annotate(listed, ScoredVideo(anomaly, anomaly, classes), header))
    return ScoredSet(Path(), Path(), header, tuple(annotated))


if __name__ == "__main__":
    command.run(main)
