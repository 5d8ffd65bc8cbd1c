"""Everything that is learned together: a network, and around those with classes a prompt and its loss's weights."""

from typing import Any

import torch
from torch import Tensor, nn

from extract.base.errors import InputError
from extract.encoders.weights import random_seed
from extract.image_models import ENCODER, find_model
from extract.labels.label_set import LabelSet
from extract.shard import DIMENSIONS, USUAL_WIDTHS, Widths
from train.baselines.interface import ReadsText
from train.model.losses import AlignmentLoss, FocalAlignmentLoss
from train.model.prompts import LearnablePrompt
from train.networks import build_network
from train.samples import Batch
from train.settings import Architecture

FROZEN = "prompt.encoder."


class Learner(nn.Module):
    """A network with classes, the learnable prompt that gives them, and the alignment loss.

    Args:
        network: ``network(visual, audio, length, text) -> Output``.
        prompt: Gives the class embeddings ``text`` [C, D].
        alignment: Loss of the alignment branch; AVadCLIP's has a learned ``alpha``.
    """

    def __init__(self, network: nn.Module, prompt: LearnablePrompt, alignment: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.prompt = prompt
        self.alignment = alignment

    def text(self) -> Tensor:
        """Give the class embeddings of the learnable prompt [C, D]."""
        embeddings: Tensor = self.prompt()
        return embeddings

    def learned_state(self) -> dict[str, Tensor]:
        """Copy everything but CLIP's frozen weights."""
        return _learned_state(self)

    def set_learned_state(self, state: dict[str, Tensor]) -> None:
        """Take over what ``learned_state`` gave."""
        _set_learned_state(self, state)


class BaselineLearner(nn.Module):
    """A method of ``train.baselines``, which brings its own losses.

    Args:
        network: ``network(visual, audio, length, text) -> Output`` with ``losses``; what else the training loop asks
            of it, and of which methods, is in `train.baselines.interface`.
        prompt: Gives the class embeddings [C, D] of a method that reads texts; ``None`` for the others.
    """

    def __init__(self, network: nn.Module, prompt: nn.Module | None = None) -> None:
        super().__init__()
        self.network = network
        self.prompt = prompt

    def text(self) -> Tensor:
        """Give the class embeddings [C, D], of no classes [0, D] where no texts are read."""
        if self.prompt is None:
            return torch.zeros(0, DIMENSIONS, device=next(self.parameters()).device)
        embeddings: Tensor = self.prompt()
        return embeddings

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the network's loss terms and their weighted ``total``."""
        given = (batch,) if self.prompt is None else (batch, self.text())
        losses: dict[str, Tensor] = self.network.losses(*given)  # type: ignore[operator]
        return losses

    def learned_state(self) -> dict[str, Tensor]:
        """Copy everything but CLIP's frozen weights."""
        return _learned_state(self)

    def set_learned_state(self, state: dict[str, Tensor]) -> None:
        """Take over what ``learned_state`` gave."""
        _set_learned_state(self, state)


def _learned_state(learner: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.state_dict().items() if not name.startswith(FROZEN)}


def _set_learned_state(learner: nn.Module, state: dict[str, Tensor]) -> None:
    missing, unexpected = learner.load_state_dict(state, strict=False)
    wrong = [*unexpected, *(name for name in missing if not name.startswith(FROZEN))]
    if wrong:
        raise ValueError(f"not of this learner: {wrong}")


def build_learner(
    architecture: Architecture,
    labels: LabelSet,
    text_weights: str,
    seed: int,
    device: torch.device,
    widths: Widths = USUAL_WIDTHS,
    encoder: str = ENCODER,
) -> tuple[Learner | BaselineLearner, str]:
    """Build an untrained model, with classes around CLIP's frozen text tower.

    Args:
        architecture: Shape of the network.
        labels: Its classes and their prompts.
        text_weights: CLIP's weights, a file or ``random:<seed>``; not read for a baseline that reads no texts.
        seed: Seed of the learned weights.
        device: Where the model goes.
        widths: Width of the rows that it reads.
        encoder: What embedded the frames; the texts go through the text tower of the same model.

    Returns:
        The model and the identity of CLIP's weights, ``none`` where they are not read.

    Raises:
        InputError: If classes are to be told by their names, and what embedded the frames has no text tower that can
            be used.
    """
    if architecture.method.is_baseline:
        torch.manual_seed(seed)
        baseline = build_network(architecture, len(labels.model_codes), widths)
        if not isinstance(baseline, ReadsText):
            return BaselineLearner(baseline).to(device), "none"
        clip, identity = _load_text_side(text_weights, encoder, widths)
        torch.manual_seed(seed)
        return BaselineLearner(baseline, baseline.text_side(clip, labels.prompts)).to(device), identity
    clip, identity = _load_text_side(text_weights, encoder, widths)
    # PyTorch initialises modules from its global generator; there is no other way to hand it a seed.
    torch.manual_seed(seed)
    network = build_network(architecture, len(labels.model_codes), widths)
    prompt = LearnablePrompt(clip, labels.prompts)
    return Learner(network, prompt, alignment_loss(architecture, labels)).to(device), identity


def _load_text_side(weights: str, encoder: str, widths: Widths) -> tuple[Any, str]:
    try:
        named = find_model(encoder)
    except InputError as error:
        raise InputError(f"text_weights: {error}; train a method that reads no class names") from None
    if named.width != widths.visual:
        raise InputError(
            f"text_weights: texts of {encoder} are {named.width} numbers wide, but the shards' frames {widths.visual}, "
            "so they cannot be compared; train a method that reads no class names"
        )
    if named.vocabulary and random_seed(weights) is None:
        raise InputError(
            f"text_weights: {encoder} reads texts by the vocabulary {named.vocabulary}, which open_clip takes from the "
            "internet by the package transformers; train a method that reads no class names"
        )
    # Here, since open_clip takes seconds to import, and a method that reads no class names needs it not.
    from extract.encoders.clip import load_clip

    return load_clip(weights, encoder)


def alignment_loss(architecture: Architecture, labels: LabelSet) -> nn.Module:
    """Build the loss of the alignment branch; VadCLIP (arXiv 2308.11681) has no focal term."""
    if not (architecture.method.focal and architecture.focal):
        return AlignmentLoss()
    return FocalAlignmentLoss(len(labels.model_codes))


def checkpoint_tensors(learner: Learner | BaselineLearner) -> dict[str, Tensor]:
    """Name a model's tensors as a checkpoint holds them: ``network.*``, ``prompt.*``, ``focal.alpha`` and ``text``."""
    with torch.inference_mode():
        text = learner.text()
    state = {_of_checkpoint(name): tensor for name, tensor in learner.learned_state().items()}
    return state | {"text": text}


def set_checkpoint_tensors(learner: Learner | BaselineLearner, tensors: dict[str, Tensor]) -> None:
    """Take over a checkpoint's tensors, named as ``checkpoint_tensors`` does; ``text`` is not among them.

    Raises:
        InputError: If one is missing, does not belong to the model or has another shape; names it.
    """
    state = {_of_learner(name): tensor for name, tensor in tensors.items()}
    expected = learner.learned_state()
    for name in sorted(expected.keys() | state.keys()):
        if name not in state:
            raise InputError(f"tensor {_of_checkpoint(name)} is missing, so it cannot be trained further")
        if name not in expected:
            raise InputError(f"tensor {_of_checkpoint(name)} does not belong to this model")
        if state[name].shape != expected[name].shape:
            raise InputError(
                f"tensor {_of_checkpoint(name)} is {list(state[name].shape)}, not {list(expected[name].shape)}"
            )
    learner.set_learned_state(state)


def _of_checkpoint(name: str) -> str:
    return name.replace("alignment.", "focal.", 1) if name.startswith("alignment.") else name


def _of_learner(name: str) -> str:
    return name.replace("focal.", "alignment.", 1) if name.startswith("focal.") else name
