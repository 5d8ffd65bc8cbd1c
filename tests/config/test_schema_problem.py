"""Keys and values that the schema does not have, and what to write instead."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from config.reading import schema
from config.schema_problem import problem
from tests.workflow.project import ROOT

SCHEMA = schema()


def found(change: Callable[[Any], object], base: str = "demo") -> str:
    settings = yaml.safe_load((ROOT / f"config/{base}.yaml").read_text(encoding="utf-8"))
    assert problem(settings, SCHEMA) is None
    change(settings)
    result = problem(settings, SCHEMA)
    assert result is not None
    return f"key {result[0]}: {result[1]}"


def renamed(old: str, new: str, *path: str) -> Callable[[Any], object]:
    def change(settings: Any) -> None:
        for key in path:
            settings = settings[key]
        settings[new] = settings.pop(old)

    return change


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("max_failures", "max_failure", ()),
        ("stride", "Stride", ()),
        ("epochs", "epoch", ("methods", "teacher", "recipe")),
        ("scoring_crop", "scoring-crop", ("methods", "teacher")),
        ("architecture", "architekture", ("methods", "teacher")),
        ("table1", "tabel1", ("methods", "teacher", "rows")),
        ("weights", "weigths", ("visual",)),
        ("videos", "video", ("figure4",)),
    ],
)
def test_a_misspelt_key_is_named_with_the_one_that_is_meant(old: str, new: str, path: tuple[str, ...]) -> None:
    message = found(renamed(old, new, *path))
    assert f"'{new}' was unexpected); did you mean {old}?" in message
    assert message.startswith(f"key {'.'.join(path) or '(top level)'}: ")


@pytest.mark.parametrize(("base", "old", "new"), [("config", "test", "tests"), ("ucf", "videos", "video")])
def test_of_several_forms_the_one_is_meant_that_fits_best(base: str, old: str, new: str) -> None:
    assert f"did you mean {old}?" in found(renamed(old, new, "videos"), base)


def test_a_misspelt_choice_is_named_with_the_one_that_is_meant() -> None:
    assert "did you mean last?" in found(lambda settings: settings.update(selection="Last"))


def test_a_key_that_is_near_none_is_named_with_those_that_there_are() -> None:
    message = found(lambda settings: settings.update(colour=1))
    assert "did you mean" not in message
    assert "there are name, dataset, classes, features" in message


@pytest.mark.parametrize(
    ("stride", "remedy"), [(16.0, "write 16"), ("16", "write 16"), ("1.6e1", "write 16"), (16.5, ""), (True, "")]
)
def test_a_whole_number_is_written_without_a_point(stride: object, remedy: str) -> None:
    message = found(lambda settings: settings.update(stride=stride))
    assert message.startswith("key stride: ")
    assert f"is not of type 'integer'{'; ' if remedy else ''}{remedy} (" in message


@pytest.mark.parametrize(
    ("text", "remedy"), [("1e-4", "1.0e-4"), ("2.5E-5", None), ("5e4", "5.0e+4"), ("0.1", "0.1 without quotes")]
)
def test_a_number_with_a_power_is_written_so_that_yaml_takes_it_for_one(text: str, remedy: str | None) -> None:
    value = yaml.safe_load(f"'{text}'") if text == "0.1" else yaml.safe_load(text)
    if remedy is None:
        assert isinstance(value, float)
        return
    message = found(lambda settings: settings["methods"]["teacher"]["recipe"].update(learning_rate=value))
    assert f"key methods.teacher.recipe.learning_rate: '{text}' is not of type 'number'; write {remedy}" in message
    assert yaml.safe_load(remedy.split()[0]) == float(text)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_is_none(value: float) -> None:
    message = found(lambda settings: settings["methods"]["teacher"]["recipe"].update(weight_decay=value))
    assert "key methods.teacher.recipe.weight_decay: " in message
    assert "no finite number" in message


@pytest.mark.parametrize("value", [None, 12, False])
def test_text_that_yaml_takes_for_something_else_needs_quotes(value: object) -> None:
    assert "is not of type 'string'; put it in quotes" in found(lambda settings: settings.update(note=value))


def test_a_key_that_yaml_takes_for_a_number_needs_quotes() -> None:
    assert "key methods.1: 1 is no text" in found(renamed("vadclip", 1, "methods"))  # type: ignore[arg-type]
