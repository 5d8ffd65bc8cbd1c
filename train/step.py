"""One training step of a network with classes: its losses and their gradients.

Every loss is a mean over videos, or does not depend on them, so a batch may pass through the network a few videos at a
time: the gradients add up to those of the whole batch, in a fraction of its memory.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from train.checkpoint import Checkpoint
from train.learner import Learner
from train.model.losses import (
    classification_loss,
    paper_distillation_loss,
    plain_distillation_loss,
    released_distillation_loss,
    text_separation_loss,
)
from train.samples import Batch
from train.settings import Precision, Recipe

DISTILLATIONS = {
    "mse": plain_distillation_loss,
    "released": released_distillation_loss,
    "paper": paper_distillation_loss,
}
# On a processor, padding counted: 24 videos of XD-Violence. More would need more memory and be no quicker, fewer would
# go over the weights more often. A GPU takes any batch at once.
ROWS_AT_ONCE = 24 * 256


def learner_losses(learner: Learner, batch: Batch, recipe: Recipe, teacher: Checkpoint | None) -> dict[str, Tensor]:
    """Compute the loss terms of a whole batch and their weighted ``total``, with their graph.

    Args:
        learner: What is trained.
        batch: On the learner's device.
        recipe: For the precision and the weights of the terms.
        teacher: Whose fused features a student imitates; ``None`` for the others.

    Returns:
        Scalars: ``classification``, ``alignment``, ``text_separation``, for a student ``distillation``, and ``total``.
    """
    text = learner.text()  # [C, D]
    losses = _video_losses(learner, batch, text, recipe, teacher)
    separation = text_separation_loss(text)
    total = losses["total"] + recipe.separation_weight * separation
    return losses | {"text_separation": separation, "total": total}


def add_gradients(learner: Learner, batch: Batch, recipe: Recipe, teacher: Checkpoint | None) -> dict[str, Tensor]:
    """Add the gradient of a batch's ``total`` to the parameters' own, a few videos at a time on a processor.

    The class embeddings are made once; what all videos ask of them goes back through the text tower together.

    Args:
        learner: What is trained.
        batch: On the learner's device.
        recipe: For the precision and the weights of the terms.
        teacher: See ``learner_losses``.

    Returns:
        The terms of ``learner_losses``, without their graph.
    """
    videos = len(batch.length)
    text = learner.text()  # [C, D]
    shared = text.detach().requires_grad_()
    sums: dict[str, Tensor] = {}
    for part in _parts(batch):
        share = len(part.length) / videos
        losses = _video_losses(learner, part, shared, recipe, teacher)
        (share * losses["total"]).backward()  # type: ignore[no-untyped-call]
        sums = {name: sums.get(name, 0) + share * loss.detach() for name, loss in losses.items()}
    separation = text_separation_loss(text)
    weighted = recipe.separation_weight * separation
    torch.autograd.backward([weighted, text], [torch.ones_like(weighted), shared.grad])
    return sums | {"text_separation": separation.detach(), "total": sums["total"] + weighted.detach()}


def _parts(batch: Batch) -> Iterator[Batch]:
    videos, rows = batch.visual.shape[:2]
    at_once = max(1, ROWS_AT_ONCE // rows) if batch.visual.device.type == "cpu" else videos
    for start in range(0, videos, at_once):
        yield Batch(*(tensor[start : start + at_once] for tensor in batch))


def _video_losses(
    learner: Learner, batch: Batch, text: Tensor, recipe: Recipe, teacher: Checkpoint | None
) -> dict[str, Tensor]:
    with _arithmetic(recipe.precision, batch.visual.device):
        output = learner.network(batch.visual, batch.audio, batch.length, text)
    losses = {
        "classification": classification_loss(output.anomaly_logits, batch.labels, batch.length),
        "alignment": learner.alignment(output.class_logits, batch.labels, batch.length),
    }
    total = losses["classification"] + losses["alignment"]
    if teacher is not None:
        with torch.no_grad(), _arithmetic(recipe.precision, batch.visual.device):
            target = teacher.network(batch.visual, batch.audio, batch.length, teacher.text).features  # [B, T, D]
        distil = DISTILLATIONS[recipe.distillation]
        losses["distillation"] = distil(target.float(), output.features.float(), output.log_variance.float())
        total = total + recipe.distillation_weight * losses["distillation"]
    return losses | {"total": total}


def _arithmetic(precision: Precision, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
