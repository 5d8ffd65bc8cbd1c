"""Twelve steps of every model go where they went when they went where the released implementations go."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.train.trajectory import FILE, MODELS, Trajectory, trajectory
from train.settings import Recipe

STORED: dict[str, Trajectory] = json.loads(FILE.read_text())
# Relative. With AVX2 alone and with AVX-512 the models differ by less than a quarter of these.
TOLERANCES = {"losses": 1e-4, "norms": 1e-4, "moved": 1e-3}
# Of a bias that changes nothing (before a softmax or a normalisation): rounding alone decides how far it moves.
STANDING = 5e-5
# Of a loss that is almost none, of the order of rounding in what it is computed from.
LITTLE = 2e-6


def differences(stored: Trajectory, found: Trajectory) -> Iterator[str]:
    for kind, tolerance in TOLERANCES.items():
        assert stored[kind].keys() == found[kind].keys()
        for name, value in stored[kind].items():
            pair = (value, found[kind][name]) if kind == "losses" else ([value], [found[kind][name]])
            floor = {"losses": LITTLE, "norms": STANDING, "moved": STANDING}[kind]
            for step, (before, now) in enumerate(zip(*pair, strict=True)):
                if not abs(now - before) <= tolerance * abs(before) + floor:
                    yield f"{kind} {name} [{step}]: {before} -> {now}"


@pytest.mark.parametrize("name", MODELS)
def test_twelve_steps_go_where_they_went(name: str) -> None:
    assert list(differences(STORED[name], trajectory(name))) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vadclip_xd", lambda recipe: replace(recipe, learning_rate=1.01 * recipe.learning_rate)),
        ("vadclip_xd", lambda recipe: replace(recipe, separation_weight=1.01 * recipe.separation_weight)),
        ("vadclip_xd", lambda recipe: replace(recipe, milestones=(4,))),
        ("student", lambda recipe: replace(recipe, distillation_weight=1.01 * recipe.distillation_weight)),
        ("deep_mil", lambda recipe: replace(recipe, learning_rate=1.01 * recipe.learning_rate)),
        ("macil_sd", lambda recipe: replace(recipe, cosine_epochs=6)),
    ],
)
def test_a_recipe_that_is_a_little_off_goes_elsewhere(name: str, change: Callable[[Recipe], Recipe]) -> None:
    assert list(differences(STORED[name], trajectory(name, change)))
