"""``python -m tests.train.trajectory``: makes ``tests/golden/trajectories.json``, twelve steps of every model.

Run it again only where a change of training is meant, and say in the commit why the numbers moved.

Each model takes twelve steps in some epochs through the training loop, on a few random videos of 3 to 40 snippets.
What is stored is what it went through: every loss term of every step, and at the end every learned tensor's norm and
how far it moved (the norm of the difference), which tells a learning rate that is 1% off from one that is not. CLIP's
text tower has one layer here, of random weights; the golden values beside the file cover the whole of it.

The rates, weights and milestones are the published ones times a factor that makes 12 steps of four videos felt.
"""

import copy
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from extract.base.device import exact_arithmetic
from extract.datasets import DATA_SETS
from tests.shards import Made, make_shard
from tests.train.narrow_clip import narrow_clip
from train import loop
from train.baselines.interface import ReadsText
from train.checkpoint import Checkpoint
from train.learner import BaselineLearner, Learner, alignment_loss
from train.methods import METHODS
from train.model.prompts import LearnablePrompt
from train.networks import build_network
from train.released import PUBLISHED
from train.samples import Batch, Split, TrainingSamples
from train.settings import Architecture, Recipe

FILE = Path(__file__).parents[1] / "golden" / "trajectories.json"
SNIPPETS = 16
RATE = 10
EPOCHS = 4
LENGTHS = (3, 16, 40, 17, 9, 12)
Trajectory = dict[str, Any]
# They make so much of a rounding error that in single precision two kinds of processors part within twelve steps.
DOUBLE = ("fvai", "tpwng")

_TWELVE = {"epochs": EPOCHS, "selection": "last", "judge_every": 0}


def _published(model: str, dataset: str, separation: float = 1e3) -> tuple[Architecture, Recipe]:
    published = PUBLISHED[model, dataset]
    recipe = published.recipe
    few = 2 if recipe.sampling == "paired" else 4
    return (
        replace(published.architecture, max_snippets=SNIPPETS, window=min(published.architecture.window, SNIPPETS)),
        replace(
            recipe,
            **_TWELVE,
            batch=few,
            learning_rate=RATE * recipe.learning_rate,
            separation_weight=separation * recipe.separation_weight,
            distillation_weight=1e7 * recipe.distillation_weight,
        ),
    )


def _baseline(model: str, **settings: Any) -> tuple[Architecture, Recipe]:
    recipe = Recipe(**_TWELVE, batch=2, sampling="paired", optimiser="adam", learning_rate=1e-4, milestones=(3,))
    return Architecture(model, max_snippets=SNIPPETS), replace(recipe, **settings)


# Label set, architecture and recipe by name.
MODELS: dict[str, tuple[str, Architecture, Recipe]] = {
    "vadclip_xd": ("xd", *_published("vadclip", "xd")),
    "vadclip_ucf": ("ucf", *_published("vadclip", "ucf", separation=1)),
    "teacher": ("xd", *_published("teacher", "xd")),
    "student": ("xd", *_published("student", "xd")),
    # Forty million parameters of DSANet take too long here.
    **{
        model: ("xd", *_baseline(model))
        for model, method in METHODS.items()
        if method.is_baseline and "window" not in method.shape
    },
    "deep_mil": ("xd", *_baseline("deep_mil", optimiser="adagrad")),
    "ur_dmu": ("xd", *_baseline("ur_dmu", epochs=2, batch=1, milestones=(1,))),
    "macil_sd": ("xd", *_baseline("macil_sd", milestones=(), cosine_epochs=5)),
}


def trajectory(name: str, change: Callable[[Recipe], Recipe] = lambda recipe: recipe) -> Trajectory:
    """Train a model for twelve steps.

    Args:
        name: One of ``MODELS``.
        change: What is changed in its recipe.

    Returns:
        ``losses``, each term's value at every step, and ``norms`` and ``moved`` by the learned tensor's name.
    """
    dataset, architecture, recipe = MODELS[name]
    labels = DATA_SETS[dataset]
    losses: dict[str, list[float]] = {}
    step = loop.train_step

    def recorded(learner: Learner | BaselineLearner, batch: Batch, *arguments: Any) -> dict[str, Tensor]:
        found = step(learner, _doubled(batch) if name in DOUBLE else batch, *arguments)
        for term, loss in found.items():
            losses.setdefault(term, []).append(float(loss))
        return found

    before_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            exact_arithmetic(),
            patch.object(loop, "train_step", recorded),
            # What a killed run would resume from; some hundred MB an epoch.
            patch.object(loop, "_save"),
        ):
            codes = [labels.normal, *labels.model_codes[1:5]]
            kinds = ((codes[0],) if i % 2 else (codes[1 + i // 2],) for i in range(len(LENGTHS)))
            videos = [Made(f"v{i}", kind, length) for i, (kind, length) in enumerate(zip(kinds, LENGTHS, strict=True))]
            # Twelve samples: three steps an epoch of four of them, or of two and two.
            crops = (0, 1) if recipe.sampling == "shuffled" else (0, 1, 2)
            make_shard(Path(folder) / "train-00000.h5", videos[: 6 if len(crops) == 2 else 4], crops=crops)
            with Split(Path(folder), "train") as split:
                samples = TrainingSamples(split.entries, labels.model_codes, SNIPPETS)
                learner = new_learner(architecture, dataset)
                if name in DOUBLE:
                    # A copy, since learners share one text tower.
                    learner = copy.deepcopy(learner).double()
                first = learner.learned_state()
                loop.train(
                    learner,
                    samples,
                    change(recipe),
                    teacher=new_teacher() if architecture.model == "student" else None,
                    judge=None,
                    device=torch.device("cpu"),
                    partial=Path(folder) / "partial",
                    identity=name,
                    curves=Path(folder) / "curves",
                    label=name,
                )
    finally:
        torch.set_num_threads(before_threads)
    last = {tensor: value for tensor, value in learner.learned_state().items() if value.is_floating_point()}
    return {
        "losses": {term: [_rounded(value) for value in values] for term, values in losses.items()},
        "norms": {tensor: _rounded(float(value.norm())) for tensor, value in last.items()},
        "moved": {tensor: _rounded(float((value - first[tensor]).norm())) for tensor, value in last.items()},
    }


def main() -> None:
    """Write the fixture."""
    models = ",\n".join(f'"{name}": {json.dumps(trajectory(name))}' for name in MODELS)
    FILE.write_text(f'{{"made_by": "python -m tests.train.trajectory",\n{models}}}\n')


def new_learner(architecture: Architecture, dataset: str) -> Learner | BaselineLearner:
    # Before the seed, as it takes random numbers only where it is made.
    clip = None if architecture.method.is_baseline else narrow_clip()
    torch.manual_seed(7)
    network = build_network(architecture)
    labels = DATA_SETS[dataset]
    if architecture.method.is_baseline:
        if not isinstance(network, ReadsText):
            return BaselineLearner(network)
        clip = narrow_clip()
        # Whether the tower was there already has drawn from the generator, or not.
        torch.manual_seed(8)
        return BaselineLearner(network, network.text_side(clip, labels.prompts))
    return Learner(network, LearnablePrompt(clip, labels.prompts), alignment_loss(architecture, labels))


def _doubled(batch: Batch) -> Batch:
    return batch._replace(visual=batch.visual.double(), audio=batch.audio.double(), labels=batch.labels.double())


def new_teacher() -> Checkpoint:
    learner = new_learner(MODELS["teacher"][1], "xd").eval()
    with torch.no_grad():
        return Checkpoint(header=None, network=learner.network, text=learner.text(), sha256="")  # type: ignore[arg-type]


def _rounded(value: float) -> float:
    return float(f"{value:.7g}")


if __name__ == "__main__":
    main()
