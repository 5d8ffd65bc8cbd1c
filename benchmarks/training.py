"""``python -m benchmarks.training``: how fast a training step is, against the hardware and against the plain form.

A step of ``train`` in fp32 and, where the hardware computes it, in bf16 beside one of ``benchmarks.plain_networks``, on
the same batch, each in a process of its own; the rate that a large matrix product reaches in the same process is the
ceiling. Times are the fastest of a few steps, because other work on the machine can only add to them; the processor's
seconds, over all threads, stand beside the clock's for the same reason.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measurements import PATIENCE, Measurement, fastest, product_rates, publish
from benchmarks.shards import XD_CROPS, XD_NORMAL, XD_VIOLENT
from extract.base import command
from extract.base.help import command_parser
from extract.base.precision import AUTO, resolve
from train.methods import TEACHER, VADCLIP

if TYPE_CHECKING:
    import torch

    from train.learner import Learner
    from train.samples import Batch
    from train.settings import Architecture, Recipe

LOADER_BATCHES = 10
EPOCH = XD_CROPS * (XD_NORMAL + XD_VIOLENT)
LEAST_SHARE = 60.0
MOST_HALF_TIME = 0.25
MOST_LOSS_ERROR = {"fp32": 1e-5, "bf16": 5e-3}
MOST_MEMORY_GB = 8.0


@dataclass(frozen=True)
class Task:
    """What one process measures.

    Attributes:
        form: ``plain``, ``fp32`` or ``bf16``.
        model: ``teacher`` or ``vadclip``, at the size for XD-Violence.
        shards: Folder of the training shards.
        batch: Samples a step.
        steps: Most steps to time, after one that is not.
        threads: CPU threads.
    """

    form: str
    model: str
    shards: Path
    batch: int
    steps: int
    threads: int


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.training", __doc__, writes="--out (JSON)")
    parser.add_argument("--shards", type=Path, required=True, help="folder of train-00000.h5, ... (extract.simulate)")
    parser.add_argument("--model", choices=(TEACHER, VADCLIP), default=TEACHER, help="which network")
    parser.add_argument("--batch", type=int, default=96, help="samples a step")
    parser.add_argument("--steps", type=int, default=3, help="most steps to time")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare with the targets, print and write."""
    arguments = parser().parse_args(argv)
    settings = {name: value for name, value in vars(arguments).items() if name != "out"}
    forms = dict.fromkeys(("plain", "fp32", resolve(AUTO, "cpu")))
    tasks = [Task(form=form, **settings) for form in forms]
    measured = {}
    for name, work, task in [
        *((task.form, measure_steps, task) for task in tasks),
        ("loader", measure_loader, tasks[0]),
    ]:
        # A fresh process each, so that the memory of one does not count for the next.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            measured[name] = process.submit(work, task).result()
        print(f"{name}: {measured[name]}", file=sys.stderr)
    publish("training", compare(measured), arguments.out, settings)


def measure_steps(task: Task) -> dict[str, Any]:
    """Time whole training steps of one form; see ``Task``.

    Returns:
        ``seconds`` and ``processor_seconds`` of the fastest step, its ``samples`` and the ``gflop`` counted in it,
        what ``_ceilings`` gives, ``peak_memory_gb`` of the process and the ``losses`` before
        the first step, without dropout.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from extract.base.allocator import keep_freed_memory
    from extract.datasets import XD
    from train.learner import Learner, build_learner
    from train.settings import Recipe

    torch.set_num_threads(task.threads)
    if task.form != "plain":
        keep_freed_memory()
    learner, _ = build_learner(_architecture(task.model), XD, "random:0", Recipe.seed, torch.device("cpu"))
    if not isinstance(learner, Learner):
        raise TypeError(f"{task.model} is no network with classes")
    batch, recipe = _first_batch(task), Recipe(batch=task.batch)
    if task.form != "plain":
        recipe = replace(recipe, precision=task.form)  # type: ignore[arg-type]
    step, losses = _plain_forms(learner, batch, recipe) if task.form == "plain" else _our_forms(learner, batch, recipe)
    learner.eval()
    with torch.no_grad():
        values = {name: float(loss) for name, loss in losses().items()}
    learner.train()
    ceilings = [_ceilings()]
    with FlopCounterMode(display=False) as counter:
        took = fastest(step, 0)
    # Counting costs milliseconds; a slow machine need not take another step.
    if took.seconds < PATIENCE:
        took = fastest(step, task.steps)
    ceilings.append(_ceilings())
    return {
        "seconds": took.seconds,
        "processor_seconds": took.processor_seconds,
        "gflop": counter.get_total_flops() / 1e9,
        **{name: max(ceiling[name] for ceiling in ceilings) for name in ceilings[0]},
        "samples": len(batch.length),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "losses": values,
    }


def measure_loader(task: Task) -> dict[str, float]:
    """Read batches as training does, with nothing done in between.

    Returns:
        ``samples_a_second`` by the clock and by the processor's seconds.
    """
    import torch

    from extract.datasets import XD
    from train.samples import Split, TrainingSamples, batches, shuffled_order

    torch.set_num_threads(task.threads)
    with Split(task.shards, "train") as split:
        samples = TrainingSamples(split.entries, XD.model_codes, 256)
        order = shuffled_order(samples, task.batch, torch.Generator().manual_seed(0))[:LOADER_BATCHES]
        started, started_processor = time.perf_counter(), time.process_time()
        read = sum(len(batch.length) for batch in batches(samples, order))
        seconds, processor = time.perf_counter() - started, time.process_time() - started_processor
    return {"samples_a_second": read / seconds, "samples_a_processor_second": read / processor}


def compare(measured: dict[str, dict[str, Any]]) -> list[Measurement]:
    """Set what was measured beside its targets.

    Args:
        measured: What ``measure_steps`` gave for ``plain``, ``fp32`` and, where it was measured, ``bf16``, and
            ``measure_loader`` for ``loader``.
    """
    forms = [form for form in ("plain", *MOST_LOSS_ERROR) if form in measured]
    plain, full = measured["plain"], measured["fp32"]
    best = measured[forms[-1]]
    share = full["gflop"] / full["seconds"] / full["ceiling_fp32"]
    share_processor = full["gflop"] / full["processor_seconds"] / full["ceiling_fp32_processor"]
    rate, needed = measured["loader"]["samples_a_second"], best["samples"] / best["seconds"]
    processor = "by the processor's seconds"
    measurements = [
        Measurement("plain step", plain["seconds"], "s", how=f"{plain['samples']} samples, fp32"),
        Measurement("fp32 step", full["seconds"], "s"),
        Measurement("counted in a plain step", plain["gflop"], "GFLOP"),
        Measurement("counted in ours", full["gflop"], "GFLOP"),
        Measurement("fp32 matmul", full["ceiling_fp32"], "GFLOP/s", how="the ceiling"),
        Measurement("fp32 share", 100 * share, "%", at_least=LEAST_SHARE, how="of its ceiling"),
        Measurement("fp32 share", 100 * share_processor, "%", how=processor),
        Measurement("fp32 step over plain step", full["seconds"] / plain["seconds"], ""),
    ]
    if "bf16" in measured:
        half = measured["bf16"]
        ratio = half["seconds"] / plain["seconds"]
        ratio_processor = half["processor_seconds"] / plain["processor_seconds"]
        measurements += [
            Measurement("bf16 step", half["seconds"], "s"),
            Measurement("bf16 matmul", half["ceiling_bf16"], "GFLOP/s"),
            Measurement("bf16 step over plain step", ratio, "", at_most=MOST_HALF_TIME),
            Measurement("bf16 step over plain step", ratio_processor, "", how=processor),
        ]
    for form in forms[1:]:
        losses, reference, most = measured[form]["losses"], plain["losses"], MOST_LOSS_ERROR[form]
        error = max(abs(losses[name] - reference[name]) for name in reference)
        measurements.append(Measurement(f"{form} loss error", error, "", at_most=most, how="the largest term's"))
    for form in forms:
        most_memory = None if form == "plain" else MOST_MEMORY_GB
        measurements.append(
            Measurement(f"{form} peak memory", measured[form]["peak_memory_gb"], "GB", at_most=most_memory)
        )
    measurements.append(
        Measurement("loader", rate, "samples/s", at_least=round(needed), how=f"what {forms[-1]} steps take")
    )
    measurements.append(
        Measurement("epoch of XD-Violence", EPOCH / needed / 3600, "h", how=f"extrapolated from {forms[-1]}")
    )
    return measurements


def _architecture(model: str) -> "Architecture":
    from train.settings import Architecture

    return Architecture(TEACHER, layers=2, window=4) if model == TEACHER else Architecture(VADCLIP)


def _first_batch(task: Task) -> "Batch":
    import torch

    from extract.datasets import XD
    from train.samples import Split, TrainingSamples, shuffled_order

    with Split(task.shards, "train") as split:
        samples = TrainingSamples(split.entries, XD.model_codes, 256)
        return samples.batch(shuffled_order(samples, task.batch, torch.Generator().manual_seed(0))[0])


Step = Callable[[], object]
Losses = Callable[[], "dict[str, torch.Tensor]"]


def _plain_forms(learner: "Learner", batch: "Batch", recipe: "Recipe") -> tuple[Step, Losses]:
    import torch

    from benchmarks.plain_networks import plain_losses
    from extract.datasets import XD
    from extract.encoders.clip import load_clip

    clip, _ = load_clip("random:0")
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)

    def losses() -> "dict[str, torch.Tensor]":
        return plain_losses(learner, clip, XD.prompts, batch, recipe)

    def step() -> None:
        total = losses()["total"]
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step, losses


def _our_forms(learner: "Learner", batch: "Batch", recipe: "Recipe") -> tuple[Step, Losses]:
    from train.loop import build_optimizer, step_losses, train_step

    optimizer = build_optimizer(learner, recipe)
    return (
        lambda: train_step(learner, batch, recipe, optimizer, None),
        lambda: step_losses(learner, batch, recipe, None),
    )


def _ceilings() -> dict[str, float]:
    """Give the rates of a large matrix product by the names under which they are measured."""
    found = product_rates()
    return {f"ceiling_{precision}": rates.clock for precision, rates in found.items()} | {
        f"ceiling_{precision}_processor": rates.processor for precision, rates in found.items()
    }


if __name__ == "__main__":
    command.run(main)
