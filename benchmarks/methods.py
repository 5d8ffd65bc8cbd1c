"""``python -m benchmarks.methods``: what an epoch of every method costs at XD-Violence's size.

Every method that a configuration trains takes a step or two by its own recipe, on simulated shards, in a process of its
own; an epoch is extrapolated from the second, or from the first where that takes long. The target of each is what the
teacher takes.
"""

import argparse
import multiprocessing
import resource
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measurements import Measurement, fastest, publish
from benchmarks.shards import XD_CROPS, XD_NORMAL, XD_VIOLENT
from config.configuration import Configuration, Model
from config.reading import read
from config.yaml_text import read_mapping
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from train.methods import TEACHER
from train.settings import Architecture, Recipe, as_settings


class Cost(NamedTuple):
    """What one process measured: ``seconds`` of the fastest step, its ``samples``, and the process's ``memory_gb``."""

    seconds: float
    samples: int
    memory_gb: float


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.methods", __doc__, writes="--out (JSON)")
    parser.add_argument("--shards", type=Path, required=True, help="folder of train-00000.h5, ... (benchmarks.shards)")
    parser.add_argument(
        "--configuration", type=Path, default=Path("config/config.yaml"), help="whose methods and recipes"
    )
    parser.add_argument("--steps", type=int, default=1, help="most steps to time, after one that is not")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="NAME", help="these methods beside the teacher; else all"
    )
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every method, compare with the teacher, print and write."""
    arguments = parser().parse_args(argv)
    # Not through Snakemake, so that keys under __use_yte__ are no programs here.
    models = methods_of(read(read_mapping(arguments.configuration), str(arguments.configuration)), arguments.only)
    found = {}
    # A fresh process each, so that the memory of one does not count for the next; the slow imports are shared.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "open_clip", "train.learner"])
    for name, model in models.items():
        with ProcessPoolExecutor(1, context) as process:
            given = (model.architecture, recipe_of(model), arguments.shards, arguments.steps, arguments.threads)
            found[name] = process.submit(measure, *given).result()
        print(f"{name}: {found[name]}", file=sys.stderr)
    samplings = {name: recipe_of(model).sampling for name, model in models.items()}
    publish("methods", compare(found, samplings), arguments.out, vars(arguments))


def methods_of(configuration: Configuration, only: Sequence[str]) -> dict[str, Model]:
    """Choose the trained rows of Tables 1 to 3, by their names; ablations are the teacher and the student over again.

    Args:
        configuration: Whose methods.
        only: Names of those to take beside the teacher, or none for all.
    """
    shown = {
        name: configuration.models[name]
        for name in configuration.trained
        if not configuration.models[name].untrained and any(table <= 3 for table in configuration.models[name].rows)
    }
    unknown = [name for name in only if name not in shown]
    if unknown:
        raise InputError(f"--only: {unknown[0]!r} is none of {', '.join(shown)}")
    return {name: model for name, model in shown.items() if not only or name in (*only, TEACHER)}


def recipe_of(model: Model) -> Recipe:
    """Give a method's recipe in fp32, a student's without what its teacher tells it."""
    # A precision of auto is no setting; a configuration is read without asking what this machine computes.
    given = {name: value for name, value in as_settings(model.recipe).items() if name != "precision"}
    return replace(Recipe(**given), distillation="none")


def measure(architecture: Mapping[str, Any], settings: Recipe, shards: Path, steps: int, threads: int) -> Cost:
    """Time a method's training steps; a student's without its teacher's forward pass.

    Args:
        architecture: Settings of `train.settings.Architecture`.
        settings: How it is trained.
        shards: Folder of the training shards.
        steps: Most steps to time, after one that is not.
        threads: CPU threads.
    """
    import torch

    from extract.base.allocator import keep_freed_memory
    from extract.base.device import exact_arithmetic
    from extract.datasets import XD
    from train.learner import build_learner
    from train.loop import build_optimizer, train_step
    from train.samples import Split, TrainingSamples, paired_order, shuffled_order

    torch.set_num_threads(threads)
    keep_freed_memory()
    cpu = torch.device("cpu")
    shape = Architecture(**architecture)
    with Split(shards, "train") as split, exact_arithmetic():
        learner, _ = build_learner(shape, XD, "random:0", settings.seed, cpu, split.header.widths)
        learner.train()
        optimizer = build_optimizer(learner, settings)
        samples = TrainingSamples(split.entries, XD.model_codes, shape.max_snippets)
        order = paired_order if settings.sampling == "paired" else shuffled_order
        chosen = order(samples, settings.batch, torch.Generator().manual_seed(0))
        turns = cycle(chosen)
        took = fastest(lambda: train_step(learner, samples.batch(next(turns)), settings, optimizer, None), steps)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return Cost(took.seconds, len(chosen[0]), memory)


def compare(found: Mapping[str, Cost], samplings: Mapping[str, str]) -> list[Measurement]:
    """Extrapolate every method's epoch, beside the teacher's.

    Args:
        found: What ``measure`` gave, the teacher among it.
        samplings: By name, ``shuffled``, where an epoch takes every crop of every video once, or ``paired``, where it
            ends with the shorter list of normal and violent ones.
    """
    seconds = {}
    for name, cost in found.items():
        samples = XD_CROPS * (2 * min(XD_NORMAL, XD_VIOLENT) if samplings[name] == "paired" else XD_NORMAL + XD_VIOLENT)
        seconds[name] = cost.seconds / cost.samples * samples
    return [
        measurement
        for name, cost in found.items()
        for measurement in (
            Measurement(
                f"{name}: epoch",
                seconds[name] / 60,
                "min",
                at_most=None if name == TEACHER else seconds[TEACHER] / 60,
                how=f"{cost.samples} samples in {cost.seconds:.2f} s",
            ),
            Measurement(
                f"{name}: memory", cost.memory_gb, "GB", at_most=None if name == TEACHER else found[TEACHER].memory_gb
            ),
        )
    ]


if __name__ == "__main__":
    command.run(main)
