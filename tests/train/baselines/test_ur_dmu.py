import math

import numpy as np
import pytest
import torch

from train.baselines.ur_dmu import URDMU, GlobalLocalAttention, Memory, divergence, memory_loss, triplet_loss
from train.samples import Batch


def test_a_memory_by_hand() -> None:
    torch.manual_seed(0)
    memory = Memory(20, 8)
    rows = torch.randn(2, 5, 8)
    patterns = memory.patterns.detach().numpy()
    assert np.abs(patterns).max() <= 1 / math.sqrt(8)
    fit = 1 / (1 + np.exp(-rows.numpy() @ patterns.T / math.sqrt(8)))
    best, read = memory(rows)
    np.testing.assert_allclose(best.detach().numpy(), np.sort(fit, axis=-1)[..., -2:].mean(axis=-1), rtol=1e-5)
    np.testing.assert_allclose(read.detach().numpy(), fit @ patterns, rtol=1e-4, atol=1e-6)


def test_the_attention_by_hand() -> None:
    torch.manual_seed(0)
    attention = GlobalLocalAttention(6, heads=2, head_dim=3, dropout=0.5).eval()
    x, rows = torch.randn(1, 5, 6), 4
    projected = x[0, :rows].numpy() @ attention.project.weight.detach().numpy().T
    query, key, far, near = (part.reshape(rows, 2, 3) for part in np.split(projected, 4, axis=1))
    position = np.arange(rows)
    fall_off = np.exp(-np.abs(position[:, None] - position[None, :]) / math.e)
    fall_off /= fall_off.sum(axis=0, keepdims=True)
    heads = []
    for head in range(2):
        weights = np.exp(query[:, head] @ key[:, head].T / math.sqrt(3))
        weights /= weights.sum(axis=1, keepdims=True)
        heads += [weights @ far[:, head], fall_off @ near[:, head]]
    expected = np.concatenate(heads, axis=1) @ attention.out.weight.detach().numpy().T
    expected += attention.out.bias.detach().numpy()
    valid = torch.tensor([[True, True, True, True, False]])
    np.testing.assert_allclose(attention(x, valid)[0, :rows].detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_the_memory_loss_by_hand() -> None:
    rng = np.random.default_rng(0)
    abnormal_fit, normal_fit = rng.uniform(0.05, 0.95, size=(2, 2, 20))  # video 0 abnormal, video 1 normal

    def best(values: np.ndarray) -> float:
        return float(np.sort(values)[-2:].mean())

    expected = -math.log(best(abnormal_fit[0])) - math.log(best(1 - normal_fit[0]))
    expected -= np.log(normal_fit[1]).mean() + np.log(1 - abnormal_fit[1]).mean()
    loss = memory_loss(*map(torch.from_numpy, (abnormal_fit, normal_fit)), torch.tensor([1]), torch.tensor([0]))
    assert loss.item() == pytest.approx(expected)


def test_the_triplet_loss_by_hand() -> None:
    anchor, positive, negative = (torch.tensor([row]) for row in ([3.0, 0.0], [0.0, 2.0], [5.0, 5.0]))
    expected = math.sqrt(2) - math.hypot(1 - math.sqrt(0.5), math.sqrt(0.5)) + 1
    assert triplet_loss(anchor, positive, negative).item() == pytest.approx(expected, rel=1e-4)


def test_the_divergence_by_hand() -> None:
    mean, log_variance = np.random.default_rng(0).standard_normal((2, 2, 3, 4))
    expected = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance))
    value = divergence(torch.from_numpy(mean), torch.from_numpy(log_variance))
    assert value.item() == pytest.approx(expected.sum() / (2 * 4))


def test_scores_and_distance_use_a_sampled_normal_code_for_normal_videos_and_means_elsewhere() -> None:
    torch.manual_seed(0)
    network = URDMU(8, pieces=20).eval()
    visual, length = torch.randn(4, 20, 8), torch.full((4,), 20)
    labels = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    normal, abnormal = [0, 2], [1, 3]
    torch.manual_seed(7)
    losses = network.losses(Batch(visual, visual, length, labels))

    torch.manual_seed(7)
    noise = torch.randn(2, 20, 512)
    with torch.inference_mode():
        features = network(visual, visual, length).features
        abnormal_fit, from_abnormal = network.abnormal_memory(features)
        normal_fit, from_normal = network.normal_memory(features)
        deviation = network.log_variance(from_normal[normal]).exp().sqrt()
        sampled = network.mean(from_normal[normal]) + noise * deviation
        code = {video: sampled[i] + network.mean(from_abnormal[video]) for i, video in enumerate(normal)} | {
            video: network.mean(from_normal[video]) + network.mean(from_abnormal[video]) for video in abnormal
        }
        classification, distances = [], []
        for video in range(4):
            score = network.head(torch.cat([features[video], code[video]], dim=1)).sigmoid()[:, 0]
            best = score.sort(descending=True).values[:2].mean().item()
            classification.append(-math.log(best if video in abnormal else 1 - best))
        for i, (n, a) in enumerate(zip(normal, abnormal, strict=True)):
            most_normal = normal_fit[n].argsort(descending=True)[:2]
            most_abnormal = abnormal_fit[a].argsort(descending=True)[:2]
            near = network.mean(from_abnormal[a])[most_abnormal].mean(dim=0).norm().item()
            distances.append(max(0.0, 100 - near + sampled[i][most_normal].mean(dim=0).norm().item()))

    assert losses["classification"].item() == pytest.approx(np.mean(classification), rel=1e-4)
    assert losses["distance"].item() == pytest.approx(np.mean(distances), rel=1e-4)
    weights = {"classification": 1, "memory": 0.1, "triplet": 0.1, "divergence": 0.001, "distance": 0.0001}
    total = sum(weight * losses[name].item() for name, weight in weights.items())
    assert losses["total"].item() == pytest.approx(total, rel=1e-5)
