import numpy as np
import pytest
import torch

from train.baselines.clip_tsa import CLIPTSA, top_share


def test_shares_by_hand() -> None:
    rng = np.random.default_rng(0)
    scores, noise = rng.uniform(size=(1, 12)), rng.standard_normal((1, 100, 12))
    shares = top_share(*map(torch.from_numpy, (scores, noise)), torch.tensor([10]))[0].numpy()
    counts = np.zeros(12)
    for draw in noise[0]:
        counts[np.argsort(scores[0, :10] + 0.05 * draw[:10])[::-1][:9]] += 1
    np.testing.assert_allclose(shares, counts / 100)


@pytest.mark.parametrize(("length", "chosen"), [(1, 1), (20, 19), (32, 30), (40, 38)])
def test_as_many_rows_are_chosen_as_the_released_code_chooses(length: int, chosen: int) -> None:
    shares = top_share(torch.rand(1, 40), torch.randn(1, 100, 40), torch.tensor([length]))
    assert shares.sum().item() == pytest.approx(chosen, rel=1e-5)


def test_gradients_of_the_shares_are_the_released_estimator() -> None:
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.uniform(size=(2, 10))).requires_grad_()
    noise, weight = rng.standard_normal((2, 100, 10)), rng.standard_normal((2, 10))
    (top_share(scores, torch.from_numpy(noise), torch.tensor([10, 10])) * torch.from_numpy(weight)).sum().backward()
    expected = np.zeros((2, 10))
    for video in range(2):
        for draw in noise[video]:
            member = np.argsort(scores[video].detach().numpy() + 0.05 * draw)[::-1][:9]
            expected[video, member] += (draw * weight[video]).sum() / (100 * 0.05)
    assert scores.grad is not None
    np.testing.assert_allclose(scores.grad.numpy(), expected, rtol=1e-9)


def test_the_gradient_agrees_with_differences_of_the_expectation() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.tensor([[0.50, 0.53, 0.56, 0.60]], dtype=torch.float64, requires_grad=True)
    weight, length = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64), torch.tensor([4])
    noise = torch.randn(1, 200_000, 4, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((top_share(scores, noise, length) * weight).sum(), scores)
    step = 0.01
    for row in range(4):
        moved = [scores.detach() + sign * step * torch.eye(4, dtype=torch.float64)[row] for sign in (1, -1)]
        up, down = ((top_share(place, noise, length) * weight).sum().item() for place in moved)
        assert gradient[0, row].item() == pytest.approx((up - down) / (2 * step), abs=0.6, rel=0.05)


def test_scores_do_not_change_from_run_to_run() -> None:
    network = CLIPTSA(32).eval()
    visual, length = torch.randn(2, 20, 32), torch.tensor([20, 11])
    first, second = (network(visual, visual, length).anomaly_logits for _ in range(2))
    assert torch.equal(first, second)
    network.train()
    assert not torch.equal(network(visual, visual, length).anomaly_logits, first)
