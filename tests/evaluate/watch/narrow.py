"""``evaluate.watch`` with encoders and a network that are small and see one thing: how red a picture is.

Run as ``python -m tests.evaluate.watch.narrow ...`` with the command line of ``evaluate.watch``. Everything else is the
product's: processes, decoding, windows, sound, events, files.
"""

from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from evaluate.watch.__main__ import main
from extract.base import command
from extract.datasets import DATA_SETS
from extract.encoders import wav2clip
from extract.encoders.clip import ENCODER
from extract.encoders.preprocessing import CLIP_MEAN, CLIP_STD, PREPROCESSING
from extract.encoders.wav2clip import ENCODER as AUDIO_ENCODER
from extract.encoders.wav2clip import PREPROCESSING as AUDIO_PREPROCESSING
from extract.shard import DIMENSIONS, Encoding
from train import checkpoint as checkpoints
from train.checkpoint import Checkpoint, Header, TrainedOn, save_checkpoint
from train.networks import build_network
from train.settings import Architecture, Recipe

STRIDE = 16
FIGHTING = 1  # column of B1
WEIGHTS = ["--visual-weights", "random:0", "--audio-weights", "random:0", "--device", "cpu", "--precision", "fp32"]


class Redness(nn.Module):
    """[B, 3, 224, 224] to [B, 512]: redness from 0 to 1 in the first column."""

    def forward(self, images: Tensor) -> Tensor:
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
        red, green, blue = (images.float() * deviation + mean).mean(dim=(2, 3)).unbind(1)
        features = torch.zeros(len(images), DIMENSIONS)
        features[:, 0] = (red - (green + blue) / 2).clamp(0, 1)
        return features


class Slow(Redness):
    """The same, on a machine that takes two seconds for a batch."""

    def forward(self, images: Tensor) -> Tensor:
        sleep(2)
        return super().forward(images)


class _Clip(nn.Module):
    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.visual = tower


class _Output(NamedTuple):
    anomaly_logits: Tensor
    class_logits: Tensor


class Alarm(nn.Module):
    """Says fighting where the newest row is red; rows of the window before it change nothing."""

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> _Output:
        red = 30 * (visual[..., 0] - 0.5)
        classes = torch.zeros(*red.shape, len(text))
        classes[..., 0], classes[..., FIGHTING] = -red, red
        return _Output(red, classes)


def header_of(model: str = "teacher", max_snippets: int = 8, **changes: Any) -> Header:
    """Give the header of a checkpoint of the shape of a method."""
    architecture = Architecture(model, layers=1, window=2, max_snippets=max_snippets)  # type: ignore[arg-type]
    labels = DATA_SETS["xd"]
    trained_on = TrainedOn(
        STRIDE,
        (0,),
        Encoding(ENCODER, "random:0", "fp32", PREPROCESSING),
        Encoding(AUDIO_ENCODER, "random:0", "fp32", AUDIO_PREPROCESSING),
        "",
    )
    header = Header(
        architecture, "xd", labels.model_codes, labels.prompts, Recipe(), 1, trained_on, "random:0", 0, "narrow"
    )
    return replace(header, **changes)


def save_model(path: Path, model: str = "teacher", max_snippets: int = 8, **changes: Any) -> Path:
    """Write such a checkpoint; what it says is ``Alarm``'s as long as it is loaded here."""
    header = header_of(model, max_snippets, **changes)
    torch.manual_seed(5)
    tensors = {f"network.{name}": value for name, value in build_network(header.architecture).state_dict().items()}
    text = torch.zeros(len(DATA_SETS["xd"].prompts), DIMENSIONS)
    save_checkpoint(path, header, tensors | {"text": text})
    return path


@cache
def replacements(slow: bool = False) -> dict[str, Any]:
    """Name what the small ones take the place of."""
    load = checkpoints.load_for_scoring

    def load_alarm(path: Path, device: torch.device) -> Checkpoint:
        return replace(load(path, device), network=Alarm())

    tower = Slow() if slow else Redness()
    return {
        "extract.encoders.clip.load_clip": lambda weights, encoder: (_Clip(tower), weights),
        # Made once; it takes two seconds.
        "extract.encoders.wav2clip.load_wav2clip": cache(wav2clip.load_wav2clip),
        "train.checkpoint.load_for_scoring": load_alarm,
        # Other tests keep all cores busy, and a process that gives way to them would wait for minutes.
        "evaluate.watch.drawn_sound.NICENESS": 0,
    }


if __name__ == "__main__":
    for name, value in replacements().items():
        setattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2], value)
    command.run(main)
