"""A training step gives the numbers of benchmarks/plain_networks.py, and does less for them."""

from dataclasses import replace
from typing import Any

import open_clip
import pytest
import torch
from torch import Tensor, nn

from benchmarks.plain_networks import plain_losses, plain_network
from extract.datasets import DATA_SETS
from train.checkpoint import Checkpoint
from train.learner import Learner, alignment_loss
from train.model.prompts import LearnablePrompt
from train.model.temporal_adapter import TemporalAdapter
from train.networks import build_network
from train.samples import Batch
from train.settings import Architecture, Recipe
from train.step import add_gradients, learner_losses

LABELS = DATA_SETS["xd"]
SNIPPETS = 32
VIDEOS_AT_ONCE = 4
# More than pass through the network at once; most leave whole windows empty, two leave none.
LENGTHS = (32, 1, 7, 16, 17, 5, 25, 9, 12, 32, 3)
ARCHITECTURES = {
    "teacher": Architecture("teacher", layers=2, window=4, max_snippets=SNIPPETS),
    "student": Architecture("student", layers=1, window=16, max_snippets=SNIPPETS),
    "audio student": Architecture("student", layers=1, window=16, max_snippets=SNIPPETS, stream="audio"),
    "vadclip": Architecture("vadclip", layers=2, window=8, max_snippets=SNIPPETS),
}
FULL = Recipe()
HALF = replace(FULL, precision="bf16")


@pytest.fixture(autouse=True)
def few_videos_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.step.ROWS_AT_ONCE", VIDEOS_AT_ONCE * SNIPPETS)


def random_batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    length = torch.tensor(LENGTHS)
    valid = torch.arange(SNIPPETS)[None, :, None] < length[:, None, None]
    # A direction that all rows share puts similarities on both sides of the threshold.
    visual, audio = (torch.randn(len(LENGTHS), SNIPPETS, 512, generator=generator) + 1.2 for _ in range(2))
    labels = torch.zeros(len(LENGTHS), len(LABELS.model_codes))
    labels[torch.arange(len(LENGTHS)), torch.arange(len(LENGTHS)) % 7] = 1
    labels[2, 5] = 1
    # Sound may go on after the last snippet of the video.
    return Batch(
        visual * valid, audio * (torch.arange(SNIPPETS)[None, :, None] < length[:, None, None] + 3), length, labels
    )


def new_learner(clip: open_clip.CLIP, name: str) -> Learner:
    torch.manual_seed(0)
    architecture = ARCHITECTURES[name]
    network = build_network(architecture)
    learner = Learner(network, LearnablePrompt(clip, LABELS.prompts), alignment_loss(architecture, LABELS))
    for module in learner.modules():
        if isinstance(module, nn.Dropout):
            # The plain form would draw other masks.
            module.p = 0.0
    return learner.train()


def taken_gradients(learner: Learner) -> dict[str, Tensor]:
    gradients = {name: parameter.grad for name, parameter in learner.named_parameters() if parameter.grad is not None}
    learner.zero_grad()
    return gradients


def assert_same_gradients(ours: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert ours.keys() == expected.keys()
    for name, gradient in expected.items():
        assert (ours[name] - gradient).norm() <= 1e-4 * gradient.norm(), name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_losses_and_gradients_are_those_of_the_plain_implementation(clip: Any, name: str) -> None:
    learner, batch = new_learner(clip, name), random_batch()
    expected = plain_losses(learner, clip, LABELS.prompts, batch, FULL)
    expected["total"].backward()  # type: ignore[no-untyped-call]
    expected_gradients = taken_gradients(learner)

    losses = add_gradients(learner, batch, FULL, None)
    assert losses.keys() == expected.keys()
    for term, loss in losses.items():
        assert loss.item() == pytest.approx(expected[term].item(), rel=0, abs=1e-5), term
    assert_same_gradients(taken_gradients(learner), expected_gradients)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_half_precision_moves_no_loss_by_more_than_five_thousandths(clip: Any, name: str) -> None:
    learner, batch = new_learner(clip, name), random_batch()
    expected = plain_losses(learner, clip, LABELS.prompts, batch, FULL)
    with torch.no_grad():  # a processor without bfloat16 is slow in it, most of all backwards
        losses = learner_losses(learner, batch, HALF, None)
    for term, loss in losses.items():
        assert loss.item() == pytest.approx(expected[term].item(), rel=0, abs=5e-3), term
    assert losses["total"].item() != expected["total"].item()


def test_half_precision_leaves_weights_gradients_and_logits_in_full_precision(clip: Any) -> None:
    learner, batch = new_learner(clip, "teacher"), Batch(*(part[: VIDEOS_AT_ONCE + 1] for part in random_batch()))
    with torch.autocast("cpu", torch.bfloat16):
        output = learner.network(batch.visual, batch.audio, batch.length, learner.text())
    assert {output.anomaly_logits.dtype, output.class_logits.dtype} == {torch.float32}
    losses = add_gradients(learner, batch, HALF, None)
    tensors = [*losses.values(), *learner.parameters(), *taken_gradients(learner).values()]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}


@pytest.mark.parametrize("recipe", [FULL, replace(FULL, distillation="paper", distillation_weight=0.5)])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(clip: Any, recipe: Recipe) -> None:
    """Of a student, whose distillation is one more mean over the videos."""
    assert len(LENGTHS) % VIDEOS_AT_ONCE
    teacher = new_learner(clip, "teacher").eval()
    with torch.no_grad():
        checkpoint = Checkpoint(header=None, network=teacher.network, text=teacher.text(), sha256="")  # type: ignore[arg-type]
    student, batch = new_learner(clip, "student"), random_batch()
    whole = learner_losses(student, batch, recipe, checkpoint)
    whole["total"].backward()  # type: ignore[no-untyped-call]
    expected = taken_gradients(student)

    losses = add_gradients(student, batch, recipe, checkpoint)
    assert losses.keys() == whole.keys()
    for term, loss in losses.items():
        assert loss.item() == pytest.approx(whole[term].item(), rel=1e-5), term
    assert_same_gradients(taken_gradients(student), expected)
    assert not taken_gradients(teacher)


def test_gradients_are_added_to_those_that_are_there(clip: Any) -> None:
    learner, batch = new_learner(clip, "vadclip"), random_batch()
    add_gradients(learner, batch, FULL, None)
    once = {name: gradient.clone() for name, gradient in taken_gradients(learner).items()}
    add_gradients(learner, batch, FULL, None)
    add_gradients(learner, batch, FULL, None)
    assert_same_gradients(taken_gradients(learner), {name: 2 * gradient for name, gradient in once.items()})


def test_the_transformer_sees_an_empty_window_once_for_all_videos(clip: Any) -> None:
    learner, batch = new_learner(clip, "teacher"), random_batch()
    seen = []
    learner.network.temporal.transformer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    learner.network(batch.visual, batch.audio, batch.length, learner.text())
    filled = sum(-(-length // 4) for length in LENGTHS)
    # One video fills only the first window, so that each of the seven others is empty somewhere.
    assert seen == [(filled + 7, 4, 512)]


def test_videos_without_an_empty_window_cost_no_empty_one() -> None:
    adapter = TemporalAdapter(max_snippets=8, window=4, dim=16)
    seen = []
    adapter.transformer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    adapter(torch.randn(3, 8, 16), torch.tensor([8, 8, 5]))
    assert seen == [(6, 4, 16)]


def test_rows_behind_the_length_that_are_not_zero_are_no_padding(clip: Any) -> None:
    """The sound of an audio-only model may outlast the frames."""
    learner, batch = new_learner(clip, "audio student"), random_batch()
    audio = batch.audio.clone()
    audio[1, 20] = 1.0
    louder = batch._replace(audio=audio)
    with torch.no_grad():
        text = learner.text()
        ours = learner.network(louder.visual, louder.audio, louder.length, text)
        expected = plain_network(learner.network, louder, text)
        before = learner.network(batch.visual, batch.audio, batch.length, text)
    torch.testing.assert_close(ours.features, expected[2], rtol=0, atol=1e-5 * float(expected[2].abs().max()))
    assert not torch.equal(ours.features[1], before.features[1])


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_step_taken_again_gives_the_same_bits_with_several_threads(clip: Any, name: str) -> None:
    """What a resumed run needs to equal one never stopped; some of torch's gradients are sums in no fixed order."""
    learner, batch = new_learner(clip, name), random_batch()
    add_gradients(learner, batch, FULL, None)
    first = taken_gradients(learner)
    for _ in range(5):
        add_gradients(learner, batch, FULL, None)
        for parameter, gradient in taken_gradients(learner).items():
            assert torch.equal(first[parameter], gradient), parameter
