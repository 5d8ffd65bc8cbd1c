"""The networks and losses compute what the released implementations computed (see tests/golden)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from extract.datasets import DATA_SETS
from tests.golden.fixture import features
from tests.train.conftest import released_tensors
from train.model.avadclip import AudioVisualTeacher, VideoStudent
from train.model.branches import Output
from train.model.losses import (
    AlignmentLoss,
    FocalAlignmentLoss,
    classification_loss,
    released_distillation_loss,
    text_separation_loss,
)
from train.model.prompts import LearnablePrompt
from train.model.vadclip import VadCLIP
from train.released_names import match_released, released_name

MODELS = ["teacher", "student", "vadclip_xd", "vadclip_ucf"]
BUILD: dict[str, Callable[[], nn.Module]] = {
    "teacher": AudioVisualTeacher,
    "student": VideoStudent,
    "vadclip_xd": VadCLIP,
    "vadclip_ucf": lambda: VadCLIP(layers=2, window=8),
}
SEPARATION_WEIGHT = {"teacher": 1e-4, "student": 1e-4, "vadclip_xd": 1e-4, "vadclip_ucf": 1e-1}
Golden = dict[str, NDArray[np.float32]]


@dataclass
class Run:
    """What one model gave for the training batch and for the whole videos."""

    text: Tensor
    output: Output
    losses: dict[str, Tensor]
    gradient_norms: dict[str, float]
    distillation_gradient_norms: dict[str, float]
    scores: list[tuple[Tensor, Tensor]]


def fit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(rows) > 256:
        bounds = np.linspace(0, len(rows), 257).astype(int)
        rows = np.stack([rows[a:b].mean(axis=0) for a, b in pairwise(bounds)])
    return np.pad(rows, ((0, 256 - len(rows)), (0, 0)))


def gradient_norms(loss: Tensor, parameters: dict[str, nn.Parameter]) -> dict[str, float]:
    gradients = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True, allow_unused=True)
    named = zip(parameters, gradients, strict=True)
    return {name: gradient.norm().item() for name, gradient in named if gradient is not None}


def score(network: nn.Module, visual: NDArray[np.float32], audio: NDArray[np.float32], text: Tensor) -> Any:
    starts = range(0, len(visual), 256)
    windows = [torch.from_numpy(np.stack([fit(rows[at : at + 256]) for at in starts])) for rows in (visual, audio)]
    lengths = torch.tensor([min(256, len(visual) - at) for at in starts])
    with torch.no_grad():
        output = network(*windows, lengths, text)
    anomaly = output.anomaly_logits.sigmoid().flatten()[: len(visual)]
    return anomaly, output.class_logits.softmax(dim=-1).flatten(0, 1)[: len(visual)]


def run(model: str, clip: Any, golden: Golden, teacher_features: Tensor | None) -> Run:
    state = released_tensors(model)
    network = BUILD[model]().eval()
    alignment: nn.Module = AlignmentLoss() if model.startswith("vadclip") else FocalAlignmentLoss(7)
    weights = match_released(state, network, alignment, model)
    network.load_state_dict(weights.network)
    prompt = LearnablePrompt(clip, DATA_SETS["ucf" if model == "vadclip_ucf" else "xd"].prompts)
    prompt.context.data.copy_(weights.context)
    parameters = {released_name(name): parameter for name, parameter in network.named_parameters()}
    parameters["text_prompt_embeddings.weight"] = prompt.context
    alignment.load_state_dict(weights.alignment)
    parameters |= dict(alignment.named_parameters())

    visual, audio = features(golden["train_lengths"].tolist(), "open/train")
    length = torch.tensor(golden["train_lengths"]).clamp(max=256)
    labels = torch.tensor(golden["train_labels_ucf" if model == "vadclip_ucf" else "train_labels"])
    text = prompt()
    batch = (torch.from_numpy(np.stack([fit(rows) for rows in stream])) for stream in (visual, audio))
    output = network(*batch, length, text)
    losses = {
        "loss_classification": classification_loss(output.anomaly_logits, labels, length),
        "loss_alignment": alignment(output.class_logits, labels, length),
        "loss_text_separation": text_separation_loss(text),
    }
    total = losses["loss_classification"] + losses["loss_alignment"]
    total = total + SEPARATION_WEIGHT[model] * losses["loss_text_separation"]
    distillation_gradients = {}
    if teacher_features is not None:
        distillation = released_distillation_loss(teacher_features, output.features, output.log_variance)
        losses["loss_distillation"] = distillation
        distillation_gradients = gradient_norms(distillation, parameters)
        total = total + 1e-8 * distillation
    gradients = gradient_norms(total, parameters)

    videos = zip(*features(golden["score_lengths"].tolist(), "open/score"), strict=True)
    scores = [score(network, *video, text.detach()) for video in videos]
    output = Output._make(None if tensor is None else tensor.detach() for tensor in output)
    losses = {name: loss.detach() for name, loss in losses.items()}
    return Run(text.detach(), output, losses, gradients, distillation_gradients, scores)


@pytest.fixture(scope="session")
def golden() -> Golden:
    with np.load(Path(__file__).parents[2] / "golden" / "models.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def runs(clip: Any, golden: Golden) -> dict[str, Run]:
    done: dict[str, Run] = {}
    for model in MODELS:
        done[model] = run(model, clip, golden, done["teacher"].output.features if model == "student" else None)
    return done


def assert_close(ours: Tensor, golden: NDArray[np.float32]) -> None:
    assert ours.shape == golden.shape
    np.testing.assert_allclose(ours.numpy(), golden, rtol=0, atol=1e-5)


def assert_same_norms(ours: dict[str, float], golden: Golden, prefix: str) -> None:
    expected = {name.removeprefix(prefix): float(norm) for name, norm in golden.items() if name.startswith(prefix)}
    assert ours.keys() == expected.keys()
    for name, norm in expected.items():
        assert ours[name] == pytest.approx(norm, rel=1e-4, abs=0), name


def test_the_class_embeddings_of_the_learned_prompt_are_the_released_ones(runs: dict[str, Run], golden: Golden) -> None:
    assert_close(runs["teacher"].text, golden["teacher/text"])


@pytest.mark.parametrize("model", MODELS)
def test_both_branches_give_the_released_logits(model: str, runs: dict[str, Run], golden: Golden) -> None:
    assert_close(runs[model].output.anomaly_logits, golden[f"{model}/anomaly_logits"])
    assert_close(runs[model].output.class_logits, golden[f"{model}/class_logits"])


def test_the_teacher_fuses_as_released(runs: dict[str, Run], golden: Golden) -> None:
    assert_close(runs["teacher"].output.features[:, :40], golden["teacher/fused"])


def test_the_student_enhances_and_doubts_as_released(runs: dict[str, Run], golden: Golden) -> None:
    log_variance = runs["student"].output.log_variance
    assert log_variance is not None
    assert_close(runs["student"].output.features[:, :40], golden["student/features"])
    assert_close(log_variance[:, :40], golden["student/theta"])


@pytest.mark.parametrize("model", MODELS)
def test_every_loss_is_the_released_one(model: str, runs: dict[str, Run], golden: Golden) -> None:
    expected = {name for name in golden if name.startswith(f"{model}/loss_")}
    assert {f"{model}/{name}" for name in runs[model].losses} == expected
    for name, loss in runs[model].losses.items():
        assert_close(loss, golden[f"{model}/{name}"])


@pytest.mark.parametrize("model", MODELS)
def test_the_total_loss_has_the_released_gradient_in_every_parameter(
    model: str, runs: dict[str, Run], golden: Golden
) -> None:
    assert_same_norms(runs[model].gradient_norms, golden, f"{model}/grad_norm/")


def test_distillation_alone_has_the_released_gradient_in_every_parameter(runs: dict[str, Run], golden: Golden) -> None:
    assert_same_norms(runs["student"].distillation_gradient_norms, golden, "student/distillation_grad_norm/")


@pytest.mark.parametrize("model", MODELS)
def test_whole_videos_scored_in_windows_get_the_released_scores(
    model: str, runs: dict[str, Run], golden: Golden
) -> None:
    assert len(runs[model].scores) == len(golden["score_lengths"])
    for index, (anomaly, classes) in enumerate(runs[model].scores):
        assert_close(anomaly, golden[f"{model}/score/{index}/anomaly"])
        assert_close(classes, golden[f"{model}/score/{index}/classes"])
