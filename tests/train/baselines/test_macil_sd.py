import math

import numpy as np
import pytest
import torch

from train.baselines.macil_sd import MACILSD, Block, contrast
from train.model.losses import top_k_mean
from train.samples import Batch


def info_nce(query: np.ndarray, positive: np.ndarray, negatives: np.ndarray) -> float:
    """Mean over queries of the cross entropy that tells the positive from all negatives, written out."""
    query, positive, negatives = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (query, positive, negatives)
    )
    losses = []
    for row, match in zip(query, positive, strict=True):
        right, wrong = np.exp(row @ match / 0.1), np.exp(negatives @ row / 0.1)
        losses.append(-np.log(right / (right + wrong.sum())))
    return float(np.mean(losses))


def test_the_contrast_by_hand() -> None:
    rng = np.random.default_rng(0)
    rows = {name: rng.standard_normal((4, 40, 6)) for name in "ab"}
    logits = {name: rng.standard_normal((4, 40)) for name in "ab"}
    length, held_abnormal = [40, 7, 20, 33], [True, False, True, False]

    event, background, normal = ({name: [] for name in "ab"} for _ in range(3))
    for name in "ab":
        for video, valid in enumerate(length):
            order = np.argsort(logits[name][video, :valid])
            k = valid // 16 + 1
            background[name].append(rows[name][video, order[:k]])
            top = rows[name][video, order[-k:]]
            if held_abnormal[video]:
                event[name].append(np.repeat(top.mean(axis=0, keepdims=True), k, axis=0))
            else:
                normal[name].append(top)
    event, background, normal = (
        {name: np.concatenate(parts) for name, parts in kind.items()} for kind in (event, background, normal)
    )
    expected = sum(
        info_nce(event[one], event[other], negatives[other])
        for one, other in ("ab", "ba")
        for negatives in (background, normal)
    )
    value = contrast(
        *(torch.from_numpy(part[name]) for name in "ab" for part in (logits, rows)),
        torch.tensor(held_abnormal),
        torch.tensor(length),
    )
    assert value.item() == pytest.approx(expected)


@pytest.mark.parametrize("held", [True, False])
def test_there_is_no_contrast_where_all_videos_are_held_for_the_same(held: bool) -> None:
    logits, rows = torch.randn(2, 9), torch.randn(2, 9, 4)
    value = contrast(logits, rows, logits, rows, torch.tensor([held, held]), torch.tensor([9, 9]))
    assert value.item() == 0


def test_the_block_normalises_what_asks_and_not_what_is_read() -> None:
    torch.manual_seed(0)
    block = Block().eval()
    x, read = torch.randn(1, 3, 128), torch.randn(1, 3, 128)

    def linear(layer: torch.nn.Linear, rows: np.ndarray) -> np.ndarray:
        return rows @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()

    def norm(rows: np.ndarray) -> np.ndarray:
        return (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-5)

    asking, source = x[0].double().numpy(), read[0].double().numpy()
    layers = block.attention
    query, key, value = linear(layers.query, norm(asking)), linear(layers.key, source), linear(layers.value, source)
    heads = []
    for head in range(4):
        part = slice(32 * head, 32 * (head + 1))
        weights = np.exp(query[:, part] @ key[:, part].T / math.sqrt(32))
        heads.append(weights / weights.sum(axis=1, keepdims=True) @ value[:, part])
    middle = asking + linear(layers.out, np.concatenate(heads, axis=1))
    expected = middle + linear(block.mlp[4], np.maximum(linear(block.mlp[1], norm(middle)), 0))
    output = block(x, read, torch.ones(1, 3, dtype=torch.bool))
    np.testing.assert_allclose(output[0].detach().numpy(), expected, rtol=1e-4, atol=1e-4)


def test_the_total_weighs_contrast_by_the_epochs_done() -> None:
    torch.manual_seed(3)
    network = MACILSD(8, 4).eval()
    length, labels = torch.tensor([20, 20, 5, 17]), torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    batch = Batch(torch.randn(4, 20, 8), torch.randn(4, 20, 4), length, labels)
    with torch.no_grad():  # so that the network holds two videos for abnormal
        video_logits = top_k_mean(network(batch.visual, batch.audio, length).anomaly_logits, length)
        network.classifier.bias -= video_logits.sort().values[1:3].mean() / 2
    for epochs, weight in ((0, 0.0), (7, 0.7), (40, 1.5)):
        network.start_epoch(epochs, 50)
        losses = {name: loss.item() for name, loss in network.losses(batch).items()}
        expected = losses["classification"] + weight * losses["contrast"] + losses["visual"]
        assert losses["total"] == pytest.approx(expected, rel=1e-6)
        assert losses["contrast"] > 0


def test_the_classification_loss_by_hand() -> None:
    network = MACILSD(8, 4).eval()
    length, labels = torch.tensor([20, 5]), torch.tensor([[1.0, 0], [0, 1]])
    batch = Batch(torch.randn(2, 20, 8), torch.randn(2, 20, 4), length, labels)
    logits = network(batch.visual, batch.audio, length).anomaly_logits.detach().double().numpy()
    normal, abnormal = np.sort(logits[0])[-2:].mean(), logits[1, :5].max()
    expected = (np.log1p(np.exp(normal)) + np.log1p(np.exp(-abnormal))) / 2
    assert network.losses(batch)["classification"].item() == pytest.approx(expected, rel=1e-5)


def test_an_epoch_ends_with_the_visual_network_mixed_in() -> None:
    torch.manual_seed(0)
    network = MACILSD(8, 4)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.start_epoch(0, 50)
    network.end_epoch()
    after = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for own, visual in (
        ("narrow_visual.weight", "visual_network.narrow.weight"),
        ("block.attention.key.bias", "visual_network.block.attention.key.bias"),
        ("classifier.weight", "visual_network.classifier.weight"),
    ):
        torch.testing.assert_close(after[own], 0.91 * before[own] + 0.09 * before[visual])
        assert torch.equal(after[visual], before[visual])
    assert torch.equal(after["narrow_audio.weight"], before["narrow_audio.weight"])

    network.start_epoch(50, 51)
    network.end_epoch()
    assert torch.equal(network.state_dict()["classifier.weight"], after["classifier.weight"])


def test_the_visual_network_learns_at_a_fifth_of_the_rate() -> None:
    network = MACILSD(8, 4)
    fast, slow = network.parameter_groups(4e-4)
    assert (fast["lr"], slow["lr"]) == (4e-4, pytest.approx(8e-5))
    assert {id(p) for p in slow["params"]} == {id(p) for p in network.visual_network.parameters()}
    assert {id(p) for p in [*fast["params"], *slow["params"]]} == {id(p) for p in network.parameters()}
