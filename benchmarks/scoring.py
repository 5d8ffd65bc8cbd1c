"""``python -m benchmarks.scoring``: how fast test videos are scored, and their mean average precision is found.

Scoring is timed against the released evaluation's way in the arithmetic of ``benchmarks.plain_networks``: one video at
a time, the class embeddings anew for each. The mAP is timed on random curves of XD-Violence's size, 800 videos and 2.4
million frames, from arrays in memory and from a scores file.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract import command
from extract.files import write_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from extract.catalog import Segment
    from train.learner import Learner
    from train.samples import Entry

XD_VIDEOS, XD_FRAMES, XD_STRIDE = 800, 2_400_000, 16
MOST_SCORING_SHARE = 0.2
MOST_SCORE_ERROR = 1e-5
MOST_SECONDS = {"memory": 0.2, "file": 1.0}
REPEATS = 5


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=Path, required=True, help="folder of test-00000.h5, ... (extract.simulate)")
    parser.add_argument("--videos", type=int, default=50, help="first videos to score (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare with the targets, print and write."""
    arguments = parser().parse_args(argv)

    import torch

    from train.samples import Split

    torch.set_num_threads(arguments.threads)
    with Split(arguments.shards, "test") as split:
        measured = {**measure_scoring(split.entries[: arguments.videos]), **measure_map()}
    targets = {
        "scoring_share": MOST_SCORING_SHARE,
        "scoring_share_processor": MOST_SCORING_SHARE,
        "largest_score_error": MOST_SCORE_ERROR,
        **{f"map_from_{source}_seconds": most for source, most in MOST_SECONDS.items()},
    }
    write_text(arguments.out, json.dumps({"measured": measured, "targets": targets}, indent=2) + "\n")
    for name, value in measured.items():
        verdict = "" if name not in targets else f"<= {targets[name]:g}"
        verdict += "" if name not in targets else "  kept" if value <= targets[name] else "  MISSED"
        print(f"{name:32} {value:12.6g}  {verdict}".rstrip())
    sys.stdout.flush()


def measure_scoring(entries: "Sequence[Entry]") -> dict[str, float]:
    """Score videos in batches of windows and one at a time.

    Returns:
        Seconds of both by the clock and by the processor's time, what share of the second the first takes, and the
        largest difference between their probabilities.
    """
    import numpy as np
    import torch

    from extract.clip_encoder import load_clip
    from extract.labels import LABEL_SETS
    from train.learner import Learner, build_learner
    from train.scoring import score_videos
    from train.settings import Architecture

    labels = LABEL_SETS["xd"]
    architecture = Architecture("teacher", layers=2, window=4)
    learner, _ = build_learner(architecture, labels, "random:0", 0, torch.device("cpu"))
    if not isinstance(learner, Learner):
        raise TypeError("the teacher is no network with classes")
    learner.eval()
    clip, _ = load_clip("random:0")
    with torch.inference_mode():
        text = learner.text()
        ours, *batched = _timed(
            lambda: [scores for _, scores in score_videos(learner.network, text, entries, 0, architecture.max_snippets)]
        )
        theirs, *single = _timed(lambda: [_score_alone(learner, clip, labels.prompts, entry) for entry in entries])
    errors = [
        max(np.abs(scores.anomaly - anomaly).max(), np.abs(scores.classes - classes).max())
        for scores, (anomaly, classes) in zip(ours, theirs, strict=True)
    ]
    return {
        "scored_videos": len(entries),
        "scored_snippets": sum(entry.video.snippets for entry in entries),
        "batched_seconds": batched[0],
        "one_at_a_time_seconds": single[0],
        "scoring_share": batched[0] / single[0],
        "scoring_share_processor": batched[1] / single[1],
        "largest_score_error": float(max(errors)),
    }


def measure_map() -> dict[str, float]:
    """Find the mAP of random curves, the fastest of a few times, from memory and from a file."""
    from evaluate.detection_map import detection_ap
    from evaluate.scores_file import ScoredVideo, ScoresHeader, read_scores, write_scores
    from extract.labels import LABEL_SETS

    codes = LABEL_SETS["xd"].codes
    curves, segments = _random_test_set(codes)

    def from_file(path: Path) -> object:
        header, scored = read_scores(path)
        return detection_ap([video.classes for video in scored.values()], segments, header.classes, header.stride)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.h5"
        videos = ((f"v{i:03}", ScoredVideo(row[:, 0], 1 - row[:, 0], row)) for i, row in enumerate(curves))
        write_scores(path, ScoresHeader(XD_STRIDE, codes), videos)
        works: dict[str, Callable[[], object]] = {
            "memory": lambda: detection_ap(curves, segments, codes, XD_STRIDE),
            "file": lambda: from_file(path),
        }
        measured = {}
        for source, work in works.items():
            times = [_timed(work)[1:] for _ in range(REPEATS)]
            measured[f"map_from_{source}_seconds"] = min(seconds for seconds, _ in times)
            measured[f"map_from_{source}_processor_seconds"] = min(processor for _, processor in times)
        return measured


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    started, started_processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - started, time.process_time() - started_processor


def _score_alone(
    learner: "Learner", clip: Any, prompts: Sequence[str], entry: "Entry"
) -> tuple["NDArray[np.float32]", "NDArray[np.float32]"]:
    import torch

    from benchmarks.plain_networks import plain_network, plain_text
    from train.samples import Batch
    from train.windows import cut_windows, window_lengths

    length = window_lengths(entry.video.snippets, 256)
    visual = cut_windows(entry.shard.visual(entry.video, 0), 256, len(length))
    audio = cut_windows(entry.shard.audio(entry.video), 256, len(length))
    text = plain_text(learner.prompt.context, clip, prompts)
    batch = Batch(
        visual=torch.from_numpy(visual),
        audio=torch.from_numpy(audio),
        length=torch.from_numpy(length),
        labels=torch.empty(0),
    )
    anomaly, classes, _, _ = plain_network(learner.network, batch, text)
    snippets = entry.video.snippets
    return (
        anomaly.sigmoid().flatten()[:snippets].numpy(),
        classes.softmax(dim=-1).flatten(0, 1)[:snippets].numpy(),
    )


def _random_test_set(codes: Sequence[str]) -> tuple[list["NDArray[np.float32]"], list[list["Segment"]]]:
    import numpy as np

    from extract.catalog import Segment

    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.full(XD_VIDEOS, 2.0))
    snippets = generator.multinomial(XD_FRAMES // XD_STRIDE - XD_VIDEOS, shares) + 1
    curves, segments = [], []
    for count in snippets.tolist():
        # A random walk, so that a curve rises and falls over some snippets as a network's does.
        logits = 0.3 * generator.standard_normal((count, len(codes))).cumsum(axis=0)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        curves.append((odds / odds.sum(axis=1, keepdims=True)).astype(np.float32))
        starts = generator.integers(0, count * XD_STRIDE, generator.integers(0, 4)).tolist()
        segments.append([Segment(codes[int(generator.integers(len(codes)))], start, start + 200) for start in starts])
    return curves, segments


if __name__ == "__main__":
    command.run(main)
