import math

import numpy as np
import pytest
import torch

from train.baselines.deep_mil_classes import DeepMILClasses
from train.samples import Batch


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def test_it_has_the_parameters_of_seven_outputs() -> None:
    assert sum(parameter.numel() for parameter in DeepMILClasses().parameters()) == 279_303


def test_the_loss_by_hand() -> None:
    network = DeepMILClasses(6, classes=3).eval()
    # Two videos as long as there are pieces, one twice as long and one half as long.
    length = [32, 32, 64, 16]
    visual = torch.randn(4, 64, 6)
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0]])
    losses = network.losses(Batch(visual, torch.zeros_like(visual), torch.tensor(length), labels))

    def layer(row: np.ndarray, number: str) -> np.ndarray:
        module = getattr(network, number)
        weight, bias = module.weight.detach().double().numpy(), module.bias.detach().double().numpy()
        return np.array(weight @ row + bias)

    loss = 0.0
    for video, rows in enumerate(length):
        per_class: list[list[float]] = [[], [], []]
        for piece in range(32):
            first = piece * rows // 32
            last = max((piece + 1) * rows // 32, first + 1)
            row = visual[video, first:last].double().numpy().mean(axis=0)
            hidden = layer(row / math.sqrt(sum(x * x for x in row)), "first")
            output = layer(layer(np.array([max(0.0, x) for x in hidden]), "second"), "third")
            for column in range(3):
                per_class[column].append(output[column])
        # k = floor(32 / 16) + 1
        best = [sum(sorted(values)[-3:]) / 3 for values in per_class]
        normaliser = math.log(sum(math.exp(value) for value in best))
        events = labels[video].sum().item()
        for column in range(3):
            loss -= labels[video, column].item() / events * (best[column] - normaliser) / len(length)
    assert losses["classes"].item() == pytest.approx(loss, rel=1e-5)
    assert losses["total"].item() == pytest.approx(loss, rel=1e-5)


def test_every_row_is_scored_by_itself_whatever_its_size() -> None:
    network = DeepMILClasses(6).eval()
    visual = torch.randn(2, 9, 6)
    together = network(visual, visual, torch.tensor([9, 4]))
    alone = network(7 * visual[1:, 2:3], visual, torch.tensor([1]))
    torch.testing.assert_close(together.class_logits[1, 2], alone.class_logits[0, 0])
    torch.testing.assert_close(together.anomaly_logits[1, 2], alone.anomaly_logits[0, 0])
    assert together.class_logits.shape == (2, 9, 7)


def test_rows_past_the_length_change_no_loss() -> None:
    network = DeepMILClasses(6).eval()
    visual, length = torch.randn(2, 40, 6), torch.tensor([40, 7])
    labels = torch.eye(7)[[0, 3]]
    padded = torch.cat([visual.clone(), torch.zeros(2, 5, 6)], dim=1)
    padded[1, 7:] = 9.0
    losses = [network.losses(Batch(rows, rows, length, labels))["total"] for rows in (visual, padded)]
    torch.testing.assert_close(losses[0], losses[1])
