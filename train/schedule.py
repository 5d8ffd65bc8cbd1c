"""How the learning rate falls over the epochs: in steps, or along half a cosine."""

import math

import torch

from train.settings import Recipe

STEP = 0.1


def learning_rate(initial: float, recipe: Recipe, epoch: int) -> float:
    """Give the learning rate of an epoch, a plain function, so that a resumed run has nothing to restore.

    Args:
        initial: That of the first epoch.
        recipe: For ``milestones`` and ``cosine_epochs``.
        epoch: Epochs done.

    Returns:
        ``initial`` times 0.1 for every milestone passed, as PyTorch's ``MultiStepLR`` has it, or times
        ``(1 + cos(pi * epoch / cosine_epochs)) / 2``, as ``CosineAnnealingLR`` has it.
    """
    if recipe.cosine_epochs:
        return initial * (1 + math.cos(math.pi * epoch / recipe.cosine_epochs)) / 2
    rate = initial
    for milestone in recipe.milestones:
        if epoch >= milestone:
            rate *= STEP
    return rate


def set_learning_rates(optimizer: torch.optim.Optimizer, recipe: Recipe, epoch: int) -> None:
    """Set every parameter group to its rate after ``epoch`` epochs; the group's ``initial_lr`` is that of the first."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(group["initial_lr"], recipe, epoch)
