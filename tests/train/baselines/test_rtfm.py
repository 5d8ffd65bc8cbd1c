import numpy as np
import pytest
import torch
from torch import nn

from train.baselines.rtfm import NonLocal, TemporalPyramid, magnitude_losses

LABELS = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])  # normal: videos 0 and 2


def expected_terms(features: np.ndarray, scores: np.ndarray, candidates: np.ndarray) -> dict[str, float]:
    """The loss terms, the two pieces of largest magnitude among ``candidates`` chosen for each video."""
    video_scores, magnitudes = [], []
    for video, score, allowed in zip(features, scores, candidates, strict=True):
        order = np.argsort(np.where(allowed, np.linalg.norm(video, axis=1), -1.0))[::-1][:2]
        video_scores.append(score[order].mean())
        magnitudes.append(np.linalg.norm(video[order].mean(axis=0)))
    is_abnormal = np.array([0, 1, 0, 1])
    logs = np.where(is_abnormal == 1, np.log(video_scores), np.log1p(-np.array(video_scores)))
    pairs = [(abs(100 - magnitudes[a]) + magnitudes[n]) ** 2 for n, a in ((0, 1), (2, 3))]
    abnormal_scores = np.concatenate([scores[1], scores[3]])
    return {
        "classification": -logs.mean(),
        "magnitude": np.mean(pairs),
        "smoothness": sum((abnormal_scores[i + 1] - abnormal_scores[i]) ** 2 for i in range(len(abnormal_scores) - 1)),
        "sparsity": np.sqrt((abnormal_scores**2).sum()),
    }


def test_the_loss_terms_by_hand() -> None:
    rng = np.random.default_rng(0)
    features, scores = 20 * rng.standard_normal((4, 20, 6)), rng.uniform(size=(4, 20))
    losses = magnitude_losses(torch.from_numpy(features), torch.from_numpy(scores), LABELS.double(), nn.Identity())
    expected = expected_terms(features, scores, np.ones((4, 20), bool))
    assert {name: losses[name].item() for name in expected} == pytest.approx(expected)
    total = expected["classification"] + 1e-4 * expected["magnitude"]
    total += 8e-4 * expected["smoothness"] + 8e-3 * expected["sparsity"]
    assert losses["total"].item() == pytest.approx(total)


def test_pieces_whose_magnitude_is_dropped_are_not_chosen() -> None:
    rng = np.random.default_rng(1)
    features, scores = 20 * rng.standard_normal((4, 20, 6)), rng.uniform(size=(4, 20))
    allowed = rng.uniform(size=(4, 20)) < 0.3

    class DropOthers(nn.Module):
        def forward(self, ones: torch.Tensor) -> torch.Tensor:
            return ones * torch.from_numpy(allowed) / 0.3

    losses = magnitude_losses(torch.from_numpy(features), torch.from_numpy(scores), LABELS.double(), DropOthers())
    expected = expected_terms(features, scores, allowed)
    assert {name: losses[name].item() for name in expected} == pytest.approx(expected)


def test_the_non_local_block_by_hand() -> None:
    torch.manual_seed(0)
    block = NonLocal(4).eval()
    nn.init.constant_(block.norm.weight, 2.0)
    x = torch.randn(1, 4, 5)
    q, k, v, o = (
        (layer.weight[:, :, 0].detach().numpy(), layer.bias.detach().numpy())
        for layer in (block.query, block.key, block.value, block.out)
    )
    rows = x[0, :, :3].numpy().T  # three valid rows of five
    query, key, value = (rows @ weight.T + bias for weight, bias in (q, k, v))
    out = (query @ key.T / 3 @ value) @ o[0].T + o[1]
    expected = 2 * out / np.sqrt(1 + 1e-5) + rows
    valid = torch.tensor([[[True, True, True, False, False]]])
    np.testing.assert_allclose(block(x, valid)[0, :, :3].T.detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_the_non_local_block_starts_as_the_identity() -> None:
    x = torch.randn(2, 8, 5)
    torch.testing.assert_close(NonLocal(8)(x, torch.ones(2, 1, 5, dtype=torch.bool)), x)


def test_the_pyramid_sees_four_rows_to_either_side_and_one_more_by_the_last_convolution() -> None:
    torch.manual_seed(0)
    pyramid = TemporalPyramid(16).eval()
    rows = torch.randn(1, 21, 16, requires_grad=True)
    pyramid(rows, torch.ones(1, 21, dtype=torch.bool))[0, 10].sum().backward()
    assert rows.grad is not None
    reached = rows.grad[0].abs().sum(dim=1).nonzero().squeeze(1)
    assert (reached.min().item(), reached.max().item()) == (5, 15)
