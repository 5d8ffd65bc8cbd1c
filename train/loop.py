"""The training loop of VadCLIP, the AVadCLIP teacher and its student."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from extract.base.errors import InputError
from extract.base.files import replaced_path
from extract.base.progress import say, track
from extract.encoders.weights import UNREADABLE
from train.baselines.interface import OwnOptimiser, OwnRates, Phased
from train.checkpoint import Checkpoint
from train.learner import BaselineLearner, Learner
from train.optimisers import recipe_optimiser
from train.samples import Batch, TrainingSamples, batches, paired_order, shuffled_order
from train.schedule import set_learning_rates
from train.selection import Judge
from train.settings import Recipe
from train.step import add_gradients, learner_losses

STATE_FILE = "state.pt"
# Of the time of training, what may go into saving its state, some hundred MB. A kill costs the epochs since the last
# one saved: half a minute of training where saving takes half a second, or one epoch where that is longer.
SAVING_SHARE = 0.02


@dataclass
class Progress:
    """How far a run is.

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


class DivergedError(InputError):
    """Training came to numbers that are not finite; the learner holds what was kept before.

    Attributes:
        progress: The finished epochs and what was kept of them.
    """

    def __init__(self, message: str, progress: Progress) -> None:
        super().__init__(message)
        self.progress = progress


def train(
    learner: Learner | BaselineLearner,
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
        judge: Scores the network for selection: after each epoch, or only between its steps where
            ``recipe.judge_every`` says so; ``None`` keeps the last.
        device: Where to train.
        partial: Folder of the training state, written after the first epoch, the last, and between them as often as
            ``SAVING_SHARE`` allows; a run that was killed goes on from there and ends with the numbers it would have
            had.
        identity: What the state must belong to; a state of anything else is set aside.
        curves: Folder of the TensorBoard scalars.
        label: Name of the run in progress lines.

    Returns:
        What was kept.

    Raises:
        DivergedError: If a loss, a parameter or a judge's score is not finite. The line names run, epoch and step.
        InputError: If an epoch has no step, or is too short for ``recipe.judge_every``.
    """
    steps = len(_epoch_order(samples, recipe, torch.Generator())) if recipe.epochs else 1
    optimizer = build_optimizer(learner, recipe, steps)
    progress = _resume(partial / STATE_FILE, identity, learner, optimizer)
    phased = learner.network if isinstance(learner.network, Phased) else None

    epochs = range(progress.epoch, recipe.epochs)
    saved_at, saving_took = -math.inf, 0.0
    with SummaryWriter(str(curves), purge_step=progress.epoch + 1) as writer:
        for epoch in track(epochs, label=label, total=len(epochs), unit="epochs"):
            # Seeded anew each epoch, so that order and dropout do not depend on where a run was resumed.
            epoch_seed = recipe.seed * 1_000_003 + epoch
            torch.manual_seed(epoch_seed)
            order = _epoch_order(samples, recipe, torch.Generator().manual_seed(epoch_seed))
            _refuse_unjudged(len(order), recipe.judge_every)
            set_learning_rates(optimizer, recipe, epoch)
            if not order:
                raise InputError(
                    f"{label}: an epoch has no step, so nothing would be trained: the shards hold "
                    f"{len(samples.entries)} videos with {len(samples.pairs)} crops in all"
                )
            if phased:
                phased.start_epoch(epoch, recipe.epochs)
            sums: dict[str, Tensor] = {}
            scores: list[float] = []
            for step, batch in enumerate(batches(samples, order)):
                losses = train_step(learner, batch.to(device), recipe, optimizer, teacher)
                sums = {name: sums.get(name, 0) + loss for name, loss in losses.items()}
                where = f"{label}: epoch {epoch + 1}, step {step + 1} of {len(order)}"
                _refuse_broken_losses(losses, where, progress, learner)
                if judge and _judged_after(step, recipe.judge_every):
                    _refuse_broken_parameters(where, progress, learner)
                    scores.append(_judge(learner, judge))
                    _keep_if_best(progress, epoch + 1, scores[-1], learner)
            if phased:
                phased.end_epoch()
            _refuse_broken_parameters(where, progress, learner)

            # The released code that judges within an epoch never looks at its end.
            if not recipe.judge_every:
                scores.append(_judge(learner, judge) if judge else float(epoch))
                _keep_if_best(progress, epoch + 1, scores[-1], learner)
            if recipe.selection == "released":
                # The released code sets the weights back to the best epoch, but not the optimizer.
                learner.set_learned_state(progress.kept)
            progress.epoch = epoch + 1

            began = monotonic()
            if progress.epoch == recipe.epochs or began - saved_at >= saving_took / SAVING_SHARE:
                _save(partial / STATE_FILE, identity, progress, learner, optimizer)
                saved_at = monotonic()
                saving_took = saved_at - began
            values = {name: float(value) / len(order) for name, value in sums.items()}
            values |= {"selection_score": max(scores)} if judge else {}
            _report(writer, label, progress, values | {"learning_rate": optimizer.param_groups[0]["lr"]})

    if progress.kept:
        learner.set_learned_state(progress.kept)
    learner.eval()
    return progress


def build_optimizer(
    learner: Learner | BaselineLearner, recipe: Recipe, steps_an_epoch: int = 1
) -> torch.optim.Optimizer:
    """Build the optimiser of everything that is learned, each part at the rate of the first epoch.

    Args:
        learner: What is trained.
        recipe: For the rule and its rate.
        steps_an_epoch: For the rules whose rate follows the steps.
    """
    network = learner.network
    known = {id(parameter) for parameter in network.parameters()}
    beside = [one for one in learner.parameters() if one.requires_grad and id(one) not in known]
    if isinstance(network, OwnOptimiser):
        optimiser = network.optimiser(beside, recipe, steps_an_epoch)
    else:
        if isinstance(network, OwnRates):
            groups = network.parameter_groups(recipe.learning_rate)
            groups += [{"params": beside}] if beside else []
        else:
            groups = [{"params": [parameter for parameter in learner.parameters() if parameter.requires_grad]}]
        optimiser = recipe_optimiser(groups, recipe)
    for group in optimiser.param_groups:
        group["initial_lr"] = group["lr"]
    return optimiser


def step_losses(
    learner: Learner | BaselineLearner, batch: Batch, recipe: Recipe, teacher: Checkpoint | None
) -> dict[str, Tensor]:
    """Compute the loss terms of one batch and their weighted ``total``.

    Args:
        learner: What is trained.
        batch: On the learner's device.
        recipe: For the weights of the terms.
        teacher: See ``train``.

    Returns:
        Scalars: ``classification``, ``alignment``, ``text_separation``, for a student ``distillation``, for a baseline
        its own terms, and ``total``.
    """
    if isinstance(learner, BaselineLearner):
        return learner.losses(batch)
    return learner_losses(learner, batch, recipe, teacher)


def train_step(
    learner: Learner | BaselineLearner,
    batch: Batch,
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
    teacher: Checkpoint | None,
) -> dict[str, Tensor]:
    """Take one step; give the losses that it was taken by, without their graph (see ``train`` and ``step_losses``)."""
    learner.train()
    optimizer.zero_grad()
    if isinstance(learner, Learner):
        losses = add_gradients(learner, batch, recipe, teacher)
    else:
        losses = step_losses(learner, batch, recipe, teacher)
        losses["total"].backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return {name: loss.detach() for name, loss in losses.items()}


def _epoch_order(samples: TrainingSamples, recipe: Recipe, generator: torch.Generator) -> Sequence[NDArray[np.int64]]:
    order = paired_order if recipe.sampling == "paired" else shuffled_order
    return order(samples, recipe.batch, generator)


def _judged_after(step: int, judge_every: int) -> bool:
    # As the released code does: it counts an epoch's steps from 0 and leaves out the first.
    return judge_every > 0 and step > 0 and step % judge_every == 0


def _refuse_unjudged(steps: int, judge_every: int) -> None:
    if judge_every >= steps > 0:
        raise InputError(
            f"judge_every: {judge_every} judges first after step {judge_every + 1}, but an epoch has {steps} "
            f"{'step' if steps == 1 else 'steps'} and its end is not judged; lower it, or set it to 0 to judge the end"
        )


def _refuse_broken_losses(
    losses: dict[str, Tensor], where: str, progress: Progress, learner: Learner | BaselineLearner
) -> None:
    if losses["total"].isfinite():
        return
    broken = next(name for name, loss in losses.items() if not loss.isfinite())
    raise _diverged(f"{where}: the loss {broken} is {float(losses[broken])}", progress, learner)


def _refuse_broken_parameters(where: str, progress: Progress, learner: Learner | BaselineLearner) -> None:
    for name, tensor in learner.learned_state().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise _diverged(f"{where}: the parameter {name} is not finite", progress, learner)


def _diverged(what: str, progress: Progress, learner: Learner | BaselineLearner) -> DivergedError:
    if progress.kept:
        learner.set_learned_state(progress.kept)
    return DivergedError(f"{what}; try a lower learning rate, or precision fp32", progress)


def _judge(learner: Learner | BaselineLearner, judge: Judge) -> float:
    learner.eval()
    with torch.inference_mode():
        score = judge(learner.network, learner.text())
    if not math.isfinite(score):
        raise InputError(
            f"selection: the score that is to select the weights is {score}; the videos judged by need normal and "
            "abnormal ones (frames, on the test set), or take selection 'last'"
        )
    return score


def _keep_if_best(progress: Progress, epoch: int, score: float, learner: Learner | BaselineLearner) -> None:
    if score > progress.kept_score:
        progress.kept_epoch, progress.kept_score, progress.kept = epoch, score, learner.learned_state()


def _report(writer: SummaryWriter, label: str, progress: Progress, values: dict[str, float]) -> None:
    for name, value in values.items():
        writer.add_scalar(name, value, progress.epoch)
    spelled = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    say(f"{label} epoch {progress.epoch}: {spelled}; kept: epoch {progress.kept_epoch}")


def _save(
    path: Path,
    identity: str,
    progress: Progress,
    learner: Learner | BaselineLearner,
    optimizer: torch.optim.Optimizer,
) -> None:
    learned = learner.learned_state()
    # The epoch just trained is mostly the one that is kept; its weights need not be written twice. Where it was judged
    # between its steps, the learner has been set back to the kept ones by now.
    kept = progress.kept if progress.kept_epoch < progress.epoch else {}
    state = {
        "identity": identity,
        "progress": vars(progress) | {"kept": kept},
        "learner": learned,
        "optimizer": optimizer.state_dict(),
    }
    # Not flushed to the disk first, as results are: some hundred MB would make training wait, and all that a power cut
    # can cost is this state. Through a file of ours, for torch's own does not say why it cannot write.
    with replaced_path(path) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


def _resume(
    path: Path, identity: str, learner: Learner | BaselineLearner, optimizer: torch.optim.Optimizer
) -> Progress:
    if not path.exists():
        return Progress()
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        say(f"{path}: cannot be read ({error}); training starts anew")
        return Progress()
    if not isinstance(state, dict) or state.get("identity") != identity:
        say(f"{path}: belongs to other settings or shards; training starts anew")
        return Progress()
    learner.set_learned_state(state["learner"])
    optimizer.load_state_dict(state["optimizer"])
    progress = Progress(**state["progress"])
    if not progress.kept:
        progress.kept = state["learner"]
    say(f"{path}: going on after epoch {progress.epoch}")
    return progress
