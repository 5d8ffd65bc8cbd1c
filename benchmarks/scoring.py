"""``python -m benchmarks.scoring``: how fast test videos are scored, against one video at a time.

The reference is the released evaluation's way in the arithmetic of ``benchmarks.plain_networks``: one video at a time,
the class embeddings anew for each.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measurements import Measurement, publish
from extract.base import command
from extract.base.help import command_parser
from train.methods import TEACHER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from train.learner import Learner
    from train.samples import Entry

MOST_SHARE = 0.2
MOST_ERROR = 1e-5


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.scoring", __doc__, writes="--out (JSON)")
    parser.add_argument("--shards", type=Path, required=True, help="folder of test-00000.h5, ... (extract.simulate)")
    parser.add_argument("--videos", type=int, default=50, help="first videos to score")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare with the targets, print and write."""
    arguments = parser().parse_args(argv)

    import torch

    from train.samples import Split

    torch.set_num_threads(arguments.threads)
    with Split(arguments.shards, "test") as split:
        measurements = measure_scoring(split.entries[: arguments.videos])
    publish("scoring", measurements, arguments.out, vars(arguments))


def measure_scoring(entries: "Sequence[Entry]") -> list[Measurement]:
    """Score videos in batches of windows and one at a time; compare times and probabilities."""
    import numpy as np
    import torch

    from extract.datasets import XD
    from extract.encoders.clip import load_clip
    from train.learner import Learner, build_learner
    from train.scoring import score_videos
    from train.settings import Architecture

    labels = XD
    architecture = Architecture(TEACHER, layers=2, window=4)
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
    snippets = sum(entry.video.snippets for entry in entries)
    share, share_processor = batched[0] / single[0], batched[1] / single[1]
    return [
        Measurement("in batches of windows", batched[0], "s", how=f"{len(entries)} videos, {snippets:,} snippets"),
        Measurement("one video at a time", single[0], "s", how="the class embeddings anew for each"),
        Measurement("share", share, "", at_most=MOST_SHARE, how="of the time of one at a time"),
        Measurement("share", share_processor, "", how="by the processor's seconds"),
        Measurement("score error", float(max(errors)), "", at_most=MOST_ERROR, how="the largest probability's"),
    ]


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


if __name__ == "__main__":
    command.run(main)
