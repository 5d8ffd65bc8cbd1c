"""Optimisers: those of the recipes, one of large steps held back, and several that step as one."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from train.settings import Recipe


def recipe_optimiser(groups: Iterable[dict[str, Any]], recipe: Recipe) -> Optimizer:
    """Build the optimiser that a recipe names, over groups as PyTorch's optimisers take them."""
    optimisers: dict[str, Callable[..., Optimizer]] = {
        "adamw": partial(torch.optim.AdamW, fused=True),
        "adam": torch.optim.Adam,
        "adagrad": torch.optim.Adagrad,
    }
    return optimisers[recipe.optimiser](groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


class Several(Optimizer):
    """Optimisers of disjoint parameters that step together, for a method whose parts learn by different rules.

    ``param_groups`` are the optimisers' own, one after another, so that a rate that is set here is theirs.

    Args:
        optimisers: At least one.
    """

    def __init__(self, optimisers: Sequence[Optimizer]) -> None:
        super().__init__([{"params": group["params"]} for one in optimisers for group in one.param_groups], {})
        self.optimisers = list(optimisers)
        self._take_groups()

    def _take_groups(self) -> None:
        self.param_groups = [group for one in self.optimisers for group in one.param_groups]

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step with each; no closure is taken."""
        for one in self.optimisers:
            one.step()

    def state_dict(self) -> dict[str, Any]:
        """Give all states, in order."""
        return {"optimisers": [one.state_dict() for one in self.optimisers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        for one, state in zip(self.optimisers, state_dict["optimisers"], strict=True):
            one.load_state_dict(state)
        self._take_groups()


class StableAdamW(Optimizer):
    """AdamW with AMSGrad that shortens a step where gradients outgrow their running average (arXiv 2304.13013).

    A tensor's rate is divided by the root mean square of gradient over denominator where that is above 1. The rate
    follows a schedule of its own by the step: linearly from 0 to a group's ``initial_lr``, then along half a cosine
    down to a tenth of it. What a caller sets as a group's ``lr`` is not read.

    Args:
        parameters: What is learned.
        learning_rate: Highest rate.
        weight_decay: Decoupled, times the rate.
        warm_up: Steps of the rise, at least 2.
        steps: Steps of rise and fall together; later ones stay at a tenth.
        eps: Added to the denominator.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        weight_decay: float,
        warm_up: int,
        steps: int,
        eps: float = 1e-10,
    ) -> None:
        settings = {"lr": learning_rate, "initial_lr": learning_rate, "weight_decay": weight_decay}
        super().__init__(parameters, settings | {"warm_up": warm_up, "steps": steps, "eps": eps, "done": 0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step; no closure is taken."""
        for group in self.param_groups:
            group["lr"] = group["initial_lr"] * rise_and_fall(group["done"], group["warm_up"], group["steps"])
            group["done"] += 1
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step_one(parameter, parameter.grad, group)

    def _step_one(self, parameter: nn.Parameter, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state |= {name: torch.zeros_like(parameter) for name in ("mean", "square", "highest_square")}
        state["step"] += 1
        first, second = 0.9, 0.999
        state["mean"].lerp_(gradient, 1 - first)
        state["square"].lerp_(gradient.square(), 1 - second)
        torch.maximum(state["highest_square"], state["square"], out=state["highest_square"])
        denominator = (state["highest_square"] / (1 - second ** state["step"])).sqrt_().add_(group["eps"])
        excess = (gradient / denominator).square_().mean().sqrt_().clamp_(min=1.0)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.sub_(group["lr"] / (1 - first ** state["step"]) / excess * state["mean"] / denominator)


def rise_and_fall(done: int, warm_up: int, steps: int) -> float:
    """Give the share of the highest rate after ``done`` of ``steps`` steps (see `StableAdamW`)."""
    if done < warm_up:
        return done / (warm_up - 1)
    if done >= steps:
        return 0.1
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (done - warm_up) / (steps - warm_up)))
