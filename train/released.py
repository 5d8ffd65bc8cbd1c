"""``python -m train.released FILE.pth --out FILE.safetensors``: a checkpoint of the authors, as one of this project.

AVadCLIP's teacher and student and VadCLIP's models for XD-Violence and UCF-Crime are told apart by their parameter
names. Nothing but tensors is unpickled.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.datasets import CCTV, DATA_SETS, UCF, XD
from train.methods import STUDENT, TEACHER, VADCLIP
from train.settings import Architecture, Recipe, ScoringClasses, scoring_codes

if TYPE_CHECKING:
    from torch import Tensor

    from train.checkpoint import Header
    from train.learner import Learner

EPOCH_UNKNOWN = -1
CROPS = tuple(range(10))


@dataclass(frozen=True)
class Published:
    """What the authors say of a model that its file does not.

    Attributes:
        architecture: Shape of the network.
        recipe: How it was trained; all were selected on the test set (a teacher of one epoch had nothing to select).
        crop: Number of the crop that its scores were computed from.
        scoring_window: Attention window of their test command, where it is not that of the training; else 0.
        scoring_classes: Whose prompts their test command reads.
        note: What a reader of its numbers has to know.
    """

    architecture: Architecture
    recipe: Recipe
    crop: int
    scoring_window: int = 0
    scoring_classes: ScoringClasses = "trained"
    note: str = ""


_TEACHER = Architecture(TEACHER, layers=2, window=4)
_STUDENT = Architecture(STUDENT, layers=1, window=64)
# The released code for the teacher on CCTV-Fights leaves its loop after the first epoch (its condition is always true),
# judges by the alignment branch and has a test command that reads another window and fewer prompts than the training.
_TEACHER_ON_CCTV = Recipe(epochs=1, seed=214, selection="released", branch="alignment")
_UNKNOWN = "as its authors' code trains and tests it; whether Table 3 was made so is unknown"
# By model and data set: arXiv 2504.04495 and 2308.11681, and the options of both released implementations.
PUBLISHED = {
    (TEACHER, XD.name): Published(_TEACHER, Recipe(selection="released"), 5),
    (STUDENT, XD.name): Published(_STUDENT, Recipe(selection="released"), 5),
    (TEACHER, CCTV.name): Published(
        _TEACHER, _TEACHER_ON_CCTV, 5, scoring_window=64, scoring_classes="dataset", note=_UNKNOWN
    ),
    (STUDENT, CCTV.name): Published(
        _STUDENT,
        Recipe(seed=214, selection="released", branch="classification", distillation_weight=1e-7),
        5,
        scoring_classes="dataset",
        note=_UNKNOWN,
    ),
    (VADCLIP, XD.name): Published(Architecture(VADCLIP, layers=1, window=64), Recipe(selection="released"), 0),
    (VADCLIP, UCF.name): Published(
        Architecture(VADCLIP, layers=2, window=8),
        Recipe(
            batch=64,
            learning_rate=2e-5,
            milestones=(4, 8),
            separation_weight=1e-1,
            sampling="paired",
            selection="released",
            branch="classification",
            measure="auc",
            judge_every=10,
        ),
        5,
    ),
}


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("train.released", __doc__, writes="--out (a checkpoint, safetensors)")
    parser.add_argument("file", type=Path, help="the authors' .pth file, a state dict, plain or within an epoch's")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write (safetensors)")
    parser.add_argument(
        "--dataset", choices=tuple(DATA_SETS), help="what it was trained on (default: ucf for a VadCLIP of two layers)"
    )
    parser.add_argument(
        "--scoring-crop",
        type=int,
        choices=CROPS,
        metavar="0..9",
        help="crop to score (default: the one its authors score)",
    )
    parser.add_argument(
        "--scoring-window",
        type=int,
        help="attention window to score with; 0: that of the training (default: that of its authors' test command)",
    )
    parser.add_argument(
        "--scoring-classes",
        choices=get_args(ScoringClasses),
        help="prompts to score with: all of the training or the data set's own (default: as its authors' test command)",
    )
    parser.add_argument(
        "--text-weights", help="CLIP's weights, a file or random:<seed>, for a .pth that was stored without CLIP"
    )
    parser.add_argument("--note", default="", help="text that follows the model into every table")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert one checkpoint."""
    arguments = parser().parse_args(argv)

    from extract.encoders.weights import file_sha256
    from train.checkpoint import save_checkpoint
    from train.learner import checkpoint_tensors

    state = read_released(arguments.file)
    model, usual_dataset = recognise(state)
    dataset = arguments.dataset or usual_dataset
    published = published_settings(model, dataset, arguments.file)
    learner, text_weights = load_released(state, published, dataset, arguments.file, arguments.text_weights)
    chosen = {
        "crop": arguments.scoring_crop,
        "scoring_window": arguments.scoring_window,
        "scoring_classes": arguments.scoring_classes,
    }
    published = replace(published, **{name: value for name, value in chosen.items() if value is not None})
    sha256 = file_sha256(arguments.file)
    header = _header(
        published,
        dataset,
        text_weights=text_weights or f"released:{sha256}",
        note="; ".join(filter(None, [f"released checkpoint {sha256[:12]}", published.note, arguments.note])),
    )
    save_checkpoint(arguments.out, header, checkpoint_tensors(learner))
    print(f"{arguments.out}: {model} for {dataset}, scores crop {published.crop}")


def read_released(path: Path) -> "dict[str, Tensor]":
    """Read a released state dict.

    Args:
        path: The ``.pth`` file.

    Returns:
        Float32 tensors by released name, CLIP's image tower left out: its features are computed beforehand.

    Raises:
        InputError: If the file is absent, holds anything but tensors by name, or a tensor holds anything but finite
            floating-point numbers.
    """
    import torch

    from extract.encoders.weights import read_state_dict
    from train.released_names import IMAGE_TOWER

    state = {name: value for name, value in read_state_dict(path).items() if not str(name).startswith(IMAGE_TOWER)}
    for name, value in state.items():
        if not isinstance(name, str):
            raise InputError(f"{path}: must hold tensors by name, not by {name!r}")
        # A file may hold sparse tensors and tensors without content too, of which isfinite cannot be asked.
        plain = value.is_floating_point() and value.layout is torch.strided and not value.is_meta
        if not plain or not torch.isfinite(value).all():
            raise InputError(f"{path}: parameter {name} does not hold finite numbers throughout; fetch the file again")
    return {name: value.detach().to(torch.float32) for name, value in state.items()}


def recognise(state: "Mapping[str, Tensor]") -> tuple[str, str]:
    """Tell which model a released state dict holds, and of which data set where its shape says so.

    Args:
        state: Tensors by released name.

    Returns:
        ``teacher``, ``student`` or ``vadclip``, and a data set: XD-Violence, but UCF-Crime for a VadCLIP of two layers.
    """
    if any(name.startswith("temporalconvnet.") for name in state):
        return TEACHER, XD.name
    if any(name.startswith("fe_net.") for name in state):
        return STUDENT, XD.name
    two_layers = any(name.startswith("temporal.resblocks.1.") for name in state)
    return VADCLIP, (UCF if two_layers else XD).name


def published_settings(model: str, dataset: str, source: Path) -> Published:
    """Look up what the authors say of a model.

    Raises:
        InputError: If they published none of this model for the data set.
    """
    if (model, dataset) not in PUBLISHED:
        sets = ", ".join(name for of, name in PUBLISHED if of == model)
        raise InputError(f"{source}: is a {model}, which was published for {sets}; --dataset is {dataset}")
    return PUBLISHED[model, dataset]


def load_released(
    state: "Mapping[str, Tensor]", published: Published, dataset: str, source: Path, text_weights: str | None
) -> "tuple[Learner, str]":
    """Build the model and fill it.

    Args:
        state: Tensors by released name.
        published: Settings of the model.
        dataset: Label set.
        source: The file it was read from, for messages.
        text_weights: CLIP's weights, a file or ``random:<seed>``, for a file that was stored without CLIP.

    Returns:
        The filled model in eval mode, and the identity of ``text_weights``; empty where the file holds CLIP.

    Raises:
        InputError: If a parameter is missing, unknown or of another shape, naming the first; or if CLIP is there
            twice or not at all.
    """
    from extract.encoders.clip import load_clip
    from train.learner import Learner, alignment_loss
    from train.model.prompts import LearnablePrompt
    from train.networks import build_network
    from train.released_names import load_clip_weights, match_released

    labels = DATA_SETS[dataset]
    network = build_network(published.architecture)
    alignment = alignment_loss(published.architecture, labels)
    released = match_released(state, network, alignment, str(source))
    if released.clip and text_weights:
        raise InputError(f"--text-weights: {source} holds CLIP itself; leave it out")
    if not released.clip and not text_weights:
        raise InputError(f"{source}: was stored without CLIP; give CLIP's weights with --text-weights")
    # Random weights are only a place for the file's own.
    clip, identity = load_clip(text_weights or "random:0")
    if released.clip:
        load_clip_weights(clip, released.clip, str(source))
    learner = Learner(network, LearnablePrompt(clip, labels.prompts), alignment)
    network.load_state_dict(released.network)
    learner.prompt.context.data.copy_(released.context)
    alignment.load_state_dict(released.alignment)
    return learner.eval(), identity if text_weights else ""


def _header(published: Published, dataset: str, *, text_weights: str, note: str) -> "Header":
    from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL
    from train.checkpoint import Header, TrainedOn

    labels, architecture = DATA_SETS[dataset], published.architecture
    audio = RELEASED_AUDIO if architecture.reads_audio else None
    return Header(
        architecture=architecture,
        dataset=dataset,
        classes=labels.model_codes,
        prompts=labels.prompts,
        recipe=published.recipe,
        epoch=EPOCH_UNKNOWN,
        trained_on=TrainedOn(labels.stride, CROPS, RELEASED_VISUAL, audio, ""),
        text_weights=text_weights,
        scoring_crop=published.crop,
        note=note,
        scoring_window=published.scoring_window,
        scoring_classes=scoring_codes(labels, published.scoring_classes),
    )


if __name__ == "__main__":
    command.run(main)
