"""The training loop of VadCLIP, the AVadCLIP teacher and its student."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from extract.progress import say, track
from train.checkpoint import Checkpoint
from train.distillation import paper_distillation_loss, released_distillation_loss
from train.mil import classification_loss, text_separation_loss
from train.prompts import LearnablePrompt
from train.samples import Batch, TrainingSamples, batches, paired_order, shuffled_order
from train.selection import Judge
from train.settings import Recipe

STATE_FILE = "state.pt"


class Learner(nn.Module):
    """Everything that is learned together.

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

    def learned_state(self) -> dict[str, Tensor]:
        """Copy everything but CLIP's frozen weights."""
        state = self.state_dict()
        return {name: tensor.clone() for name, tensor in state.items() if not name.startswith("prompt.encoder.")}

    def set_learned_state(self, state: dict[str, Tensor]) -> None:
        """Take over what ``learned_state`` gave."""
        _, unexpected = self.load_state_dict(state, strict=False)
        if unexpected:
            raise ValueError(f"not of this learner: {unexpected}")


@dataclass
class Progress:
    """How far a run is; saved after every epoch.

    Attributes:
        epoch: Finished epochs.
        kept_epoch: Epoch whose weights are kept; 0 before the first.
        kept_score: Its score, where a judge gives one.
        kept: Its weights.
    """

    epoch: int = 0
    kept_epoch: int = 0
    kept_score: float = float("-inf")
    kept: dict[str, Tensor] = field(default_factory=dict)


def train(
    learner: Learner,
    samples: TrainingSamples,
    recipe: Recipe,
    *,
    teacher: Checkpoint | None,
    judge: Judge | None,
    device: torch.device,
    partial: Path,
    identity: str,
    curves: Path,
    label: str,
) -> Progress:
    """Train, and leave the kept epoch's weights in ``learner``.

    Args:
        learner: On ``device``.
        samples: The training (video, crop) pairs.
        recipe: How to train.
        teacher: Whose fused features a student imitates; ``None`` for the others.
        judge: Scores each epoch for selection; ``None`` keeps the last.
        device: Where to train.
        partial: Folder of the training state, written after every epoch; a run that was killed goes on
            from there and ends with the numbers it would have had.
        identity: What the state must belong to; a state of anything else is set aside.
        curves: Folder of the TensorBoard scalars.
        label: Name of the run in progress lines.

    Returns:
        What was kept.
    """
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(recipe.milestones), gamma=0.1)
    progress = _resume(partial / STATE_FILE, identity, learner, optimizer, scheduler)

    epochs = range(progress.epoch, recipe.epochs)
    with SummaryWriter(str(curves), purge_step=progress.epoch + 1) as writer:
        for epoch in track(epochs, label=label, total=len(epochs), unit="epochs"):
            # Seeded anew each epoch, so that order and dropout do not depend on where a run was resumed.
            epoch_seed = recipe.seed * 1_000_003 + epoch
            torch.manual_seed(epoch_seed)
            order = _epoch_order(samples, recipe, torch.Generator().manual_seed(epoch_seed))
            losses = _train_epoch(learner, batches(samples, order), recipe, optimizer, teacher, device)
            scheduler.step()

            score = _judge(learner, judge) if judge else float(epoch)
            if score > progress.kept_score:
                progress.kept_epoch, progress.kept_score, progress.kept = epoch + 1, score, learner.learned_state()
            if recipe.selection == "released":
                # The released code sets the weights back to the best epoch, but not the optimizer.
                learner.set_learned_state(progress.kept)
            progress.epoch = epoch + 1

            _save(partial / STATE_FILE, identity, progress, learner, optimizer, scheduler)
            values = losses | ({"selection_score": score} if judge else {})
            _report(writer, label, progress, values | {"learning_rate": float(scheduler.get_last_lr()[0])})

    if progress.kept:
        learner.set_learned_state(progress.kept)
    learner.eval()
    return progress


def step_losses(learner: Learner, batch: Batch, recipe: Recipe, teacher: Checkpoint | None) -> dict[str, Tensor]:
    """Compute the loss terms of one batch and their weighted ``total``.

    Args:
        learner: What is trained.
        batch: On the learner's device.
        recipe: For the weights of the terms.
        teacher: See ``train``.

    Returns:
        Scalars: ``classification``, ``alignment``, ``text_separation``, for a student ``distillation``, ``total``.
    """
    text = learner.prompt()  # [C, D]
    output = learner.network(batch.visual, batch.audio, batch.length, text)
    losses = {
        "classification": classification_loss(output.anomaly_logits, batch.labels, batch.length),
        "alignment": learner.alignment(output.class_logits, batch.labels, batch.length),
        "text_separation": text_separation_loss(text),
    }
    total = losses["classification"] + losses["alignment"] + recipe.separation_weight * losses["text_separation"]
    if teacher is not None:
        with torch.no_grad():
            target = teacher.network(batch.visual, batch.audio, batch.length, teacher.text).features  # [B, T, D]
        distil = released_distillation_loss if recipe.distillation == "released" else paper_distillation_loss
        losses["distillation"] = distil(target, output.features, output.log_variance)
        total = total + recipe.distillation_weight * losses["distillation"]
    return losses | {"total": total}


def _train_epoch(
    learner: Learner,
    epoch_batches: Iterator[Batch],
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
    teacher: Checkpoint | None,
    device: torch.device,
) -> dict[str, float]:
    learner.train()
    sums: dict[str, Tensor] = {}
    steps = 0
    for batch in epoch_batches:
        losses = step_losses(learner, batch.to(device), recipe, teacher)
        optimizer.zero_grad()
        losses["total"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        sums = {name: sums.get(name, 0) + loss.detach() for name, loss in losses.items()}
        steps += 1
    return {name: float(value) / steps for name, value in sums.items()}


def _epoch_order(samples: TrainingSamples, recipe: Recipe, generator: torch.Generator) -> Sequence[NDArray[np.int64]]:
    order = paired_order if recipe.sampling == "paired" else shuffled_order
    return order(samples, recipe.batch, generator)


def _judge(learner: Learner, judge: Judge) -> float:
    learner.eval()
    with torch.inference_mode():
        return judge(learner.network, learner.prompt())


def _report(writer: SummaryWriter, label: str, progress: Progress, values: dict[str, float]) -> None:
    for name, value in values.items():
        writer.add_scalar(name, value, progress.epoch)
    spelled = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    say(f"{label} epoch {progress.epoch}: {spelled}; kept: epoch {progress.kept_epoch}")


def _save(
    path: Path,
    identity: str,
    progress: Progress,
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.MultiStepLR,
) -> None:
    learned = learner.learned_state()
    # The epoch just trained is mostly the one that is kept; its weights need not be written twice.
    kept = progress.kept if progress.kept_epoch < progress.epoch else {}
    state = {
        "identity": identity,
        "progress": vars(progress) | {"kept": kept},
        "learner": learned,
        "optimizer": optimizer.state_dict(),
        "scheduler": {"last_epoch": scheduler.last_epoch, "_last_lr": scheduler.get_last_lr()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    # Not flushed to the disk first, as results are: some hundred MB an epoch would make training wait, and all that
    # a power cut can cost is this state.
    temporary.replace(path)


def _resume(
    path: Path,
    identity: str,
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.MultiStepLR,
) -> Progress:
    if not path.exists():
        return Progress()
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        say(f"{path}: cannot be read ({error}); training starts anew")
        return Progress()
    if state["identity"] != identity:
        say(f"{path}: belongs to other settings or shards; training starts anew")
        return Progress()
    learner.set_learned_state(state["learner"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    progress = Progress(**state["progress"])
    if not progress.kept:
        progress.kept = state["learner"]
    say(f"{path}: going on after epoch {progress.epoch}")
    return progress
