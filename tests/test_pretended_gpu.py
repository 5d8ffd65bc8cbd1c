"""All that computes on a GPU, on one that is pretended: nothing made on the processor meets what is on the GPU."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from extract.datasets import DATA_SETS
from extract.encoders.clip import ClipImageEncoder
from extract.encoders.preprocessing import crop_frames
from extract.encoders.wav2clip import Wav2ClipEncoder, load_wav2clip
from extract.video_features import _uploaded
from tests.pretended_gpu import GPU, OnGpu, pretended_gpu
from tests.shards import Made, make_shard
from tests.train.narrow_clip import narrow_clip
from tests.train.trajectory import MODELS, new_learner, new_teacher
from train.baselines import dsanet, tpwng, ur_dmu
from train.loop import build_optimizer, train_step
from train.model import losses
from train.samples import Batch, Split, TrainingSamples
from train.scoring import VideoScores, score_videos
from train.settings import Architecture, Recipe

SNIPPETS = 16
LABELS = DATA_SETS["xd"]
ALL = MODELS | {
    "dsanet": ("xd", Architecture("dsanet", layers=1, window=SNIPPETS, max_snippets=SNIPPETS), Recipe(batch=4)),
    "dsanet_ucf": ("ucf", Architecture("dsanet_ucf", layers=1, window=8, max_snippets=SNIPPETS), Recipe(batch=4)),
}
# A normal and an abnormal half, as paired methods want them; longer and shorter than a window.
VIDEOS = [Made("a", ("A",), 3), Made("b", ("A",), 40), Made("c", ("B1",), 17), Made("d", ("B2",), 9)]
UCF = [Made("a", ("Normal",), 3), Made("b", ("Normal",), 40), Made("c", ("Abuse",), 17), Made("d", ("Arson",), 9)]


@pytest.mark.parametrize(
    "refused",
    [
        lambda x: x + torch.ones(2, 3),
        lambda x: x[torch.tensor([1])],
        lambda x: torch.cat([x, torch.ones(2, 3)]),
        lambda x: torch.gather(x, 1, torch.zeros(2, 1, dtype=torch.int64)),
        lambda x: nn.Linear(3, 3)(x),
        lambda x: x.numpy(),
        lambda x: torch.randn(2, device=x.device, generator=torch.Generator()),
    ],
)
def test_what_cuda_refuses_is_refused(refused: Callable[[Tensor], Tensor]) -> None:
    with pretended_gpu() as gpu, pytest.raises((RuntimeError, TypeError), match="device"):
        refused(torch.ones(2, 3, device=gpu))


def test_what_is_computed_there_stays_there_and_comes_back_by_a_copy() -> None:
    with pretended_gpu() as gpu:
        layer = nn.Linear(3, 2).to(gpu)
        there = layer(torch.arange(6.0).reshape(2, 3).to(gpu)) * torch.tensor(2.0)
        there.sum().backward()
        assert {there.device, layer.weight.device, layer.weight.grad.device, there[0].argmax().device} == {GPU}
        assert isinstance(layer.weight, nn.Parameter)
        back = there.detach().cpu()
        assert type(back) is Tensor
        assert back.device.type == "cpu"
        there.data[:1] = torch.zeros(1, 2)
        assert there[0].tolist() == [0, 0]
        assert back[0].tolist() != [0, 0]


def _step_and_scores(name: str, folder: Path, device: torch.device) -> tuple[dict[str, float], list[VideoScores]]:
    dataset, architecture, recipe = ALL[name]
    labels = DATA_SETS[dataset]
    make_shard(folder / "train-00000.h5", UCF if dataset == "ucf" else VIDEOS, dataset=dataset)
    # A copy, since learners share one text tower, which would move with the first.
    learner = copy.deepcopy(new_learner(architecture, dataset)).to(device).train()
    teacher = None
    if architecture.model == "student":
        teacher = new_teacher()
        teacher = replace(teacher, network=copy.deepcopy(teacher.network).to(device), text=teacher.text.to(device))
    optimizer = build_optimizer(learner, recipe)
    with Split(folder, "train") as split:
        samples = TrainingSamples(split.entries, labels.model_codes, SNIPPETS)
        batch: Batch = samples.batch(np.arange(len(VIDEOS)))
        torch.manual_seed(0)
        terms = train_step(learner, batch.to(device), recipe, optimizer, teacher)
        learner.eval()
        with torch.no_grad():
            text = learner.text()
            scores = [found for _, found in score_videos(learner.network, text, split.entries, 0, SNIPPETS)]
    assert {parameter.device for parameter in learner.parameters()} == {device}
    assert {value.device for value in terms.values()} == {device}
    return {term: float(value) for term, value in terms.items()}, scores


@pytest.fixture
def nothing_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what some would compute again for their gradients: that happens below the pretended GPU."""
    for method in (dsanet, tpwng, ur_dmu):
        monkeypatch.setattr(method, "checkpoint", lambda function, *arguments, **settings: function(*arguments))


@pytest.mark.usefixtures("nothing_computed_twice")
@pytest.mark.parametrize("name", ALL)
def test_a_training_step_and_a_scoring_pass_stay_on_the_gpu_and_give_the_processor_s_numbers(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "gpu").mkdir()
    expected, expected_scores = _step_and_scores(name, tmp_path / "cpu", torch.device("cpu"))
    with pretended_gpu() as gpu:
        found, scores = _step_and_scores(name, tmp_path / "gpu", gpu)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
    for ours, theirs in zip(scores, expected_scores, strict=True):
        np.testing.assert_allclose(ours.anomaly, theirs.anomaly, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(ours.classes, theirs.classes, rtol=1e-3, atol=1e-5)


def test_an_index_made_on_the_processor_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arange = torch.arange

    def on_the_processor(*arguments: int, device: torch.device | None = None, **others: Any) -> Tensor:
        return arange(*arguments, **others)

    monkeypatch.setattr(losses.torch, "arange", on_the_processor)
    with pretended_gpu() as gpu, pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        _step_and_scores("vadclip_xd", tmp_path, gpu)


def test_pictures_are_prepared_and_encoded_on_the_gpu() -> None:
    picture = torch.randint(0, 256, (90, 120, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = crop_frames(picture[None], (0, 5))
    with pretended_gpu() as gpu:
        frames = _uploaded(picture, gpu)[None]
        pictures = crop_frames(frames, (0, 5))
        assert pictures.device == GPU
        torch.testing.assert_close(pictures.cpu(), expected)
        shrunk = nn.functional.interpolate(pictures[0], size=(32, 32))
        features = ClipImageEncoder(narrow_clip(), batch=3, precision="fp32", device=gpu).encode(shrunk)
    assert type(features) is Tensor
    alone = ClipImageEncoder(narrow_clip(), batch=3, precision="fp32", device=torch.device("cpu"))
    torch.testing.assert_close(features, alone.encode(nn.functional.interpolate(expected[0], size=(32, 32))))


def test_sound_is_encoded_on_the_gpu() -> None:
    sound = np.random.default_rng(0).standard_normal(30_000).astype(np.float32)
    spans = np.array([[0, 10_000], [10_000, 20_000], [25_000, 35_000]])
    model = load_wav2clip("random:0")[0]
    expected = Wav2ClipEncoder(model, batch=2, precision="fp32", device=torch.device("cpu")).encode(sound, spans)
    with pretended_gpu() as gpu:
        encoder = Wav2ClipEncoder(load_wav2clip("random:0")[0], batch=2, precision="fp32", device=gpu)
        found = encoder.encode(sound, spans)
    assert any(isinstance(parameter, OnGpu) for parameter in encoder._model.parameters())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
