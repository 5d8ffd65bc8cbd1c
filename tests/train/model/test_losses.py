import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from train.model.losses import (
    AlignmentLoss,
    FocalAlignmentLoss,
    classification_loss,
    focal,
    mil_align,
    text_separation_loss,
    top_k_mean,
)


def top_k_mean_one_by_one(values: Tensor, length: list[int]) -> Tensor:
    means = []
    for video, valid in zip(values, length, strict=True):
        k = math.floor(valid / 16) + 1
        means.append(video[:valid].sort(dim=0, descending=True).values[:k].mean(dim=0))
    return torch.stack(means)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=5), st.integers(0, 2**31))
def test_the_batched_top_k_mean_equals_a_loop_over_videos(length: list[int], seed: int) -> None:
    values = torch.randn(len(length), 64, 3, generator=torch.Generator().manual_seed(seed))
    expected = top_k_mean_one_by_one(values, length)
    torch.testing.assert_close(top_k_mean(values, torch.tensor(length)), expected)
    torch.testing.assert_close(top_k_mean(values[:, :, 0], torch.tensor(length)), expected[:, 0])


@pytest.mark.parametrize(("length", "k"), [(1, 1), (15, 1), (16, 2), (31, 2), (32, 3), (256, 17)])
def test_k_is_one_more_than_the_whole_sixteens_of_the_length(length: int, k: int) -> None:
    values = torch.arange(256.0)[None]
    highest = range(length - k, length)
    assert top_k_mean(values, torch.tensor([length])).item() == pytest.approx(sum(highest) / k)


def test_padded_rows_get_no_gradient_however_high_their_logits() -> None:
    logits = torch.zeros(1, 32, requires_grad=True)
    with torch.no_grad():
        logits[0, 20:] = 9
    labels = torch.tensor([[0.0, 1.0]])
    loss = classification_loss(logits, labels, torch.tensor([20]))
    assert loss.item() == pytest.approx(math.log(2))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()
    assert gradient[0, :20].any()
    assert not gradient[0, 20:].any()


def test_the_classification_loss_averages_scores_not_logits() -> None:
    logits = torch.full((2, 32), -50.0)
    logits[:, 0], logits[:, 1] = math.log(9), 0.0  # scores 0.9 and 0.5, so 0.7 on average
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = classification_loss(logits, labels, torch.tensor([16, 16]))
    assert loss.item() == pytest.approx(-(math.log(0.3) + math.log(0.7)) / 2)


def test_a_video_of_two_classes_splits_its_target_between_them() -> None:
    logits = torch.tensor([[[0.0, 1.0, 3.0]]])
    labels = torch.tensor([[0.0, 1.0, 1.0]])
    log_total = math.log(math.exp(0) + math.exp(1) + math.exp(3))
    expected = -(0.5 * (1 - log_total) + 0.5 * (3 - log_total))
    assert AlignmentLoss()(logits, labels, torch.tensor([1])).item() == pytest.approx(expected)


def test_the_focal_term_by_hand() -> None:
    probabilities = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    target = torch.tensor([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    alpha = torch.tensor([0.1, 0.2, 0.4])
    # pt is 0.4 and 0.6, the class weights 0.3 and 0.1.
    first = 0.3 * 0.6**2 * -(0.5 * math.log(0.5) + 0.5 * math.log(0.3))
    second = 0.1 * 0.4**2 * -math.log(0.6)
    assert focal(probabilities.log(), target, alpha).item() == pytest.approx((first + second) / 2)


def test_the_focal_alignment_loss_is_the_mean_of_both_terms_with_weights_that_learn() -> None:
    loss = FocalAlignmentLoss(3)
    assert loss.alpha.tolist() == [0.25, 0.25, 0.25]
    logits, labels = torch.randn(2, 40, 3), torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    length = torch.tensor([40, 7])
    video_logits, target = top_k_mean_one_by_one(logits, [40, 7]), torch.tensor([[1.0, 0, 0], [0, 0.5, 0.5]])
    value = loss(logits, labels, length)
    torch.testing.assert_close(value, (mil_align(video_logits, target) + focal(video_logits, target, loss.alpha)) / 2)
    (gradient,) = torch.autograd.grad(value, loss.alpha)
    assert (gradient > 0).all()


def test_text_separation_by_hand() -> None:
    text = torch.tensor([[2.0, 0.0], [3.0, 4.0], [-5.0, 0.0], [0.0, 1.0]])
    # Cosines with the normal class: 0.6, -1, 0.
    assert text_separation_loss(text).item() == pytest.approx((0.6 + 1 + 0) / 3)
