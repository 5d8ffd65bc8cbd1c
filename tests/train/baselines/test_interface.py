"""What the training loop does for the methods that ask for more than losses."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.shards import Made, make_shard
from train.baselines.cupl import CUPL
from train.baselines.interface import OwnOptimiser, Phased, ReadsText
from train.learner import BaselineLearner, checkpoint_tensors
from train.loop import train
from train.model.branches import Output
from train.optimisers import Several, StableAdamW, recipe_optimiser
from train.samples import Batch, Split, TrainingSamples
from train.selection import Judge
from train.settings import Recipe

RECIPE = Recipe(epochs=4, batch=2, learning_rate=1e-2, milestones=(), sampling="paired", optimiser="adam", seed=5)


class TextSide(nn.Module):
    """Texts on top of a frozen part."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 512).requires_grad_(False)
        self.vectors = nn.Parameter(torch.randn(2, 3))

    def forward(self) -> Tensor:
        texts: Tensor = self.encoder(self.vectors)
        return texts


class Reader(nn.Module):
    """Reads texts, and brings an optimiser whose rate follows the steps."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(512))
        self.planned = 0

    def text_side(self, clip: object, prompts: Sequence[str]) -> nn.Module:
        return TextSide()

    def optimiser(
        self, text_side: Sequence[nn.Parameter], recipe: Recipe, steps_an_epoch: int
    ) -> torch.optim.Optimizer:
        self.planned = steps_an_epoch * recipe.epochs
        own = StableAdamW([self.shift], learning_rate=0.01, weight_decay=0.1, warm_up=2, steps=self.planned)
        return Several([recipe_optimiser([{"params": [*text_side]}], recipe), own])

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        class_logits = (visual + self.shift) @ text.T / 512
        return Output(class_logits[..., 1], class_logits, visual, None)

    def losses(self, batch: Batch, text: Tensor) -> dict[str, Tensor]:
        loss = (self(*batch[:3], text).class_logits.mean(dim=1) - batch.labels[:, :2]).square().mean()
        return {"total": loss}


@pytest.fixture
def samples(tmp_path: Path) -> Iterator[TrainingSamples]:
    made = [Made(f"v{i}", ("A",) if i % 2 else ("B1",), 6, offset=0.0 if i % 2 else 0.5) for i in range(8)]
    make_shard(tmp_path / "train-00000.h5", made)
    with Split(tmp_path, "train") as split:
        yield TrainingSamples(split.entries, ("A", "B1"), 8)


def reader(seed: int) -> BaselineLearner:
    torch.manual_seed(0)
    frozen = TextSide().encoder
    torch.manual_seed(seed)
    network = Reader()
    learner = BaselineLearner(network, network.text_side(None, ()))
    learner.prompt.encoder = frozen
    return learner


def cupl(seed: int) -> BaselineLearner:
    torch.manual_seed(seed)
    return BaselineLearner(CUPL())


def run(learner: BaselineLearner, samples: TrainingSamples, folder: Path, judge: Judge | None = None) -> None:
    train(
        learner,
        samples,
        RECIPE,
        teacher=None,
        judge=judge,
        device=torch.device("cpu"),
        partial=folder / "partial",
        identity="x",
        curves=folder / "curves",
        label="test",
    )


def test_methods_are_asked_for_what_they_have() -> None:
    assert isinstance(Reader(), ReadsText)
    assert isinstance(Reader(), OwnOptimiser)
    assert not isinstance(Reader(), Phased)
    assert isinstance(CUPL(4, 4), Phased)
    assert not isinstance(CUPL(4, 4), ReadsText)


@pytest.mark.parametrize("build", [reader, cupl])
@pytest.mark.parametrize("finished", [1, 2])
def test_a_killed_run_resumes_its_texts_its_phase_and_the_rates_that_follow_the_steps(
    build: Callable[[int], BaselineLearner], finished: int, samples: TrainingSamples, tmp_path: Path
) -> None:
    undisturbed, resumed = build(1), build(99)
    run(undisturbed, samples, tmp_path / "a")
    judged = []

    def killed(network: nn.Module, text: Tensor) -> float:
        judged.append(text)
        if len(judged) > finished:
            raise KeyboardInterrupt
        return float(len(judged))

    with pytest.raises(KeyboardInterrupt):
        run(build(1), samples, tmp_path / "b", killed)
    run(resumed, samples, tmp_path / "b")
    ours, theirs = undisturbed.learned_state(), resumed.learned_state()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_frozen_part_of_the_texts_is_neither_learned_nor_saved(samples: TrainingSamples, tmp_path: Path) -> None:
    learner = reader(1)
    frozen, before = learner.prompt.encoder.weight.clone(), learner.learned_state()
    run(learner, samples, tmp_path)
    assert torch.equal(learner.prompt.encoder.weight, frozen)
    tensors = checkpoint_tensors(learner)
    assert set(tensors) == {"network.shift", "prompt.vectors", "text"}
    assert tensors["text"].shape == (2, 512)
    assert not any(torch.equal(tensors[name], before[name]) for name in before)
    assert learner.network.planned == 8  # two steps an epoch


def test_a_state_without_a_learned_weight_is_refused() -> None:
    learner = reader(1)
    state = learner.learned_state()
    del state["prompt.vectors"]
    with pytest.raises(ValueError, match="prompt.vectors"):
        learner.set_learned_state(state)
