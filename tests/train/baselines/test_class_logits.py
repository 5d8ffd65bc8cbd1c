import math

import numpy as np
import torch

from train.baselines.class_logits import anomaly_logits


def test_three_equal_classes_are_abnormal_by_two_thirds() -> None:
    assert math.isclose(torch.sigmoid(anomaly_logits(torch.zeros(3))).item(), 2 / 3, rel_tol=1e-6)


def test_the_sigmoid_is_what_the_softmax_leaves_the_normal_class() -> None:
    logits = np.random.default_rng(0).normal(scale=5, size=(2, 4, 7))
    expected = 1 - np.exp(logits[..., 0]) / np.exp(logits).sum(axis=-1)
    np.testing.assert_allclose(torch.sigmoid(anomaly_logits(torch.from_numpy(logits))).numpy(), expected, rtol=1e-9)


def test_logits_of_any_size_stay_finite() -> None:
    assert anomaly_logits(torch.tensor([[300.0, -300, 0], [-300, 300, 300]])).isfinite().all()
