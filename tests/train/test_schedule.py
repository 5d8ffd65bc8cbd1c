from dataclasses import replace

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from extract.base.errors import InputError
from train.schedule import learning_rate, set_learning_rates
from train.settings import Architecture, Recipe, check_together

COSINE = Recipe(epochs=50, milestones=(), cosine_epochs=60)


def optimizer_at(*rates: float) -> torch.optim.Optimizer:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate, "initial_lr": rate} for rate in rates]
    return torch.optim.SGD(groups)


def test_milestones_give_pytorchs_rates_to_the_last_bit() -> None:
    optimizer = optimizer_at(1e-5)
    scheduler = MultiStepLR(optimizer, [3, 6, 10], gamma=0.1)
    for epoch in range(14):
        assert learning_rate(1e-5, Recipe(milestones=(3, 6, 10)), epoch) == scheduler.get_last_lr()[0]
        optimizer.step()
        scheduler.step()


def test_half_a_cosine_gives_pytorchs_rates() -> None:
    optimizer = optimizer_at(4e-4)
    scheduler = CosineAnnealingLR(optimizer, T_max=60, eta_min=0)
    for epoch in range(50):
        assert learning_rate(4e-4, COSINE, epoch) == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()


def test_every_group_falls_from_its_own_rate() -> None:
    optimizer = optimizer_at(4e-4, 8e-5)
    for epoch in (0, 30, 7):
        set_learning_rates(optimizer, COSINE, epoch)
        fast, slow = (group["lr"] for group in optimizer.param_groups)
        assert (fast, slow) == (learning_rate(4e-4, COSINE, epoch), learning_rate(8e-5, COSINE, epoch))
        assert fast == pytest.approx(5 * slow)


def test_a_rate_that_would_rise_again_or_fall_in_two_ways_is_refused() -> None:
    with pytest.raises(InputError, match=r"cosine_epochs: 60 excludes milestones"):
        Recipe(cosine_epochs=60)
    with pytest.raises(InputError, match=r"cosine_epochs: 60 must not be below epochs \(61\)"):
        replace(COSINE, epochs=61)
    with pytest.raises(InputError, match="cosine_epochs: -1 must be at least 0"):
        replace(COSINE, cosine_epochs=-1)


def test_a_method_that_mixes_at_the_end_of_an_epoch_is_not_judged_within_one() -> None:
    within = Recipe(selection="released", judge_every=10)
    with pytest.raises(InputError, match="judge_every: macil_sd mixes .* at the end of an epoch.*set it to 0"):
        check_together(Architecture("macil_sd"), within)
    check_together(Architecture("hl_net"), within)
    check_together(Architecture("macil_sd"), replace(within, judge_every=0))
