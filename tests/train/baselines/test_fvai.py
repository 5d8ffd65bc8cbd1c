import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.train.baselines.learning import trained_frame_ap
from train.baselines.fvai import FVAI, WIDTH, CoAttention, bag_loss, signed_root
from train.methods import METHODS
from train.samples import Batch
from train.settings import Recipe, as_settings

RECIPE = Recipe(**as_settings(METHODS["fvai"].recipe))

DIM, AUDIO_DIM, ROWS = 6, 5, 20


@pytest.fixture(autouse=True)
def one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def network(mutual_share: float = 0.5) -> FVAI:
    """A narrow one whose scalars no longer are 0."""
    made = FVAI(DIM, AUDIO_DIM, mutual_share)
    with torch.no_grad():
        for name, one in made.named_parameters():
            if "share" in name:
                one.fill_(0.7)
    return made.eval()


def random_batch(lengths: list[int], rows: int = ROWS) -> Batch:
    length = torch.tensor(lengths)
    inside = torch.arange(rows)[:, None] < length[:, None, None]
    visual, audio = (torch.randn(len(lengths), rows, width) * inside for width in (DIM, AUDIO_DIM))
    return Batch(visual, audio, length, torch.eye(2)[torch.arange(len(lengths)) % 2])


def test_it_has_the_weights_of_its_description() -> None:
    made = FVAI()
    assert sum(one.numel() for one in made.parameters()) == 608_775
    assert sum(one.numel() for one in made.mutual.parameters()) == 115_330


def test_the_root_keeps_the_sign_and_has_a_slope_everywhere() -> None:
    z = torch.tensor([-4.0, 0.0, 9.0], requires_grad=True)
    root = signed_root(z)
    assert root.tolist() == pytest.approx([-2, 0, 3])
    root.sum().backward()
    assert z.grad.isfinite().all()


def test_the_bag_loss_reads_the_highest_scores_alone() -> None:
    scores = torch.full((2, 16), 0.1)
    scores[:, 3], scores[:, 9] = 0.9, 0.7
    length = torch.tensor([16, 16])
    assert bag_loss(scores, torch.tensor([True, True]), length).item() == pytest.approx(0.05)
    assert bag_loss(scores, torch.tensor([False, False]), length).item() == pytest.approx((0.81 + 0.49) / 2)


def test_the_score_is_shared_between_both_networks() -> None:
    first, batch = network(), random_batch([20, 7])
    with torch.no_grad():
        _, master, mutual = first._scores(*batch[:3])
        for share, expected in ((0.0, master), (1.0, mutual), (0.5, (master + mutual) / 2)):
            made = network(share)
            made.load_state_dict(first.state_dict())
            torch.testing.assert_close(made(*batch[:3]).anomaly_logits.sigmoid(), expected)


def test_attention_starts_as_if_it_were_not_there() -> None:
    visual, audio = torch.randn(2, 1, 4, WIDTH)
    seen, heard = CoAttention()(visual, audio, torch.ones(1, 4, dtype=torch.bool))
    assert torch.equal(seen, visual)
    assert torch.equal(heard, audio)


def test_sound_that_never_changes_adds_the_same_to_every_visual_row() -> None:
    made = network().co_attention
    visual, audio = torch.randn(1, 4, WIDTH), torch.randn(1, 1, WIDTH).expand(1, 4, WIDTH)
    added = made(visual, audio, torch.ones(1, 4, dtype=torch.bool))[0] - visual
    torch.testing.assert_close(added, added[:, :1].expand_as(added), rtol=1e-4, atol=1e-5)
    assert added.abs().max() > 0.01


def test_the_mutual_network_hears_nothing() -> None:
    made, batch = network(), random_batch([20, 7])
    with torch.no_grad():
        _, master, mutual = made._scores(*batch[:3])
        _, other_master, other_mutual = made._scores(batch.visual, torch.randn_like(batch.audio), batch.length)
    assert torch.equal(mutual, other_mutual)
    assert not torch.allclose(master, other_master)


def test_rows_past_the_length_and_other_videos_change_neither_scores_nor_losses() -> None:
    made, batch = network(), random_batch([20, 7, 13])
    inside = torch.arange(26)[:, None] < batch.length[:, None, None]
    visual, audio = (
        torch.where(
            inside, torch.cat([rows, torch.zeros(3, 6, rows.shape[2])], dim=1), torch.randn(3, 26, rows.shape[2])
        )
        for rows in batch[:2]
    )
    longer = batch._replace(visual=visual, audio=audio)
    logits, same = made(*batch[:3]).anomaly_logits, made(*longer[:3]).anomaly_logits
    for video, valid in enumerate(batch.length.tolist()):
        alone = made(*(part[video : video + 1, :valid] for part in batch[:2]), batch.length[video : video + 1])
        torch.testing.assert_close(same[video, :valid], logits[video, :valid], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.anomaly_logits[0], logits[video, :valid], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(made.losses(longer), made.losses(batch), rtol=1e-4, atol=1e-5)


def test_every_parameter_is_reached_by_the_total_loss() -> None:
    made = network().train()
    made.losses(random_batch([20, 7, 13, 20]))["total"].backward()
    assert [name for name, one in made.named_parameters() if one.grad is None or not one.grad.isfinite().all()] == []


def plain_scores(made: FVAI, visual: np.ndarray, audio: np.ndarray) -> tuple[list[float], list[float]]:
    """Both networks' scores of one video without padding, time by time from the description."""

    def linear(layer: nn.Module, x: np.ndarray) -> np.ndarray:
        return layer.weight.detach().double().numpy() @ x + layer.bias.detach().double().numpy()

    def read(asking: list[np.ndarray], keys: list[np.ndarray], rows: list[np.ndarray]) -> list[np.ndarray]:
        made_rows = []
        for query in asking:
            weights = [math.exp(query @ key) for key in keys]
            made_rows.append(sum(w / sum(weights) * row for w, row in zip(weights, rows, strict=True)))
        return made_rows

    def attend(layer: nn.Module, rows: list[np.ndarray]) -> list[np.ndarray]:
        query, key, value = ([linear(one, row) for row in rows] for one in (layer.query, layer.key, layer.value))
        return [row + layer.share.item() * part for row, part in zip(rows, read(query, key, value), strict=True)]

    def over_time(layer: nn.Conv1d, rows: list[np.ndarray]) -> list[np.ndarray]:
        weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
        padded = [np.zeros(2 * WIDTH), *rows, np.zeros(2 * WIDTH)]
        return [bias + sum(weight[:, :, tap] @ padded[t + tap] for tap in range(3)) for t in range(len(rows))]

    def score(layer: nn.Linear, row: np.ndarray) -> float:
        return 1 / (1 + math.exp(-linear(layer, row)[0]))

    co = made.co_attention
    v = [np.maximum(linear(made.narrow_visual, row), 0) for row in visual]
    a = [np.maximum(linear(made.narrow_audio, row), 0) for row in audio]
    match_v, match_a = [linear(co.match_visual, row) for row in v], [linear(co.match_audio, row) for row in a]
    heard = read(match_v, match_a, [linear(co.read_audio, row) for row in a])
    seen = read(match_a, match_v, [linear(co.read_visual, row) for row in v])
    v_co = [row + co.share_audio.item() * part for row, part in zip(v, heard, strict=True)]
    a_co = [row + co.share_visual.item() * part for row, part in zip(a, seen, strict=True)]
    v_joined = [np.concatenate(pair) for pair in zip(v_co, attend(made.attend_visual, v), strict=True)]
    a_joined = [np.concatenate(pair) for pair in zip(a_co, attend(made.attend_audio, a), strict=True)]
    products = [
        one * other
        for one, other in zip(over_time(made.fuse_visual, v_joined), over_time(made.fuse_audio, a_joined), strict=True)
    ]
    master = [score(made.classifier, np.sign(z) * np.sqrt(np.abs(z))) for z in products]
    own = [np.maximum(linear(made.mutual.narrow, row), 0) for row in visual]
    mutual = [score(made.mutual.classifier, row) for row in attend(made.mutual.attention, own)]
    return master, mutual


def test_scores_and_all_terms_by_a_plain_computation() -> None:
    made, batch = network(), random_batch([20, 7])
    logits = made(*batch[:3]).anomaly_logits
    terms: dict[str, list[float]] = {"master": [], "mutual": [], "agreement": []}
    for video, length in enumerate(batch.length.tolist()):
        scores = plain_scores(made, *(rows[video, :length].double().numpy() for rows in batch[:2]))
        mean = [(one + other) / 2 for one, other in zip(*scores, strict=True)]
        assert logits[video, :length].sigmoid().tolist() == pytest.approx(mean, abs=2e-5)
        for name, part in zip(("master", "mutual"), scores, strict=True):
            k = length // 16 + 1
            terms[name].append(sum((video - y) ** 2 for y in sorted(part)[-k:]) / k)
        terms["agreement"] += [(one - other) ** 2 for one, other in zip(*scores, strict=True)]
    expected = {name: sum(values) / len(values) for name, values in terms.items()}
    expected["total"] = sum(expected.values())
    losses = {name: loss.item() for name, loss in made.losses(batch).items()}
    assert losses == pytest.approx(expected, rel=1e-3)


def test_it_learns_from_true_labels_and_not_from_shuffled_ones() -> None:
    recipe = replace(RECIPE, learning_rate=1e-3)

    def build(dim: int) -> tuple[FVAI, None]:
        return FVAI(dim, dim), None

    assert trained_frame_ap(build, recipe, steps=30, true_labels=True) > 0.65
    assert trained_frame_ap(build, recipe, steps=30, true_labels=False) < 0.5
