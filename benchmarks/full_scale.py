"""``python -m benchmarks.full_scale``: what training and scoring cost at a data set's true size.

Takes some training steps and one whole scoring pass over shards of that size, and extrapolates to the whole training.
``extract.simulate`` makes such shards of XD-Violence without its videos. What is measured and what is extrapolated
stand apart in the output.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.files import write_text
from extract.base.help import command_parser
from train.methods import TEACHER, VADCLIP

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from train.learner import BaselineLearner, Learner
    from train.samples import Split
    from train.settings import Architecture, Recipe

# The first steps also fill caches and allocate memory.
WARM_UP = 2


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.full_scale", __doc__, writes="--out (JSON)")
    parser.add_argument("--shards", type=Path, required=True, help="folder of train-00000.h5, ..., test-00000.h5, ...")
    parser.add_argument("--model", choices=(VADCLIP, TEACHER), default=TEACHER, help="which network")
    parser.add_argument("--steps", type=int, default=50, help="training steps")
    parser.add_argument("--batch", type=int, default=96, help="samples a step")
    parser.add_argument("--crop", type=int, default=0, help="crop to score")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="a GPU where there is one")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, extrapolate, print and write."""
    arguments = parser().parse_args(argv)

    import torch

    from extract.base.allocator import keep_freed_memory
    from extract.base.device import exact_arithmetic, take_device
    from train.learner import build_learner
    from train.samples import Split
    from train.settings import Architecture, Recipe

    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    layers, window = (2, 4) if arguments.model == TEACHER else (1, 64)
    architecture, recipe = Architecture(arguments.model, layers, window), Recipe(batch=arguments.batch)
    device = take_device(arguments.device, arguments.threads)
    with Split(arguments.shards, "train") as train, Split(arguments.shards, "test") as test, exact_arithmetic():
        labels = train.header.label_set(arguments.shards)
        learner, _ = build_learner(architecture, labels, "random:0", recipe.seed, device)
        measured = {
            **_time_steps(learner, train, labels.model_codes, recipe, arguments.steps, device),
            **_time_scoring(learner, test, architecture, arguments.crop),
            "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        }
        samples = len(train.entries) * len(train.header.crops)
        result = {
            "settings": {name: str(value) for name, value in vars(arguments).items()} | {"device": str(device)},
            "features": train.header.note,
            "measured": measured,
            "extrapolated": _extrapolate(measured, samples, recipe),
        }
    write_text(arguments.out, json.dumps(result, indent=2) + "\n")
    _show(result)


def _time_steps(
    learner: "Learner | BaselineLearner",
    split: "Split",
    codes: Sequence[str],
    recipe: "Recipe",
    steps: int,
    device: "torch.device",
) -> dict[str, float]:
    import torch

    from extract.base.progress import track
    from train.loop import build_optimizer, train_step
    from train.samples import TrainingSamples, batches, shuffled_order

    optimizer = build_optimizer(learner, recipe)
    samples = TrainingSamples(split.entries, codes, 256)
    generator = torch.Generator().manual_seed(0)
    order: list[NDArray[np.int64]] = []
    while len(order) < steps + WARM_UP:
        order += shuffled_order(samples, recipe.batch, generator)
    order = order[: steps + WARM_UP]
    seconds, started = [], time.perf_counter()
    for batch in track(batches(samples, order), label="train", total=len(order), unit="steps"):
        losses = train_step(learner, batch.to(device), recipe, optimizer, None)
        # Also waits for the device.
        losses["total"].item()
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    timed = seconds[WARM_UP:] or seconds
    return {"steps": len(timed), "seconds_a_step": statistics.fmean(timed), "slowest_step_seconds": max(timed)}


def _time_scoring(
    learner: "Learner | BaselineLearner", split: "Split", architecture: "Architecture", crop: int
) -> dict[str, float]:
    import torch

    from extract.base.progress import track
    from train.scoring import score_videos

    learner.eval()
    with torch.inference_mode():
        text = learner.text()
        started = time.perf_counter()
        scored = score_videos(learner.network, text, split.entries, crop, architecture.max_snippets)
        snippets = sum(
            len(scores.anomaly) for _, scores in track(scored, label="score", total=len(split.entries), unit="videos")
        )
    seconds = time.perf_counter() - started
    return {"scored_videos": len(split.entries), "scored_snippets": snippets, "scoring_seconds": seconds}


def _extrapolate(measured: dict[str, float], samples: int, recipe: "Recipe") -> dict[str, float]:
    steps = -(-samples // recipe.batch)
    hours = steps * measured["seconds_a_step"] / 3600
    return {
        "samples": samples,
        "steps_an_epoch": steps,
        "hours_an_epoch": hours,
        "training_hours": hours * recipe.epochs,
    }


def _show(result: dict[str, Any]) -> None:
    for part in ("measured", "extrapolated"):
        print(f"{part} ({result['features'] or 'features without a note'})")
        for name, value in result[part].items():
            print(f"  {name:24} {value:12.3f}" if isinstance(value, float) else f"  {name:24} {value:12d}")
    sys.stdout.flush()


if __name__ == "__main__":
    command.run(main)
