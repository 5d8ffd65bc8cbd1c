"""What holds for every baseline, whatever its method."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from train.baselines import clip_tsa, deep_mil, hl_net, macil_sd, rtfm, ur_dmu
from train.baselines.interface import Staged
from train.learner import BaselineLearner
from train.loop import build_optimizer
from train.samples import Batch

NETWORKS = [
    deep_mil.DeepMIL,
    rtfm.RTFM,
    hl_net.HLNet,
    hl_net.HLNetAudioVisual,
    ur_dmu.URDMU,
    clip_tsa.CLIPTSA,
    macil_sd.MACILSD,
]
DIM = 128
every_network = pytest.mark.parametrize("network_class", NETWORKS)


@pytest.fixture(autouse=True)
def one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def build(network_class: Callable[..., nn.Module]) -> nn.Module:
    if network_class in (hl_net.HLNetAudioVisual, macil_sd.MACILSD):
        return network_class(DIM, DIM)
    if network_class is ur_dmu.URDMU:
        return network_class(DIM, segments=32)  # its own 200 take long
    return network_class(DIM)


def paired_batch(lengths: list[int], rows: int) -> Batch:
    """Random features, first half of the videos normal, second half abnormal."""
    length = torch.tensor(lengths)
    visual, audio = torch.randn(2, len(lengths), rows, DIM)
    padding = torch.arange(rows)[None, :, None] >= length[:, None, None]
    is_abnormal = torch.arange(len(lengths)) >= len(lengths) // 2
    labels = torch.stack([~is_abnormal, is_abnormal], dim=1).float()
    return Batch(visual.masked_fill(padding, 0), audio.masked_fill(padding, 0), length, labels)


@every_network
def test_every_row_gets_a_logit_and_features(network_class: type[nn.Module]) -> None:
    batch = paired_batch([5, 40, 17], 40)
    output = build(network_class)(batch.visual, batch.audio, batch.length)
    assert output.anomaly_logits.shape == (3, 40)
    assert output.features.shape[:2] == (3, 40)
    assert output.class_logits.shape == (3, 40, 0)
    assert output.log_variance is None


@every_network
def test_the_docstring_tells_the_number_of_parameters(network_class: type[nn.Module]) -> None:
    documented = re.search(r"^Parameters(.*)$", sys.modules[network_class.__module__].__doc__ or "", re.MULTILINE)
    assert documented
    counts = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]{4,}", documented[1])]
    count = sum(parameter.numel() for parameter in network_class().parameters())
    assert count == counts[1 if network_class is hl_net.HLNetAudioVisual else 0]


@every_network
def test_checkpoints_are_selected_by_the_only_branch_there_is(network_class: type[nn.Module]) -> None:
    assert sys.modules[network_class.__module__].RECIPE.branch == "classification"


@every_network
def test_rows_past_the_length_change_neither_scores_nor_losses(network_class: type[nn.Module]) -> None:
    network = build(network_class).eval()
    batch = paired_batch([5, 40, 17, 33], 40)
    more = torch.randn(2, 4, 60, DIM)
    more[:, :, :40] = torch.where(torch.stack([batch.visual, batch.audio]) != 0, 0.0, more[:, :, :40])
    more[:, :, :40] += torch.stack([batch.visual, batch.audio])
    longer = batch._replace(visual=more[0], audio=more[1])

    logits = network(batch.visual, batch.audio, batch.length).anomaly_logits
    longer_logits = network(longer.visual, longer.audio, longer.length).anomaly_logits
    for video, valid in enumerate(batch.length.tolist()):
        torch.testing.assert_close(longer_logits[video, :valid], logits[video, :valid], rtol=1e-4, atol=1e-4)

    torch.manual_seed(1)
    losses = network.losses(batch)
    torch.manual_seed(1)
    torch.testing.assert_close(network.losses(longer), losses, rtol=1e-4, atol=1e-4)


@every_network
def test_a_video_scores_the_same_alone_and_among_others(network_class: type[nn.Module]) -> None:
    network = build(network_class).eval()
    batch = paired_batch([5, 40], 40)
    together = network(batch.visual, batch.audio, batch.length).anomaly_logits[:1, :5]
    alone = network(batch.visual[:1, :5], batch.audio[:1, :5], batch.length[:1]).anomaly_logits
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@every_network
def test_every_parameter_is_reached_by_the_total_loss(network_class: type[nn.Module]) -> None:
    network = build(network_class)
    network.losses(paired_batch([40, 33, 12, 40], 40))["total"].backward()
    unreached = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert unreached == []
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.usefixtures("two_threads")
@every_network
def test_a_step_taken_again_gives_the_same_bits_with_several_threads(network_class: type[nn.Module]) -> None:
    batch = paired_batch([40, 33, 12, 40, 5, 40, 17, 39], 40)

    def gradients() -> list[Tensor]:
        torch.manual_seed(3)
        network = build(network_class).train()
        network.losses(batch)["total"].backward()
        return [parameter.grad for parameter in network.parameters()]

    first = gradients()
    for _ in range(3):
        assert all(torch.equal(one, other) for one, other in zip(first, gradients(), strict=True))


def videos(count: int, seed: int) -> tuple[Batch, Tensor]:
    """Videos of 24 to 32 rows with an event of 10 rows each, of one of eight abnormal or eight harmless kinds.

    With eight kinds of either, a network that has learned nothing of which is which cannot have them right by luck.

    Returns:
        A batch, first half normal, and which rows are abnormal ``[count, 32]``.
    """
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.nn.functional.normalize(
        torch.randn(2, 2, 8, DIM, generator=torch.Generator().manual_seed(99)), dim=-1
    )
    rows = torch.arange(32)
    length = torch.randint(24, 33, (count,), generator=generator)
    start = torch.randint(0, 14, (count,), generator=generator)
    is_abnormal = torch.arange(count) >= count // 2
    event = (rows >= start[:, None]) & (rows < start[:, None] + 10)
    direction = kinds[:, is_abnormal.long(), torch.arange(count) % 8]  # [2, count, DIM]
    features = torch.randn(2, count, 32, DIM, generator=generator) * 0.5
    features = features + 8 * event[None, :, :, None] * direction[:, :, None]
    features = features * (rows < length[:, None])[None, :, :, None]
    labels = torch.stack([~is_abnormal, is_abnormal], dim=1).float()
    return Batch(features[0], features[1], length, labels), event & is_abnormal[:, None]


def trained_frame_ap(network_class: type[nn.Module], steps: int, speed: float, *, true_labels: bool) -> float:
    torch.manual_seed(1)
    training, _ = videos(32, seed=1)
    if not true_labels:
        # Half of the abnormal videos change places with half of the normal ones, so that labels tell nothing.
        training = training._replace(labels=training.labels.roll(8, dims=0))
    network = build(network_class)
    recipe = sys.modules[network_class.__module__].RECIPE
    optimizer = build_optimizer(BaselineLearner(network), replace(recipe, learning_rate=speed * recipe.learning_rate))
    for step in range(steps):
        if isinstance(network, Staged) and step % 10 == 0:
            network.start_epoch(step // 10, steps // 10)
        loss = network.losses(training)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if isinstance(network, Staged) and step % 10 == 9:
            network.end_epoch()
    held_out, event = videos(24, seed=2)
    network.eval()
    with torch.inference_mode():
        scores = network(held_out.visual, held_out.audio, held_out.length).anomaly_logits.sigmoid()
    valid = torch.arange(32) < held_out.length[:, None]
    return float(average_precision_score(event[valid], scores[valid]))


@pytest.mark.parametrize(
    ("network_class", "steps", "speed"),
    [
        (deep_mil.DeepMIL, 20, 1),
        (rtfm.RTFM, 40, 1),
        (hl_net.HLNet, 60, 10),
        (hl_net.HLNetAudioVisual, 100, 10),
        (ur_dmu.URDMU, 14, 1),
        (clip_tsa.CLIPTSA, 120, 1),
        (macil_sd.MACILSD, 20, 1),
    ],
)
def test_it_learns_from_true_labels_and_not_from_shuffled_ones(
    network_class: type[nn.Module], steps: int, speed: float
) -> None:
    _, event = videos(24, seed=2)
    assert 0.1 < event.float().mean() < 0.17  # chance
    assert trained_frame_ap(network_class, steps, speed, true_labels=True) > 0.65
    assert trained_frame_ap(network_class, steps, speed, true_labels=False) < 0.5
