import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from train.optimisers import Several, StableAdamW, rise_and_fall


@pytest.mark.parametrize(("done", "share"), [(0, 0.0), (99, 1.0), (100, 1.0), (2110, 0.55), (4120, 0.1), (5000, 0.1)])
def test_the_rate_rises_for_100_steps_and_falls_to_a_tenth_over_the_others(done: int, share: float) -> None:
    assert rise_and_fall(done, 100, 4120) == pytest.approx(share, rel=1e-6)


def test_a_run_that_is_half_as_long_as_planned_ends_at_0_583_of_the_highest_rate() -> None:
    assert rise_and_fall(1249, 100, 2510) == pytest.approx(0.583, abs=5e-4)


def test_the_held_back_steps_by_hand() -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(5), rng.standard_normal((6, 5)) * np.array([[1], [1], [30], [1], [0.1], [1]])
    weights, mean, square, highest = start.copy(), [0.0] * 5, [0.0] * 5, [0.0] * 5
    for step, gradient in enumerate(gradients, start=1):
        rate = 0.01 * ((step - 1) / 2 if step <= 3 else 0.1 + 0.45 * (1 + math.cos(math.pi * (step - 4) / 7)))
        scaled, moved = [], []
        for i in range(5):
            mean[i] = 0.9 * mean[i] + 0.1 * gradient[i]
            square[i] = 0.999 * square[i] + 0.001 * gradient[i] ** 2
            highest[i] = max(highest[i], square[i])
            denominator = math.sqrt(highest[i]) / math.sqrt(1 - 0.999**step) + 1e-10
            scaled.append(gradient[i] / denominator)
            moved.append(mean[i] / (1 - 0.9**step) / denominator)
        held_back = max(1.0, math.sqrt(sum(value**2 for value in scaled) / 5))
        weights = weights * (1 - rate * 0.1) - rate / held_back * np.array(moved)

    parameter = nn.Parameter(torch.from_numpy(start.copy()))
    optimiser = StableAdamW([parameter], learning_rate=0.01, weight_decay=0.1, warm_up=3, steps=10)
    for gradient in gradients:
        parameter.grad = torch.from_numpy(gradient)
        optimiser.step()
    np.testing.assert_allclose(parameter.detach().numpy(), weights, rtol=1e-9)


def build(weights: list[nn.Parameter]) -> Several:
    stable = StableAdamW(weights[1:], learning_rate=0.1, weight_decay=0.1, warm_up=3, steps=10)
    return Several([torch.optim.Adam(weights[:1], lr=0.01), stable])


def step(weights: list[nn.Parameter], optimiser: Several) -> None:
    optimiser.zero_grad()
    sum((weight - 1).square().sum() for weight in weights).backward()
    optimiser.step()


def test_several_optimisers_go_on_from_their_saved_state_as_if_never_stopped(tmp_path: Path) -> None:
    weights = [nn.Parameter(torch.full((2,), value)) for value in (2.0, 5.0)]
    optimiser = build(weights)
    for _ in range(5):
        step(weights, optimiser)
    torch.save(optimiser.state_dict(), tmp_path / "state.pt")
    again = [nn.Parameter(weight.detach().clone()) for weight in weights]
    resumed = build(again)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(3):
        step(weights, optimiser)
        step(again, resumed)
    assert all(torch.equal(one, other) for one, other in zip(weights, again, strict=True))


def test_a_rate_set_from_outside_reaches_the_one_of_several_that_reads_it() -> None:
    weights = [nn.Parameter(torch.full((2,), value)) for value in (2.0, 5.0)]
    optimiser = build(weights)
    optimiser.load_state_dict(optimiser.state_dict())
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    step(weights, optimiser)
    step(weights, optimiser)
    assert weights[0].tolist() == [2.0, 2.0]
    assert weights[1][0] < 5
