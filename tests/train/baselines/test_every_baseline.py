"""What holds for every baseline, whatever its method."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from train.baselines import (
    avvd,
    clip_tsa,
    cupl,
    deep_mil,
    deep_mil_classes,
    dsanet,
    efficient_prompt,
    fvai,
    hl_net,
    macil_sd,
    rtfm,
    tpwng,
    ur_dmu,
    ur_dmu_audio_visual,
)
from train.baselines.interface import Phased, ReadsText
from train.learner import BaselineLearner
from train.loop import build_optimizer
from train.methods import METHODS
from train.model.branches import Output
from train.networks import build_network
from train.networks import network_class as load
from train.samples import Batch
from train.settings import Architecture, Recipe, as_settings

BASELINES = {name: method for name, method in METHODS.items() if method.is_baseline}
NETWORKS = [load(method) for method in BASELINES.values()]
TELLING = [load(method) for method in BASELINES.values() if method.tells_classes]
DIM = 128
CLASSES = 2
TEXT = torch.randn(CLASSES, DIM, generator=torch.Generator().manual_seed(98))
every_network = pytest.mark.parametrize("network_class", NETWORKS)
# DSANet's released form reads the rows past a video's length too, as VadCLIP's does: its own file tests both forms.
every_network_of_any_length = pytest.mark.parametrize(
    "network_class", [load(method) for method in BASELINES.values() if "window" not in method.shape]
)


@pytest.fixture(autouse=True)
def one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def build(network_class: Callable[..., nn.Module]) -> nn.Module:
    if network_class in (hl_net.HLNetAudioVisual, macil_sd.MACILSD):
        return network_class(DIM, DIM)
    if network_class in (cupl.CUPL, fvai.FVAI):
        return network_class(DIM, DIM)
    if network_class in (dsanet.DSANet, dsanet.DSANetUCF):
        return network_class(dim=DIM, max_snippets=40, window=8)
    if network_class is tpwng.TPWNG:
        return network_class(dim=DIM)
    if network_class is ur_dmu_audio_visual.URDMUAudioVisual:
        return network_class(DIM, DIM, pieces=16)
    if network_class in (deep_mil_classes.DeepMILClasses, avvd.AVVD):
        return network_class(DIM, CLASSES)
    if network_class is ur_dmu.URDMU:
        return network_class(DIM, pieces=32)  # its own 200 take long
    return network_class(DIM)


def outputs(network: nn.Module, visual: Tensor, audio: Tensor, length: Tensor) -> Output:
    output: Output = network(visual, audio, length, TEXT)
    return output


def losses_of(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
    losses: dict[str, Tensor] = network.losses(batch, TEXT) if isinstance(network, ReadsText) else network.losses(batch)
    return losses


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
    output = outputs(build(network_class), batch.visual, batch.audio, batch.length)
    assert output.anomaly_logits.shape == (3, 40)
    assert output.features.shape[:2] == (3, 40)
    assert output.class_logits.shape == (3, 40, CLASSES if network_class in TELLING else 0)
    assert output.log_variance is None


@pytest.mark.parametrize("model", BASELINES)
def test_the_settings_say_what_a_network_is(model: str) -> None:
    architecture = Architecture(model, max_snippets=16, window=8)
    network = build_network(architecture, 14).eval()
    assert BASELINES[model].faithfulness
    visual, audio, text = torch.randn(1, 16, 512), torch.randn(1, 16, 512), torch.randn(14, 512)
    output, other = (network(visual, sound, torch.tensor([16]), text) for sound in (audio, 0 * audio))
    assert output.class_logits.shape[2] == (14 if architecture.tells_classes else 0)
    assert isinstance(network, ReadsText) is architecture.reads_text
    assert torch.equal(output.anomaly_logits, other.anomaly_logits) is not architecture.reads_audio


@pytest.mark.parametrize("network_class", [dsanet.DSANet, tpwng.TPWNG, ur_dmu.URDMU])
def test_what_is_computed_again_changes_neither_gradients_nor_draws(
    network_class: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, found = paired_batch([5, 40, 17, 33], 40), []
    for kept in (False, True):
        if kept:
            module = sys.modules[network_class.__module__]
            monkeypatch.setattr(module, "checkpoint", lambda function, *arguments, **settings: function(*arguments))
        torch.manual_seed(1)
        network = build(network_class).train()
        losses_of(network, batch)["total"].backward()  # type: ignore[no-untyped-call]
        found.append(([parameter.grad for parameter in network.parameters()], torch.get_rng_state()))
    (again, state), (expected, expected_state) = found
    assert torch.equal(state, expected_state)
    for ours, theirs in zip(again, expected, strict=True):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)


@every_network
def test_the_docstring_tells_the_number_of_parameters(network_class: type[nn.Module]) -> None:
    documented = re.search(r"^Parameters(.*?)^[A-Z]", sys.modules[network_class.__module__].__doc__ or "", re.M | re.S)
    assert documented
    counts = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]{4,}", documented[1])]
    count = sum(parameter.numel() for parameter in network_class().parameters())
    assert count == counts[{hl_net.HLNetAudioVisual: 1, dsanet.DSANetUCF: 4}.get(network_class, 0)]


@every_network_of_any_length
def test_rows_past_the_length_change_neither_scores_nor_losses(network_class: type[nn.Module]) -> None:
    network = build(network_class).eval()
    batch = paired_batch([5, 40, 17, 33], 40)
    more = torch.randn(2, 4, 60, DIM)
    more[:, :, :40] = torch.where(torch.stack([batch.visual, batch.audio]) != 0, 0.0, more[:, :, :40])
    more[:, :, :40] += torch.stack([batch.visual, batch.audio])
    longer = batch._replace(visual=more[0], audio=more[1])

    ours = outputs(network, batch.visual, batch.audio, batch.length)
    theirs = outputs(network, longer.visual, longer.audio, longer.length)
    for logits, longer_logits in (
        (ours.anomaly_logits, theirs.anomaly_logits),
        (ours.class_logits, theirs.class_logits),
    ):
        for video, valid in enumerate(batch.length.tolist()):
            torch.testing.assert_close(longer_logits[video, :valid], logits[video, :valid], rtol=1e-4, atol=1e-4)

    torch.manual_seed(1)
    losses = losses_of(network, batch)
    torch.manual_seed(1)
    torch.testing.assert_close(losses_of(network, longer), losses, rtol=1e-4, atol=1e-4)


@every_network_of_any_length
def test_a_video_scores_the_same_alone_and_among_others(network_class: type[nn.Module]) -> None:
    network = build(network_class).eval()
    batch = paired_batch([5, 40], 40)
    together = outputs(network, batch.visual, batch.audio, batch.length)
    alone = outputs(network, batch.visual[:1, :5], batch.audio[:1, :5], batch.length[:1])
    torch.testing.assert_close(together.anomaly_logits[:1, :5], alone.anomaly_logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together.class_logits[:1, :5], alone.class_logits, rtol=1e-4, atol=1e-4)


@every_network
def test_every_parameter_is_reached_by_the_total_loss(network_class: type[nn.Module]) -> None:
    network = build(network_class)
    # The first phase and each of three rounds learn a part of their own.
    for epoch in range(4):
        if isinstance(network, Phased):
            network.start_epoch(epoch, 4)
        losses_of(network, paired_batch([40, 33, 12, 40], 40))["total"].backward()
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
        losses_of(network, batch)["total"].backward()
        return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]

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
    recipe = next(Recipe(**as_settings(one.recipe)) for one in BASELINES.values() if load(one) is network_class)
    optimizer = build_optimizer(BaselineLearner(network), replace(recipe, learning_rate=speed * recipe.learning_rate))
    for step in range(steps):
        if isinstance(network, Phased) and step % 10 == 0:
            network.start_epoch(step // 10, steps // 10)
        loss = losses_of(network, training)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if isinstance(network, Phased) and step % 10 == 9:
            network.end_epoch()
    held_out, event = videos(24, seed=2)
    network.eval()
    with torch.inference_mode():
        scores = outputs(network, held_out.visual, held_out.audio, held_out.length).anomaly_logits.sigmoid()
    valid = torch.arange(32) < held_out.length[:, None]
    return float(average_precision_score(event[valid], scores[valid]))


@pytest.mark.parametrize(
    ("network_class", "steps", "speed"),
    [
        (deep_mil.DeepMIL, 20, 1),
        (deep_mil_classes.DeepMILClasses, 20, 1),
        (rtfm.RTFM, 40, 1),
        (hl_net.HLNet, 60, 10),
        (hl_net.HLNetAudioVisual, 100, 10),
        (avvd.AVVD, 60, 10),
        (ur_dmu.URDMU, 14, 1),
        (ur_dmu_audio_visual.URDMUAudioVisual, 14, 1),
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


def test_efficient_prompt_learns_too_but_finds_rows_only_roughly() -> None:
    # Its attention tells every row of a video what the others show, so that it learns less of where than of whether.
    assert trained_frame_ap(efficient_prompt.EfficientPrompt, 20, 10, true_labels=True) > 0.23
    assert trained_frame_ap(efficient_prompt.EfficientPrompt, 20, 10, true_labels=False) < 0.18
