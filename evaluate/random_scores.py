"""``python -m evaluate.random_scores``: scores by chance alone, for Table 2's row Random as its name says it.

Neither VadCLIP's nor AVadCLIP's paper or code defines the row. This is one reading of it, and the definition is ours: a
number between 0 and 1 for each snippet and class, each independent of all others. The other reading is an untrained
network's class map, which needs no command of its own: a method with ``untrained: true``.
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

if TYPE_CHECKING:
    from evaluate.scores_file import ScoredVideo
    from train.samples import Split

NOTE = "definition ours: a random number for each snippet and class"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.random_scores", __doc__, writes="--out (scores, HDF5)")
    parser.add_argument("--shards", type=Path, required=True, help="folder of test-00000.h5, ...")
    parser.add_argument("--seed", type=int, required=True, help="the same seed gives the same scores")
    parser.add_argument("--out", type=Path, required=True, help="scores to write (HDF5)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Score the test videos by chance."""
    arguments = parser().parse_args(argv)
    if arguments.seed < 0:
        raise InputError(f"--seed: {arguments.seed} must be at least 0")

    from evaluate.provenance import Provenance
    from evaluate.scores_file import ScoresHeader, write_scores
    from train.samples import Split

    with Split(arguments.shards, "test") as split:
        labels = split.header.label_set(arguments.shards)
        note = "; ".join(note for note in (split.header.note, NOTE) if note)
        drawn = Provenance(method="random", seed=arguments.seed, features="none", note=note)
        videos = drawn_videos(split, arguments.seed, len(labels.codes))
        write_scores(
            arguments.out, ScoresHeader(split.header.stride, labels.codes, drawn, prompts=labels.words), videos
        )


def drawn_videos(split: "Split", seed: int, classes: int) -> "Iterator[tuple[str, ScoredVideo]]":
    """Draw the scores of every video from its id and the seed alone, so that the other videos change nothing.

    Args:
        split: The test shards; their features are not read.
        seed: Any whole number that is not negative.
        classes: Number of classes C.

    Yields:
        ``video_id`` and scores, in shard order; the anomaly score is 1 - that of the normal class.
    """
    import numpy as np

    from evaluate.scores_file import ScoredVideo, usable_fps

    for entry in split.entries:
        video = entry.video
        own = int.from_bytes(hashlib.sha256(video.video_id.encode()).digest())
        values = np.random.default_rng([seed, own]).random((video.snippets, classes), dtype=np.float32)
        anomaly = 1 - values[:, 0]
        yield video.video_id, ScoredVideo(anomaly, anomaly, values, video.frames, usable_fps(video.fps))


if __name__ == "__main__":
    command.run(main)
