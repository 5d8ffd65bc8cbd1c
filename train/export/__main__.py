"""``python -m train.export``: a checkpoint, and CLIP's image tower, as ONNX models for other runtimes.

The scoring model reads ``visual`` [B, T, D] float32, ``audio`` likewise if it listens, and ``length`` [B] int64 (valid
rows; T is ``max_snippets``, shorter windows are filled with zeros), and gives ``anomaly`` [B, T] and, if it tells
classes, ``classes`` [B, T, C], both probabilities, of which rows past ``length`` mean nothing. The encoder reads
``images`` [B, 3, 224, 224] float32, normalised as ``extract.encoders.preprocessing`` does, and gives ``features``
[B, D]. Metadata ``avadclip``, JSON, says what the model is. B may be any number.

Every model is compared with PyTorch on random numbers before it is written. With --int8 the encoder's weights are of 8
bits, and its features are compared by their cosine. Needs requirements-export.txt.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.files import atomic_path
from extract.base.help import command_parser
from extract.base.packages import need_packages
from train.export import METADATA
from train.export.session import open_session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from train.checkpoint import Checkpoint

NEEDED = ("onnx", "onnxscript", "onnxruntime")
OPSET = 20
# Largest difference from PyTorch that is still rounding.
MOST_DIFFERENT = 1e-4
COMPARED = (1, 5)
# Of an embedding by weights of 8 bits with that by all bits.
LEAST_ALIKE = 0.99
PICTURES = 8
# How fast the spectra of photographs fall.
SLOPE = 1.2
MOST_AT_ONCE = 4096
SIDE = 224


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("train.export", __doc__, writes="--out and --encoder-out (ONNX)")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="safetensors file of train.run")
    parser.add_argument("--out", type=Path, required=True, help="scoring model to write, .onnx")
    parser.add_argument(
        "--visual-weights", help="weights file of ViT-B-16-quickgelu, or random:<seed>; with --encoder-out"
    )
    parser.add_argument("--encoder-out", type=Path, help="image tower to write, .onnx; with --visual-weights")
    parser.add_argument(
        "--int8",
        action="store_true",
        help=f"write the image tower with weights of 8 bits; refused below a cosine of {LEAST_ALIKE} with its features",
    )
    parser.add_argument("--threads", type=int, default=1, help="processor threads, for the figures it prints")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Export."""
    arguments = parser().parse_args(argv)
    if (arguments.visual_weights is None) != (arguments.encoder_out is None):
        raise InputError("--visual-weights and --encoder-out: give both or neither")
    if arguments.int8 and arguments.encoder_out is None:
        raise InputError("--int8: is for the image tower; give --encoder-out and --visual-weights too")
    import torch

    from extract.encoders.clip import load_clip
    from train.checkpoint import load_for_scoring

    torch.set_num_threads(arguments.threads)
    checkpoint = load_for_scoring(arguments.checkpoint, torch.device("cpu"))
    need_packages("--out", NEEDED, "requirements-export.txt")
    names, example = _windows(checkpoint)
    told = checkpoint.header.architecture.tells_classes
    outputs = ("anomaly", "classes") if told else ("anomaly",)
    _write(arguments.out, _scorer(checkpoint), names, outputs, example, _described(checkpoint), arguments.threads)
    if arguments.encoder_out is not None:
        model, identity = load_clip(arguments.visual_weights)
        about = {"encoder": type(model).__name__, "weights": identity}

        def images(batch: int) -> tuple[Tensor, ...]:
            return (torch.randn(batch, 3, SIDE, SIDE),)

        tower = model.get_submodule("visual")
        if not arguments.int8:
            _write(arguments.encoder_out, tower, ("images",), ("features",), images, about, arguments.threads)
            return
        with TemporaryDirectory() as folder:
            whole = Path(folder) / "whole.onnx"
            _write(whole, tower, ("images",), ("features",), images, about | {"precision": "int8"}, arguments.threads)
            _write_int8(arguments.encoder_out, whole, arguments.threads)


def _described(checkpoint: Checkpoint) -> dict[str, Any]:
    header = checkpoint.header
    return {
        "model": header.architecture.model,
        "classes": list(header.scored_classes),
        "max_snippets": header.architecture.max_snippets,
        "stride": header.trained_on.stride,
        "crop": header.scoring_crop,
        "visual": header.trained_on.visual.weights,
        "audio": None if header.trained_on.audio is None else header.trained_on.audio.weights,
        "checkpoint_sha256": checkpoint.sha256,
        "note": header.note,
    }


def _scorer(checkpoint: Checkpoint) -> nn.Module:
    """Give a network that holds its text and gives probabilities."""
    import torch
    from torch import nn

    architecture, widths = checkpoint.header.architecture, checkpoint.header.trained_on.widths

    class Scorer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = checkpoint.network
            self.register_buffer("text", checkpoint.text)

        def forward(self, visual: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
            *heard, length = more
            sound = heard[0] if heard else torch.zeros(*visual.shape[:2], widths.audio)
            output = self.network(visual, sound, length, self.text)
            anomaly = output.anomaly_logits.sigmoid()
            return (anomaly, output.class_logits.softmax(dim=-1)) if architecture.tells_classes else (anomaly,)

    return Scorer().eval()


def _windows(checkpoint: Checkpoint) -> tuple[tuple[str, ...], Callable[[int], tuple[Tensor, ...]]]:
    """Name the scoring model's inputs, and give a function that makes random ones of any number."""
    import torch

    architecture, widths = checkpoint.header.architecture, checkpoint.header.trained_on.widths
    rows, listens = architecture.max_snippets, architecture.reads_audio

    def windows(batch: int) -> tuple[Tensor, ...]:
        visual = torch.randn(batch, rows, widths.visual)
        sound = (torch.randn(batch, rows, widths.audio),) if listens else ()
        return (visual, *sound, torch.randint(1, rows + 1, (batch,)))

    return ("visual", *(("audio",) if listens else ()), "length"), windows


def _write(
    path: Path,
    module: nn.Module,
    inputs: Sequence[str],
    outputs: Sequence[str],
    example: Callable[[int], tuple[Tensor, ...]],
    about: dict[str, Any],
    threads: int,
) -> None:
    """Export a module, compare it with itself, and write it, whole or not at all."""
    import torch

    torch.manual_seed(0)
    batch = torch.export.Dim("batch", min=1, max=MOST_AT_ONCE)
    with warnings.catch_warnings():
        # torch's own remarks to itself.
        warnings.simplefilter("ignore")
        varying = tuple({0: batch} for _ in inputs)
        shapes = (varying[0], varying[1:]) if len(inputs) > 1 else varying
        program = torch.export.export(module, example(2), dynamic_shapes=shapes, strict=True)
        made = torch.onnx.export(
            program, dynamo=True, input_names=list(inputs), output_names=list(outputs), opset_version=OPSET,
            verbose=False,
        )  # fmt: skip
    if made is None:
        raise InputError(f"{path}: torch made no ONNX model")
    made.model.metadata_props[METADATA] = json.dumps(about, ensure_ascii=False)
    with atomic_path(path) as temporary:
        made.save(temporary)
        difference, ours, theirs = _compared(temporary, module, inputs, example, threads)
        if not difference <= MOST_DIFFERENT:
            raise InputError(f"{path}: differs from PyTorch by {difference:.1e}, more than {MOST_DIFFERENT:g}")
    print(f"{path}: within {difference:.1e} of PyTorch; {theirs:.1f} a second, PyTorch {ours:.1f} ({threads} threads)")


def _write_int8(path: Path, whole: Path, threads: int) -> None:
    """Write a tower with weights of 8 bits, its activations scaled as they come, if its features stay alike."""
    import numpy as np
    from onnxruntime.quantization import quantize_dynamic

    images = _pictures()
    with atomic_path(path) as temporary:
        quantize_dynamic(whole, temporary)
        one, other = (open_session(model, threads).run(None, {"images": images})[0] for model in (whole, temporary))
        alike = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        if not alike.min() >= LEAST_ALIKE:
            raise InputError(f"{path}: in int8 a feature's cosine falls to {alike.min():.4f}, below {LEAST_ALIKE}")
        sizes = [model.stat().st_size / 1e6 for model in (whole, temporary)]
    print(f"{path}: cosine with fp32 {alike.min():.4f} at least; {sizes[1]:.0f} MB, in fp32 {sizes[0]:.0f} MB")


def _pictures() -> NDArray[np.float32]:
    """Give noise with the spectra of photographs [8, 3, 224, 224], the same every time."""
    import numpy as np

    random = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    frequency[0, 0] = 1
    noise = random.standard_normal((PICTURES, 3, SIDE, SIDE))
    shaped = np.fft.ifft2(np.fft.fft2(noise) / frequency**SLOPE).real
    shaped -= shaped.mean(axis=(1, 2, 3), keepdims=True)
    pictures: NDArray[np.float32] = (shaped / shaped.std(axis=(1, 2, 3), keepdims=True)).astype(np.float32)
    return pictures


def _compared(
    path: Path, module: nn.Module, inputs: Sequence[str], example: Callable[[int], tuple[Tensor, ...]], threads: int
) -> tuple[float, float, float]:
    """Give the largest difference of valid rows, and how many windows or images a second PyTorch and ONNX take."""
    import numpy as np
    import torch

    session = open_session(path, threads)
    largest, ours, theirs = 0.0, 0.0, 0.0
    for batch in COMPARED:
        given = example(batch)
        feed = {name: tensor.numpy() for name, tensor in zip(inputs, given, strict=True)}
        with torch.inference_mode():
            module(*given)
            begun = time.perf_counter()
            found = module(*given)
            ours = batch / (time.perf_counter() - begun)
        session.run(None, feed)
        begun = time.perf_counter()
        got = session.run(None, feed)
        theirs = batch / (time.perf_counter() - begun)
        expected = found if isinstance(found, tuple) else (found,)
        valid = np.ones(batch, bool)
        if "length" in feed:
            valid = np.arange(feed["visual"].shape[1]) < feed["length"][:, None]
        for one, other in zip(expected, got, strict=True):
            largest = max(largest, float(np.abs(one.numpy() - other)[valid].max()))
    return largest, ours, theirs


if __name__ == "__main__":
    command.run(main)
