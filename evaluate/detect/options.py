"""What `evaluate.detect` and `evaluate.watch` are told alike: models, the least probability of a class, the device."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base.errors import InputError
from extract.base.precision import AUTO, PRECISIONS

if TYPE_CHECKING:
    from evaluate.detect.models import Tools

TORCH, ONNX = "torch", "onnx"


def add_models(parser: argparse.ArgumentParser, deaf: str) -> None:
    """Let a command be told the checkpoints and the encoders' weights.

    Args:
        parser: The command's.
        deaf: What the student is for, in words.
    """
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="safetensors file of train.run or train.released"
    )
    parser.add_argument("--student", type=Path, help=f"video-only checkpoint for {deaf}")
    parser.add_argument(
        "--visual-weights",
        required=True,
        help="weights file of the encoder that the checkpoint names, or random:<seed>[:calibrated]",
    )
    parser.add_argument(
        "--audio-weights", help="weights file of Wav2CLIP, or random:<seed>; needed if the checkpoint listens"
    )


def add_runtime(parser: argparse.ArgumentParser) -> None:
    """Let a command be told to run the models of ``train.export``."""
    group = parser.add_argument_group("runtime")
    group.add_argument(
        "--runtime", choices=(TORCH, ONNX), default=TORCH, help="what computes; onnx needs requirements-export.txt"
    )
    group.add_argument("--onnx", type=Path, help="model of the checkpoint, from train.export; with --runtime onnx")
    group.add_argument("--encoder-onnx", type=Path, help="model of the image tower, likewise; without it PyTorch's")


def add_class_level(parser: argparse.ArgumentParser, found: str) -> None:
    """Let a command be told from where on something has a class's name.

    Args:
        parser: The command's.
        found: What it finds, in a word.
    """
    parser.add_argument(
        "--class-threshold",
        type=float,
        default=0.5,
        help=f"least probability of a class for {found} to have its name; below it is called anomaly",
    )


def add_computing(parser: argparse.ArgumentParser, says: str) -> None:
    """Let a command be told how to compute.

    Args:
        parser: The command's.
        says: Where other weights than in training are named, in words.
    """
    parser.add_argument(
        "--precision",
        choices=(AUTO, *PRECISIONS),
        default=AUTO,
        help="of the frames' encoder; auto: as in training where the hardware computes that, else fp32",
    )
    parser.add_argument("--allow-mismatch", action="store_true", help=f"use other weights than in training; {says}")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto takes a GPU where there is one"
    )
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    parser.add_argument("--batch", type=int, default=8, help="images a call of the encoder")


def check_options(arguments: argparse.Namespace) -> None:
    """Refuse what no model need be loaded for to see that it is wrong.

    Raises:
        InputError: If a number is out of its range, or models and runtime do not go together; names the flag.
    """
    if arguments.threads < 1:
        raise InputError(f"--threads: {arguments.threads} must be at least 1")
    if not 0 < arguments.class_threshold <= 1:
        raise InputError(f"--class-threshold: {arguments.class_threshold} must be above 0 and at most 1")
    _check_runtime(arguments)


def _check_runtime(arguments: argparse.Namespace) -> None:
    if (arguments.runtime == ONNX) != (arguments.onnx is not None):
        raise InputError("--onnx: goes with --runtime onnx; give both or neither")
    if arguments.encoder_onnx is not None and arguments.runtime != ONNX:
        raise InputError("--encoder-onnx: goes with --runtime onnx and --onnx")
    if arguments.runtime != ONNX:
        return
    if arguments.device == "cuda":
        raise InputError("--device: the models of train.export run on the processor here; leave it out")
    if arguments.encoder_onnx is not None and arguments.precision not in (AUTO, "fp32"):
        raise InputError(f"--precision: {arguments.precision}, but the exported image tower computes in fp32")
    if arguments.classes is not None:
        raise InputError("--classes: the exported model holds the texts it was trained with; leave out --runtime onnx")


def ready_tools(arguments: argparse.Namespace, label: str, **more: Any) -> Tools:
    """Load what was chosen, and say what is remarkable about the checkpoint.

    Args:
        arguments: Of the command, with what the functions above add.
        label: What begins those lines.
        more: Of `evaluate.detect.models.Choice`, what only this command says.

    Raises:
        InputError: See ``load_tools``.
    """
    import torch

    from evaluate.detect.models import Choice, load_tools
    from extract.base.allocator import keep_freed_memory
    from extract.base.device import take_device

    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    choice = Choice(
        checkpoint=arguments.checkpoint,
        student=arguments.student,
        visual_weights=arguments.visual_weights,
        audio_weights=arguments.audio_weights,
        precision="fp32" if arguments.encoder_onnx is not None else arguments.precision,
        allow_mismatch=arguments.allow_mismatch,
        batch=arguments.batch,
        threads=arguments.threads,
        **more,
    )
    device = "cpu" if arguments.runtime == ONNX else arguments.device
    tools = load_tools(choice, take_device(device, arguments.threads))
    if arguments.runtime == ONNX:
        from evaluate.detect.runtime import with_onnx

        tools = with_onnx(tools, arguments.onnx, arguments.encoder_onnx)
    for remark in tools.model.remarks:
        print(f"{label}: {arguments.checkpoint}: {remark}", file=sys.stderr)
    return tools
