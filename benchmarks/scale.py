"""``python -m benchmarks.scale``: how cost grows with size, for extraction, training and evaluation.

Each is run at a few sizes, each twice as large as the one before, through the commands that the workflow runs. The
exponent is the slope of log(seconds) over log(size) once the start-up, measured at size nothing, is taken off: 1 means
that twice the work takes twice as long, and that a shard may hold as many videos as one likes to lose in a crash. The
seconds for one more of each say how many videos make a shard of a given length.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measurements import Measurement, publish
from benchmarks.shards import write_catalog
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.precision import AUTO, PRECISIONS
from train.methods import VADCLIP

ROOT = Path(__file__).parent.parent
VIDEOS = (3, 6, 12)
SAMPLES = (32, 64, 128)
FRAMES = (600_000, 1_200_000, 2_400_000)
FRAMES_A_VIDEO = 3000
# Half a minute of video gives more snippets than the network takes, so that all samples are of one size.
HOURS_A_SAMPLE = 0.03


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("benchmarks.scale", __doc__, writes="--out (JSON)")
    parser.add_argument("--precision", choices=(AUTO, *PRECISIONS), default=AUTO, help="arithmetic of the encoder")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, required=True, help="measurements to write (JSON)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    arguments = parser().parse_args(argv)
    threads = ["--threads", str(arguments.threads)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run("extract.demo", "--out", folder, "--train", "2", "--test", "2", "--max-snippets", "64")
        extract = partial(extraction_seconds, folder, ["--precision", arguments.precision, *threads])
        train = partial(training_seconds, folder, threads)
        measurements = [
            *growth("extraction", "videos", VIDEOS, extract, start=extract(0)),
            *growth("training", "samples", SAMPLES, train, start=train(SAMPLES[0], epochs=0)),
            *growth("evaluation", "frames", FRAMES, evaluation_seconds, start=0.0),
        ]
    publish("scale", measurements, arguments.out, vars(arguments))


def growth(
    name: str, unit: str, sizes: Sequence[int], seconds: Callable[[int], float], start: float
) -> list[Measurement]:
    """Measure one step at its sizes.

    Args:
        name: The step.
        unit: What a size counts.
        sizes: At least two sizes, rising.
        seconds: Runs the step at a size and gives how long it took.
        start: Seconds that the step takes for nothing.

    Returns:
        The exponent, the start-up, and the seconds that each size took beyond it.
    """
    import numpy as np

    taken = [seconds(size) - start for size in sizes]
    exponent = float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])
    return [
        Measurement(f"{name}: exponent", exponent, "", how=f"{sizes[0]:,} to {sizes[-1]:,} {unit}"),
        Measurement(f"{name}: start-up", start, "s"),
        *(Measurement(f"{name}: {size:,} {unit}", one, "s") for size, one in zip(sizes, taken, strict=True)),
    ]


def extraction_seconds(folder: Path, settings: Sequence[str], videos: int) -> float:
    """Extract the frames and the sound of a generated video, listed under as many names as are wanted.

    Args:
        folder: Where the generated videos lie; for everything that is written.
        settings: Flags of ``extract.visual``.
        videos: How many names.

    Returns:
        Seconds.
    """
    video = min((folder / "train").glob("*.mp4"))
    out = folder / f"extraction-{videos}"
    catalog = _write_catalog(out, [{"path": str(video), "labels": ["A"]}] * videos)
    common = ["--catalog", catalog, "--weights", "random:0", "--device", "cpu"]
    frames = _run("extract.visual", *common, *settings, "--split", "train", *_outputs(out, "visual"))
    return frames + _run("extract.audio", *common, "--visual", out / "visual.h5", *_outputs(out, "audio"))


def _outputs(folder: Path, stream: str) -> list[object]:
    return [
        *("--partial", folder / f"{stream}.partial"),
        *("--out", folder / f"{stream}.h5"),
        *("--failures", folder / f"{stream}.csv"),
    ]


def training_seconds(folder: Path, settings: Sequence[str], samples: int, epochs: int = 1) -> float:
    """Train VadCLIP on simulated features.

    Args:
        folder: For everything that is written.
        settings: Flags of ``train.run``.
        samples: Simulated videos, of one crop.
        epochs: 0 for the start-up alone.

    Returns:
        Seconds, without those for the simulation.
    """
    out = folder / f"training-{samples}-{epochs}"
    labels = [{"path": "", "labels": ["B1" if number % 2 else "A"]} for number in range(samples)]
    hours = str(samples * HOURS_A_SAMPLE)
    simulated = ["--catalog", _write_catalog(out, labels), "--crops", "1", "--hours", hours]
    _run("extract.simulate", *simulated, "--out", out / "shards")
    return _run(
        *("train.run", "--shards", out / "shards", "--out", out / "checkpoint.safetensors"),
        *("--partial", out / "partial", "--curves", out / "curves"),
        *("--model", VADCLIP, "--layers", "1", "--window", "64", "--scoring-crop", "0"),
        *("--epochs", str(epochs), "--batch", "16", "--text-weights", "random:0", "--device", "cpu"),
        *settings,
    )


def _write_catalog(folder: Path, entries: Sequence[dict[str, Any]]) -> Path:
    videos = [{"video_id": f"video_{number:05d}", "split": "train", **entry} for number, entry in enumerate(entries)]
    return write_catalog(folder / "catalog.jsonl", videos)


def evaluation_seconds(frames: int) -> float:
    """Measure random scores of ``frames`` frames, from file."""
    from benchmarks.evaluation import random_set, time_metrics

    return time_metrics(*random_set(frames // FRAMES_A_VIDEO, frames, seed=0))


def _run(module: str, *words: object) -> float:
    started = time.perf_counter()
    # Every word is ours.
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", module, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"python -m {module}: failed: {done.stderr.strip()}")
    return time.perf_counter() - started


if __name__ == "__main__":
    command.run(main)
