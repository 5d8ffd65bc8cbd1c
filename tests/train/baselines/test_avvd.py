import math

import pytest
import torch
from torch import Tensor

from train.baselines import avvd
from train.baselines.avvd import AVVD
from train.baselines.hl_net import HLNet
from train.samples import Batch


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def batch_of(length: list[int], labels: list[list[float]], rows: int = 40) -> Batch:
    visual = torch.randn(len(length), rows, 8)
    visual *= torch.arange(rows)[None, :, None] < torch.tensor(length)[:, None, None]
    return Batch(visual, visual, torch.tensor(length), torch.tensor(labels).float())


def test_it_has_the_parameters_of_hl_net_and_a_second_head() -> None:
    def count(network: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(AVVD()) == 416_489
    assert count(AVVD()) - count(HLNet()) == 96 * 7 + 7
    # On rows of both streams side by side.
    assert count(AVVD(512 + 512)) == 678_633


def fine_loss(class_logits: Tensor, batch: Batch) -> float:
    """The fine task's loss, term by term."""
    videos, _, classes = class_logits.shape
    total = 0.0
    for video in range(videos):
        rows = int(batch.length[video])
        k = rows // 16 + 1
        best = []
        for column in range(classes):
            values = sorted((float(class_logits[video, row, column]) for row in range(rows)), reverse=True)
            best.append(sum(values[:k]) / k)
        normaliser = math.log(sum(math.exp(value) for value in best))
        events = sum(float(label) for label in batch.labels[video])
        for column in range(classes):
            total -= float(batch.labels[video, column]) / events * (best[column] - normaliser)
    return total / videos


def test_the_fine_loss_by_hand_with_one_row_of_15_and_two_of_16() -> None:
    network = AVVD(8, classes=3).eval()
    batch = batch_of([15, 16, 40, 1], [[1, 0, 0], [0, 1, 1], [0, 0, 1], [0, 1, 0]])
    class_logits = network(batch.visual, batch.audio, batch.length).class_logits.detach()
    losses = network.losses(batch)
    assert losses["classes"].item() == pytest.approx(fine_loss(class_logits, batch), rel=1e-5)
    for video in range(4):
        one = Batch(*(tensor[video : video + 1] for tensor in batch))
        alone = fine_loss(class_logits[video : video + 1], one)
        assert network.losses(one)["classes"].item() == pytest.approx(alone, rel=1e-4)


def test_the_total_is_hl_nets_and_the_fine_loss() -> None:
    network = AVVD(8, classes=3).eval()
    losses = network.losses(batch_of([15, 16], [[1, 0, 0], [0, 1, 1]]))
    terms = {name: loss.item() for name, loss in losses.items()}
    coarse = terms["classification"] + terms["approximator"] + 5 * terms["distillation"]
    assert terms["total"] == pytest.approx(coarse + terms["classes"], rel=1e-5)


@pytest.mark.parametrize("labels", [[0.0, 1, 1], [1.0, 0, 0], [0.0, 0, 1]])
def test_three_equal_logits_cost_ln_3_whatever_the_video_shows(labels: list[float]) -> None:
    network = AVVD(8, classes=3).eval()
    torch.nn.init.zeros_(network.fine.weight)
    torch.nn.init.constant_(network.fine.bias, 0.7)
    assert network.losses(batch_of([9], [labels]))["classes"].item() == pytest.approx(1.0986, abs=1e-4)


def test_a_video_with_two_events_is_half_of_either() -> None:
    network = AVVD(8, classes=3).eval()
    torch.nn.init.zeros_(network.fine.weight)
    network.fine.bias.data = torch.tensor([0.1, 0.2, 0.6]).log()
    expected = -(math.log(0.2 / 0.9) + math.log(0.6 / 0.9)) / 2
    assert network.losses(batch_of([9], [[0, 1, 1]]))["classes"].item() == pytest.approx(expected, rel=1e-5)


def test_without_the_fine_task_it_learns_as_hl_net(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avvd, "CLASSES_WEIGHT", 0.0)
    fine, coarse = AVVD(8, classes=3).train(), HLNet(8).train()
    coarse.load_state_dict({name: tensor for name, tensor in fine.state_dict().items() if name in coarse.state_dict()})
    batch = batch_of([15, 40], [[1, 0, 0], [0, 1, 1]])
    logits = []
    for network in (fine, coarse):
        torch.manual_seed(1)
        network.losses(batch)["total"].backward()
        torch.manual_seed(1)
        logits.append(network(batch.visual, batch.audio, batch.length).anomaly_logits)
    assert torch.equal(logits[0], logits[1])
    shared = dict(fine.named_parameters())
    for name, parameter in coarse.named_parameters():
        assert torch.equal(parameter.grad, shared[name].grad), name


def test_only_the_approximator_learns_at_half_the_rate() -> None:
    network = AVVD(8)
    fast, slow = network.parameter_groups(1e-4)
    assert (fast["lr"], slow["lr"], len(slow["params"])) == (1e-4, 5e-5, 6)
    assert {id(p) for p in [*fast["params"], *slow["params"]]} == {id(p) for p in network.parameters()}


def test_padding_and_other_videos_change_no_class_logit_and_no_loss() -> None:
    network = AVVD(8).eval()
    labels = torch.eye(7)[[0, 3]].tolist()
    batch = batch_of([23, 9], labels, rows=23)
    padded = torch.full((2, 31, 8), 5.0)
    for video, rows in enumerate([23, 9]):
        padded[video, :rows] = batch.visual[video, :rows]
    longer = batch._replace(visual=padded, audio=padded)
    logits, longer_logits = (network(each.visual, each.audio, each.length).class_logits for each in (batch, longer))
    alone = network(batch.visual[1:, :9], batch.audio[1:, :9], batch.length[1:]).class_logits
    torch.testing.assert_close(longer_logits[0, :23], logits[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(longer_logits[1, :9], logits[1, :9], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(alone[0], logits[1, :9], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.losses(longer), network.losses(batch), rtol=1e-4, atol=1e-5)
