import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from tests.train.baselines.learning import DIM as DIM_OF_VIDEOS
from tests.train.baselines.learning import trained_frame_ap, videos
from train.baselines.cupl import (
    CUPL,
    RowClassifier,
    completeness_losses,
    diversity,
    head_norm,
    most_certain,
    with_context,
)
from train.learner import BaselineLearner
from train.loop import build_optimizer
from train.methods import METHODS
from train.samples import Batch
from train.settings import Recipe, as_settings

RECIPE = Recipe(**as_settings(METHODS["cupl"].recipe))

DIM, AUDIO_DIM, ROWS = 4, 3, 9


@pytest.fixture(autouse=True)
def one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def paired_batch(lengths: list[int], rows: int = ROWS) -> Batch:
    length = torch.tensor(lengths)
    inside = torch.arange(rows)[:, None] < length[:, None, None]
    visual, audio = (torch.randn(len(lengths), rows, width) * inside for width in (DIM, AUDIO_DIM))
    return Batch(visual, audio, length, torch.eye(2)[(torch.arange(len(lengths)) >= len(lengths) // 2).long()])


def count(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


def test_it_has_the_weights_of_its_description() -> None:
    network = CUPL()
    assert count(network.complete) == 541_249 + 2 * 33
    assert [count(part) for part in network.rounds] == [1_065_570] * 3
    assert count(network) == 3_738_025
    assert [count(RowClassifier(2 * dim, 2, 0.8)) for dim in (512, 2048)] == [541_282, 2_114_146]


def test_a_row_is_read_beside_the_mean_of_the_five_before_it() -> None:
    rows = torch.arange(8.0)[None, :, None]
    both = with_context(rows)[0]
    assert both[:, 0].tolist() == list(range(8))
    assert both[:, 1].tolist() == pytest.approx([0, 0, 0.5, 1, 1.5, 2, 3, 4])
    assert with_context(torch.tensor([[[7.0]]])).tolist() == [[[7.0, 7.0]]]


def test_heads_that_are_alike_are_not_diverse_and_heads_that_differ_are() -> None:
    one = torch.randn(2, 10, 1)
    assert diversity(one.expand(-1, -1, 2)).item() == pytest.approx(1)
    apart = torch.zeros(1, 10, 2)
    apart[0, 2, 0] = apart[0, 7, 1] = 40
    assert diversity(apart).item() == pytest.approx(0, abs=1e-6)


def test_heads_are_kept_from_outgrowing_one_another() -> None:
    scores = torch.stack([torch.full((1, 6), 0.2), torch.full((1, 6), 0.4)], dim=-1)
    assert head_norm(scores).item() == pytest.approx(0.1)


def test_the_rows_that_vary_least_are_chosen_and_the_earlier_of_equals() -> None:
    variance = torch.tensor([[0.3, 0.1, 0.2, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    valid = torch.tensor([[True, True, True, True, False], [True, True, True, False, False]])
    assert most_certain(variance, valid).tolist() == [
        [False, True, False, True, False],
        [True, True, False, False, False],
    ]


def test_the_first_phases_terms_by_a_plain_computation() -> None:
    logits = torch.randn(4, 30, 3, dtype=torch.float64)
    z = logits.numpy()
    score = 1 / (1 + np.exp(-z))
    best = []
    for video in range(4):
        means = sorted((sum(score[video, piece]) / 3 for piece in range(30)), reverse=True)
        best.append(sum(means[:7]) / 7)
    ranking = [max(0.0, 1 - best[a] + best[n]) for a in (1, 3) for n in (0, 2)]
    cosines, distances = [], []
    for video in range(4):
        attentions = [np.exp(z[video, :, head]) / np.exp(z[video, :, head]).sum() for head in range(3)]
        for one, other in ((0, 1), (0, 2), (1, 2)):
            norms = math.sqrt(sum(attentions[one] ** 2)) * math.sqrt(sum(attentions[other] ** 2))
            cosines.append(sum(attentions[one] * attentions[other]) / norms)
        heads = [sum(score[video, :, head]) / 30 for head in range(3)]
        distances += [abs(mean - sum(heads) / 3) for mean in heads]
    expected = {
        "ranking": sum(ranking) / 4,
        "diversity": sum(cosines) / len(cosines),
        "norm": sum(distances) / len(distances),
        "sparsity": sum(score[video].mean() for video in (1, 3)) / 2,
    }
    weights = {"ranking": 1, "diversity": 0.2, "norm": 0.2, "sparsity": 0.01}
    expected["total"] = sum(weight * expected[name] for name, weight in weights.items())
    losses = completeness_losses(logits, torch.tensor([0, 2]), torch.tensor([1, 3]))
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(expected)


def plain_outputs(part: RowClassifier, row: np.ndarray) -> np.ndarray:
    layers = [
        (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy())
        for layer in (part.first, part.second, part.third)
    ]
    x = np.maximum(layers[0][0] @ row + layers[0][1], 0)
    for weight, bias in layers[1:]:
        x = weight @ x + bias
    return x


def plain_scores(network: CUPL, number: int, rows: np.ndarray) -> list[float]:
    if number == 0:
        return [float(np.mean(1 / (1 + np.exp(-plain_outputs(network.complete, row))))) for row in rows]
    scores = []
    for now, row in enumerate(rows):
        context = rows[max(0, now - 5) : now].mean(axis=0) if now else row
        z = plain_outputs(network.rounds[number - 1], np.concatenate([row, context]))
        scores.append(math.exp(z[1]) / (math.exp(z[0]) + math.exp(z[1])))
    return scores


@pytest.mark.parametrize("number", [1, 2, 3])
def test_without_dropout_a_round_learns_the_first_half_of_what_the_phase_before_it_scores(number: int) -> None:
    network, batch = CUPL(DIM, AUDIO_DIM, dropout=(0.0, 0.0)), paired_batch([9, 4, 6, 9])
    network.start_epoch(number, 4)
    losses = []
    for video, length in enumerate(batch.length.tolist()):
        rows = torch.cat([batch.visual, batch.audio], dim=-1)[video, :length].double().numpy()
        before, now = plain_scores(network, number - 1, rows), plain_scores(network, number, rows)
        low, high = min(before), max(before)
        for row in range((length + 1) // 2):
            label = (before[row] - low) / (high - low) if video >= 2 else 0.0
            losses.append(-label * math.log(now[row]) - (1 - label) * math.log(1 - now[row]))
    assert network.losses(batch)["total"].item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_certainty_is_the_variance_over_twenty_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    network, batch = CUPL(DIM, AUDIO_DIM), paired_batch([9, 9])
    rows = torch.cat([batch.visual, batch.audio], dim=-1)
    given = []
    monkeypatch.setattr("train.baselines.cupl.most_certain", lambda variance, valid: given.append(variance) or valid)
    torch.manual_seed(5)
    network.pseudo_labels(0, rows, batch.length, torch.tensor([1]))
    torch.manual_seed(5)
    with torch.no_grad():
        hidden = network.complete.hidden(rows)
        passes = [network.complete.logits(hidden, drop=True).sigmoid().mean(dim=-1) for _ in range(20)]
    torch.testing.assert_close(given[0], torch.stack(passes).var(dim=0, unbiased=False), rtol=1e-3, atol=1e-7)
    assert given[0].min() > 0


def test_normal_videos_never_get_a_positive_label_and_abnormal_ones_get_one_from_0_to_1() -> None:
    network, batch = CUPL(DIM, AUDIO_DIM), paired_batch([9, 4, 6, 9])
    rows = torch.cat([batch.visual, batch.audio], dim=-1)
    for number in range(3):
        labels, chosen = network.pseudo_labels(number, rows, batch.length, torch.tensor([2, 3]))
        assert labels[:2].abs().sum() == 0
        assert labels[2, 6:].abs().sum() == 0
        for video, length in ((2, 6), (3, 9)):
            assert labels[video, :length].min() == 0
            assert labels[video, :length].max() == 1
        assert chosen.sum(dim=1).tolist() == [5, 2, 3, 5]


@pytest.mark.parametrize(
    ("epochs", "phases"), [(4, [0, 1, 2, 3]), (8, [0, 0, 1, 1, 2, 2, 3, 3]), (2, [0, 1]), (3, [0, 1, 2])]
)
def test_the_phases_share_the_epochs_and_none_is_left_out(epochs: int, phases: list[int]) -> None:
    network, told = CUPL(DIM, AUDIO_DIM), []
    for epoch in range(epochs):
        network.start_epoch(epoch, epochs)
        told.append(int(network.stage))
    assert told == phases


def test_which_phase_scores_is_kept_with_the_weights() -> None:
    network, batch = CUPL(DIM, AUDIO_DIM).eval(), paired_batch([9, 4])
    by_phase = []
    for epoch in range(4):
        network.start_epoch(epoch, 4)
        loaded = CUPL(DIM, AUDIO_DIM).eval()
        loaded.load_state_dict(network.state_dict())
        by_phase.append(network(*batch[:3]).anomaly_logits)
        assert torch.equal(loaded(*batch[:3]).anomaly_logits, by_phase[-1])
        rows = torch.cat([batch.visual, batch.audio], dim=-1)[0].double().numpy()
        assert by_phase[-1][0].sigmoid().tolist() == pytest.approx(plain_scores(network, epoch, rows), abs=1e-5)
    assert not any(torch.allclose(one, other) for one, other in pairwise(by_phase))


def test_a_step_changes_the_phase_at_hand_alone() -> None:
    network, batch = CUPL(DIM, AUDIO_DIM), paired_batch([9, 4, 6, 9])
    optimiser = build_optimizer(BaselineLearner(network), RECIPE)
    assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([0.01, 1e-4])
    parts = {0: "complete.", 1: "rounds.0.", 2: "rounds.1.", 3: "rounds.2."}
    for epoch, part in parts.items():
        network.start_epoch(epoch, 4)
        before = {name: one.detach().clone() for name, one in network.named_parameters()}
        optimiser.zero_grad()
        network.losses(batch)["total"].backward()
        optimiser.step()
        changed = {name for name, one in network.named_parameters() if not torch.equal(one, before[name])}
        assert changed == {name for name in before if name.startswith(part)}


def test_the_first_phases_gradient_is_held_at_10(monkeypatch: pytest.MonkeyPatch) -> None:
    network = CUPL(DIM, AUDIO_DIM)
    optimiser = build_optimizer(BaselineLearner(network), RECIPE)
    for one in network.complete.parameters():
        one.grad = torch.ones_like(one)
    optimiser.step()
    norm = math.sqrt(sum(one.grad.square().sum().item() for one in network.complete.parameters()))
    assert norm == pytest.approx(10, rel=1e-4)


def test_rows_past_the_length_and_other_videos_change_neither_scores_nor_losses() -> None:
    network, batch = CUPL(DIM, AUDIO_DIM, dropout=(0.0, 0.0)).eval(), paired_batch([9, 4, 6, 9])
    inside = torch.arange(14)[:, None] < batch.length[:, None, None]
    visual, audio = (
        torch.where(
            inside, torch.cat([rows, torch.zeros(4, 5, rows.shape[2])], dim=1), torch.randn(4, 14, rows.shape[2])
        )
        for rows in batch[:2]
    )
    longer = batch._replace(visual=visual, audio=audio)
    for epoch in range(4):
        network.start_epoch(epoch, 4)
        logits, same = network(*batch[:3]).anomaly_logits, network(*longer[:3]).anomaly_logits
        for video, valid in enumerate(batch.length.tolist()):
            alone = network(*(part[video : video + 1, :valid] for part in batch[:2]), batch.length[video : video + 1])
            torch.testing.assert_close(same[video, :valid], logits[video, :valid], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(alone.anomaly_logits[0], logits[video, :valid], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network.losses(longer), network.losses(batch), rtol=1e-4, atol=1e-5)


def wide(dim: int) -> tuple[CUPL, None]:
    return CUPL(dim, dim), None


def test_its_first_phase_learns_from_true_labels_and_not_from_shuffled_ones() -> None:
    assert trained_frame_ap(wide, RECIPE, steps=15, true_labels=True, epochs=1) > 0.9
    assert trained_frame_ap(wide, RECIPE, steps=15, true_labels=False, epochs=1) < 0.5


def test_where_an_event_is_less_than_half_of_a_video_its_rounds_may_learn_from_everything_but_the_event() -> None:
    built = [wide(DIM_OF_VIDEOS)]
    trained_frame_ap(lambda dim: built[0], RECIPE, steps=15, true_labels=True, epochs=1)
    (network, _), (batch, event) = built[0], videos(32, seed=1)
    rows, abnormal = torch.cat([batch.visual, batch.audio], dim=-1), torch.arange(16, 32)
    labels, chosen = network.eval().pseudo_labels(0, rows, batch.length, abnormal)
    assert labels[event].mean() > 0.9
    assert not (chosen & event).any()
