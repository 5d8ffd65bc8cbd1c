"""``python -m benchmarks.estimate``: what more hardware would do, on paper.

Hours for one, eight and 64 GPUs, for XD-Violence and for a set a hundred times as large, from rates that
``make bench`` measured on this machine's processor and from what is assumed of GPUs, which is printed with the result.
Decoding and embedding overlap, so the slower of the two decides; training runs on one GPU, for its batches are small.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.extraction import GFLOP_AN_IMAGE
from benchmarks.measurements import Measurement, publish
from benchmarks.shards import XD_NORMAL, XD_VIOLENT
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

GPUS = (1, 8, 64)
SIZES = {"XD-Violence": 1, "100 times as large": 100}


@dataclass(frozen=True)
class Set:
    """A data set of recomputed features.

    Attributes:
        hours: Of video.
        fps: Frames a second.
        stride: Frames a snippet.
        crops: Of each sampled frame.
        train_videos: Videos to train on, each with every crop a sample.
        megabits: Of video file a second; decides how fast the disk must be.
    """

    hours: float = 217.0
    fps: float = 24.0
    stride: int = 16
    crops: int = 10
    train_videos: int = XD_NORMAL + XD_VIOLENT
    megabits: float = 1.3

    @property
    def frames(self) -> float:
        """Frames to decode."""
        return self.hours * 3600 * self.fps

    @property
    def images(self) -> float:
        """Crops to embed."""
        return self.frames / self.stride * self.crops


@dataclass(frozen=True)
class Rates:
    """What one machine does.

    Attributes:
        frames: Decoded by a core a second; measured.
        cores: That decode for each GPU; assumed.
        gpu_gflops: bf16 rate of a large matrix product on a GPU; assumed.
        encoder_share: Of it that the encoder reaches; assumed.
        training_share: Of it that a training step reaches; assumed.
        gflop_a_sample: Of a training step of the teacher; counted.
        evaluation_seconds: For XD-Violence's metrics on one core; measured.
    """

    frames: float
    cores: int
    gpu_gflops: float
    encoder_share: float
    training_share: float
    gflop_a_sample: float
    evaluation_seconds: float


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.estimate", __doc__, writes="--out (JSON)")
    parser.add_argument("--bench", type=Path, required=True, help="folder of extraction.json, training.json, ...")
    parser.add_argument("--cores", type=int, default=16, help="that decode for each GPU")
    parser.add_argument(
        "--gpu-tflops", type=float, default=690.0, help="bf16, large matrix product (default: %(default)s, an H100's)"
    )
    parser.add_argument("--encoder-share", type=float, default=0.55, help="arithmetic")
    parser.add_argument("--training-share", type=float, default=0.2, help="arithmetic")
    parser.add_argument("--epochs", type=int, default=10, help="of training")
    parser.add_argument("--out", type=Path, required=True, help="estimates to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Estimate, print and write."""
    arguments = parser().parse_args(argv)
    training = _measured(arguments.bench / "training.json")
    samples = int(training["settings"]["batch"])
    rates = Rates(
        frames=_figure(arguments.bench / "extraction.json", "decoding alone"),
        cores=arguments.cores,
        gpu_gflops=1000 * arguments.gpu_tflops,
        encoder_share=arguments.encoder_share,
        training_share=arguments.training_share,
        gflop_a_sample=_figure(arguments.bench / "training.json", "counted in ours") / samples,
        evaluation_seconds=_figure(arguments.bench / "scale.json", "evaluation: 2,400,000 frames"),
    )
    estimates = estimate(Set(), rates, arguments.epochs)
    publish("estimate (on paper)", estimates, arguments.out, vars(arguments))


def estimate(data: Set, rates: Rates, epochs: int) -> list[Measurement]:
    """Work out the hours of each step, and what bounds extraction.

    Args:
        data: The set at its own size.
        rates: Of the hardware.
        epochs: Of training.

    Returns:
        For each size and number of GPUs the hours of decoding and of embedding, the larger of which extraction takes,
        and the read rate that it needs; for each size the hours of training on one GPU and of the metrics.
    """
    decoding = data.frames / (rates.frames * rates.cores) / 3600  # for one GPU
    embedding = data.images * GFLOP_AN_IMAGE / (rates.gpu_gflops * rates.encoder_share) / 3600
    gigabytes = data.hours * 3600 * data.megabits / 8 / 1000
    samples = data.train_videos * data.crops * epochs
    training = samples * rates.gflop_a_sample / (rates.gpu_gflops * rates.training_share) / 3600
    found = []
    for name, times in SIZES.items():
        for gpus in GPUS:
            hours = {"decoding": times * decoding / gpus, "embedding": times * embedding / gpus}
            slower = max(hours, key=lambda step: hours[step])
            note = f"{rates.cores} cores a GPU"
            found += [
                Measurement(f"{name}, {gpus} GPUs: decoding", hours["decoding"], "h", how=note),
                Measurement(f"{name}, {gpus} GPUs: embedding", hours["embedding"], "h", how=f"{slower} decides"),
                Measurement(
                    f"{name}, {gpus} GPUs: reading", times * gigabytes / hours[slower] / 3600, "GB/s", how="to keep up"
                ),
            ]
        found += [
            Measurement(f"{name}: training", times * training, "h", how=f"teacher, {epochs} epochs, one GPU"),
            Measurement(f"{name}: metrics", times * rates.evaluation_seconds / 3600, "h", how="one core"),
        ]
    return found


def _measured(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise InputError(f"{path}: is not there; run `make bench` first")
    measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return measured


def _figure(path: Path, name: str) -> float:
    for one in _measured(path)["measurements"]:
        if one["name"] == name:
            return float(one["value"])
    raise InputError(f"{path}: has no measurement {name!r}; run `make bench` again")


if __name__ == "__main__":
    command.run(main)
