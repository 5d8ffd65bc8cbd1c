import math

import pytest
import torch

from train.model.losses import paper_distillation_loss, plain_distillation_loss, released_distillation_loss

TEACHER = torch.tensor([[[1.0, 2.0]]])
STUDENT = torch.tensor([[[0.0, 5.0]]])
LOG_VARIANCE = torch.tensor([[[0.0, math.log(2)]]])
SCALED_ERRORS = [1 / (1e-6 + 2), 9 / (1e-6 + 4)]


def test_the_released_form_adds_all_of_the_log_variance() -> None:
    expected = (SCALED_ERRORS[0] + SCALED_ERRORS[1] + math.log(2)) / 2
    assert released_distillation_loss(TEACHER, STUDENT, LOG_VARIANCE).item() == pytest.approx(expected)


def test_the_paper_form_adds_half_of_it() -> None:
    expected = (SCALED_ERRORS[0] + SCALED_ERRORS[1] + math.log(2) / 2) / 2
    assert paper_distillation_loss(TEACHER, STUDENT, LOG_VARIANCE).item() == pytest.approx(expected)


def test_the_plain_form_is_the_mean_squared_error_whatever_the_variance() -> None:
    assert plain_distillation_loss(TEACHER, STUDENT, LOG_VARIANCE).item() == (1 + 9) / 2


def test_the_best_log_variance_of_the_paper_form_is_that_of_the_error() -> None:
    error = 3.0
    log_variance = torch.tensor(math.log(error**2), requires_grad=True)
    loss = paper_distillation_loss(torch.tensor(error), torch.tensor(0.0), log_variance)
    (gradient,) = torch.autograd.grad(loss, log_variance)
    assert gradient.item() == pytest.approx(0, abs=1e-6)


def test_a_student_certain_of_a_wrong_feature_still_gets_a_finite_loss() -> None:
    loss = released_distillation_loss(TEACHER, STUDENT, torch.full((1, 1, 2), -200.0))
    assert loss.item() == pytest.approx((1e6 + 9e6) / 2 - 200)
