import numpy as np
import pytest
import torch

from train.baselines.deep_mil import DeepMIL
from train.samples import Batch


def test_the_loss_terms_by_hand() -> None:
    torch.manual_seed(0)
    network = DeepMIL(6, pieces=4).eval()
    visual = torch.randn(4, 4, 6)
    labels = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    losses = network.losses(Batch(visual, torch.zeros_like(visual), torch.full((4,), 4), labels))

    weights = [
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in network.children()
        if hasattr(layer, "weight")
    ]
    (w1, b1), (w2, b2), (w3, b3) = weights
    rows = visual.numpy() / np.linalg.norm(visual.numpy(), axis=-1, keepdims=True)
    logits = (np.maximum(rows @ w1.T + b1, 0) @ w2.T + b2) @ w3.T + b3
    scores = 1 / (1 + np.exp(-logits[..., 0]))
    ranking = np.mean(
        [sum(max(0.0, 1 - abnormal.max() + normal.max()) for abnormal in scores[2:]) for normal in scores[:2]]
    )
    smoothness = sum((video[i + 1] - video[i]) ** 2 for video in scores[2:] for i in range(3))
    sparsity = scores[2:].sum()
    squares = sum((weight**2).sum() for weight, _ in weights)

    assert losses["ranking"].item() == pytest.approx(ranking, rel=1e-5)
    assert losses["smoothness"].item() == pytest.approx(smoothness, rel=1e-4)
    assert losses["sparsity"].item() == pytest.approx(sparsity, rel=1e-5)
    assert losses["weights"].item() == pytest.approx(squares, rel=1e-5)
    expected = ranking + 8e-5 * (smoothness + sparsity) + 0.001 * squares
    assert losses["total"].item() == pytest.approx(expected, rel=1e-5)


def test_a_longer_feature_vector_scores_as_a_shorter_one() -> None:
    network = DeepMIL(6).eval()
    visual = torch.randn(1, 3, 6)
    logits = [network(scale * visual, visual, torch.tensor([3])).anomaly_logits for scale in (1, 7)]
    torch.testing.assert_close(logits[0], logits[1])
