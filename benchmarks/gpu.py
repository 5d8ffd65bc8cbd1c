"""``python -m benchmarks.gpu``: is it right on a GPU, and how fast?

First the processor's numbers are held against the GPU's: both encoders, and a teacher's losses and gradients. Then the
image encoder's speed against what a large bf16 matrix product reaches, how much of the time the GPU computes, and a
teacher's training step. Weights and inputs are random. Ends with status 1 if the numbers differ.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.extraction import GFLOP_AN_IMAGE
from benchmarks.measurements import Measurement, publish
from extract.base import command
from extract.base.help import command_parser
from train.methods import TEACHER

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from train.learner import Learner
    from train.samples import Batch

MOST_RELATIVE = 1e-4
LEAST_COSINE = 0.999


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.gpu", __doc__, writes="--out (JSON)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu only tries the program itself")
    parser.add_argument("--images", type=int, default=8, help="images and sounds whose features are compared")
    parser.add_argument("--batch", type=int, default=256, help="images a call of the encoder")
    parser.add_argument("--calls", type=int, default=20, help="calls of the encoder that are timed together")
    parser.add_argument("--samples", type=int, default=96, help="videos of a teacher's step")
    parser.add_argument("--matrix", type=int, default=8192, help="rows and columns of the matrix product")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, measure, print and write."""
    arguments = parser().parse_args(argv)

    import torch

    from extract.base.device import exact_arithmetic, take_device

    device = take_device(arguments.device, torch.get_num_threads())
    with exact_arithmetic():
        found = [*_same_numbers(device, arguments.images), *_speed(device, arguments)]
    publish("gpu", found, arguments.out, vars(arguments) | {"device": device, "torch": torch.__version__})
    wrong = [one.name for one in found if one.unit in ("relative", "cosine") and not one.holds]
    if wrong:
        raise SystemExit(f"the GPU's numbers are not the processor's: {', '.join(wrong)}")


def _same_numbers(device: "torch.device", count: int) -> list[Measurement]:
    import numpy as np
    import torch
    from torch.nn.functional import cosine_similarity

    from extract.encoders.clip import ClipImageEncoder, load_clip
    from extract.encoders.wav2clip import Wav2ClipEncoder, load_wav2clip

    cpu = torch.device("cpu")
    generator = torch.Generator().manual_seed(0)
    clip = load_clip("random:0")[0]
    images = torch.randn(count, 3, 224, 224, generator=generator)
    features = {
        precision: [
            ClipImageEncoder(clip, batch=count, precision=precision, device=where).encode(images)
            for where in (cpu, device)
        ]
        for precision in ("fp32", "bf16")
    }
    sound = np.random.default_rng(0).standard_normal(10_000 * count).astype(np.float32)
    spans = np.stack([np.arange(count) * 10_000, np.arange(count) * 10_000 + 10_000], axis=1)
    sounds = [
        torch.from_numpy(
            Wav2ClipEncoder(load_wav2clip("random:0")[0], batch=count, precision="fp32", device=where).encode(
                sound, spans
            )
        )
        for where in (cpu, device)
    ]
    steps = []
    for where in (cpu, device):
        learner = _teacher(clip, where)
        learner.eval()  # dropout would draw other numbers on each
        steps.append(_losses_and_gradients(learner, _batch(4).to(where)))
    terms, gradients = zip(*steps, strict=True)
    cosine = cosine_similarity(features["fp32"][0], features["bf16"][1]).min()
    how = "the GPU against the processor"
    return [
        Measurement(
            "images, fp32", _relative(*features["fp32"]), "relative", at_most=MOST_RELATIVE, how=f"{how}, norm of all"
        ),
        Measurement(
            "images, bf16", float(cosine), "cosine", at_least=LEAST_COSINE, how="the worst image, against fp32"
        ),
        Measurement("sound, fp32", _relative(*sounds), "relative", at_most=MOST_RELATIVE, how=f"{how}, norm of all"),
        Measurement("teacher's losses", _relative(*terms), "relative", at_most=MOST_RELATIVE, how=how),
        Measurement("teacher's gradients", _relative(*gradients), "relative", at_most=MOST_RELATIVE, how=how),
    ]


def _speed(device: "torch.device", arguments: argparse.Namespace) -> list[Measurement]:
    import torch

    from extract.encoders.clip import ClipImageEncoder, load_clip

    clip = load_clip("random:0")[0]
    encoder = ClipImageEncoder(clip, batch=arguments.batch, precision="bf16", device=device)
    images = torch.randn(arguments.batch, 3, 224, 224, device=device, dtype=torch.bfloat16)
    matrix = torch.randn(arguments.matrix, arguments.matrix, device=device, dtype=torch.bfloat16)

    def encode() -> None:
        waiting = [encoder.begin(images) for _ in range(arguments.calls)]
        waiting[-1]()

    product = _seconds(lambda: matrix @ matrix, device, times=arguments.calls)
    ceiling = 2 * arguments.matrix**3 / product
    seconds = _seconds(encode, device)
    rate = arguments.calls * arguments.batch / seconds
    learner = _teacher(clip, device).train()
    batch = _batch(arguments.samples).to(device)
    step = _seconds(lambda: _losses_and_gradients(learner, batch), device, times=5)
    return [
        Measurement("bf16 product", ceiling / 1e12, "TFLOPS", how=f"{arguments.matrix} rows and columns"),
        Measurement("images, bf16", rate, "images/s", how=f"batches of {arguments.batch}, from the GPU's memory"),
        Measurement("of the product's rate", 100 * rate * GFLOP_AN_IMAGE * 1e9 / ceiling, "%"),
        Measurement("the GPU computes", 100 * _busy(encode, seconds, device), "%", how="of the encoder's time"),
        Measurement("teacher's step, fp32", step, "s", how=f"{arguments.samples} videos of 256 snippets, no optimiser"),
    ]


def _seconds(work: Callable[[], Any], device: "torch.device", times: int = 1) -> float:
    """Time ``work`` a call, after one that warms up."""
    work()
    _wait(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    _wait(device)
    return (time.perf_counter() - start) / times


def _wait(device: "torch.device") -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _busy(work: Callable[[], Any], seconds: float, device: "torch.device") -> float:
    """Give the share of ``seconds`` in which the GPU's kernels of one call of ``work`` run; 0 on a processor."""
    from torch.profiler import ProfilerActivity, profile

    if device.type != "cuda":
        return 0.0
    with profile(activities=[ProfilerActivity.CUDA]) as taken:
        work()
        _wait(device)
    microseconds: float = sum(event.self_device_time_total for event in taken.key_averages())
    return microseconds / 1e6 / seconds


def _teacher(clip: Any, device: "torch.device") -> "Learner":
    import torch

    from extract.datasets import XD
    from train.learner import Learner, alignment_loss
    from train.model.prompts import LearnablePrompt
    from train.networks import build_network
    from train.settings import Architecture

    torch.manual_seed(0)
    architecture, labels = Architecture(TEACHER, layers=2, window=4), XD
    prompt = LearnablePrompt(clip, labels.prompts)
    return Learner(build_network(architecture), prompt, alignment_loss(architecture, labels)).to(device)


def _batch(videos: int) -> "Batch":
    import torch

    from train.samples import Batch

    generator = torch.Generator().manual_seed(1)
    visual, audio = (torch.randn(videos, 256, 512, generator=generator) for _ in range(2))
    labels = torch.zeros(videos, 7)
    labels[torch.arange(videos), torch.arange(videos) % 7] = 1
    return Batch(visual, audio, torch.full((videos,), 256), labels)


def _losses_and_gradients(learner: "Learner", batch: "Batch") -> tuple["Tensor", "Tensor"]:
    import torch

    from train.settings import Recipe
    from train.step import add_gradients

    learner.zero_grad()
    terms = add_gradients(learner, batch, Recipe(), None)
    learned = [parameter.grad for parameter in learner.parameters() if parameter.grad is not None]
    return torch.stack(list(terms.values())), torch.cat([gradient.flatten() for gradient in learned])


def _relative(expected: "Tensor", found: "Tensor") -> float:
    return float((found.cpu() - expected.cpu()).norm() / expected.cpu().norm())


if __name__ == "__main__":
    command.run(main)
