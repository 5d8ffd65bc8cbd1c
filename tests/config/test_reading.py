"""What a person reads whose configuration cannot be run, and what is made of one that can."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.configuration import Configuration
from config.reading import read
from config.report import for_captions
from config.spelling import (
    catalog_command,
    each_class,
    embedding,
    no_such_table,
    streams_to_align,
    training,
)
from extract.base.errors import InputError
from tests.machine import QUICK
from tests.workflow.project import ROOT

CONFIGURATIONS = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.name != "schema.yaml")


def content(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def configured(change: dict[str, object], base: str = "demo") -> Configuration:
    """Read configuration ``base`` with other top-level keys; ``None`` leaves one out."""
    changed = content(base) | change
    if "methods" in change:
        changed.pop("sound_study", None)  # it trains the methods that were there
    return read({key: value for key, value in changed.items() if value is not None}, "config/mine.yaml")


def refusal(change: dict[str, object], base: str = "demo") -> str:
    """Give the one line with which a configuration is refused."""
    with pytest.raises(InputError) as refused:
        configured(change, base)
    message = str(refused.value)
    assert message.startswith("config/mine.yaml: key ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": "sixteen"}, "key stride: 'sixteen' is not of type 'integer'"),
        ({"strid": 16}, "'strid' was unexpected"),
        ({"dataset": "nwpu"}, "key dataset: 'nwpu' is not one of ['xd', 'cctv', 'ucf', "),
        ({"dataset": "msad"}, "key videos.generate: no videos of msad can be generated, only of xd, cctv, ucf"),
        ({"crops": [0, 10]}, "key crops.1: 10 is greater than the maximum of 9"),
        ({"selection": "best"}, "key selection: 'best' is not one of"),
        ({"name": "../demo"}, "key name: '../demo' does not match"),
        ({"name": "a b; rm -rf c"}, "key name: 'a b; rm -rf c' does not match"),
        ({"name": None}, "'name' is a required property"),
        ({"crops": [5]}, "key methods.vadclip.scoring_crop: 0 is not among crops [5]"),
        ({"methods": {}}, "key methods: "),
        (
            {"visual": content("demo")["visual"] | {"encoder": "MobileClip-S1"}},
            "key visual.encoder: encoder 'MobileClip-S1': open_clip has no model of this name; nearest are",
        ),
        ({"audio": content("demo")["audio"] | {"encoder": "ViT-B-16"}}, "key audio: "),
        (
            {"transfer": {"configurations": ["config/ucf_demo.yaml"], "methods": ["vadclap"]}},
            "key transfer.methods: 'vadclap' is no method of this configuration that has a checkpoint; did you mean",
        ),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, object], message: str) -> None:
    assert message in refusal(change)


@pytest.mark.parametrize(
    ("base", "change", "message"),
    [
        ("demo", {"videos": None}, "key videos: is missing; features: recomputed needs it"),
        ("demo", {"released": {"root": "a", "train": "b", "test": "c", "annotations": "d"}}, "key released: has no"),
        ("xd_released", {"crops": [0]}, "key crops: has no meaning with features: released"),
        (
            "cctv",
            {"videos": {"train": "a", "test": "b", "annotations": "c", "frame_annotations": "d"}},
            "key videos.frame_annotations: only xd has such a file, not cctv; remove it",
        ),
        ("demo", {"seeds": None}, "key seeds: is missing; training methods.vadclip needs it"),
        ("demo", {"audio": None}, "key methods.teacher.architecture.model: this teacher reads audio"),
        ("ucf", {"videos": {"train": "a", "test": "b", "annotations": "c"}}, "key videos: dataset ucf needs videos,"),
        ("cctv", {"dataset": "ucf"}, "key videos: dataset ucf needs videos, train, test and annotations"),
        (
            "ucf_demo",
            {"selection": "last"},
            "methods.vadclip.recipe.judge_every: 2 judges within an epoch, which only",
        ),
    ],
)
def test_keys_that_do_not_go_together_are_named(base: str, change: dict[str, object], message: str) -> None:
    assert message in refusal(change, base)


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("vadclip", {"architecture": {"fusion": "addition"}}, "vadclip.architecture.fusion: a vadclip has none"),
        ("vadclip", {"architecture": {"window": 5}}, "vadclip.architecture.window: 5 must divide max_snippets (8)"),
        ("teacher", {"architecture": {"stream": "audio"}}, "teacher.architecture.stream: a teacher has none"),
        ("teacher", {"scoring_window": 6}, "key methods.teacher.scoring_window: must divide max_snippets (8)"),
        ("teacher", {"recipe": {"distillation": "mse"}}, "only a student is distilled, not a teacher"),
        ("teacher", {"recipe": {"learning_rate": 0}}, "key methods.teacher.recipe.learning_rate: 0 is less than or"),
        ("student", {"recipe": {"distillation": "none"}}, "student.teacher: a distilled student needs"),
        ("student", {"architecture": {"fusion": "none"}}, "student.architecture.fusion: a student has none"),
        ("student", {"teacher": "vadclip"}, "key methods.student.teacher: 'vadclip' is no method whose model is teach"),
        ("addition", {"like": "fused"}, "addition.like: 'fused' is no method that is trained and no variant"),
        ("addition", {"architecture": {"fusion": "late"}}, "'late' is not one of"),
    ],
)
def test_an_impossible_method_is_refused(method: str, change: dict[str, object], message: str) -> None:
    methods = content("demo")["methods"]
    for key, value in change.items():
        methods[method][key] = methods[method].get(key, {}) | value if isinstance(value, dict) else value
    assert message in refusal({"methods": methods})


def baseline(model: str, recipe: dict[str, object]) -> dict[str, object]:
    method = {
        "rows": {"table1": "Row"},
        "unreported": True,
        "modality": "RGB(ViT)+Audio",
        "scoring_crop": 0,
        "architecture": {"model": model, "max_snippets": 64},
        "recipe": recipe,
    }
    return {"methods": {model: method}, "figure4": None}


@pytest.mark.parametrize(
    ("model", "recipe", "message"),
    [
        ("rtfm", {"precision": "bf16"}, "recipe.precision: bf16 is not for rtfm, which knows fp32 alone"),
        ("macil_sd", {"milestones": [3]}, "recipe.cosine_epochs: 60 excludes milestones; leave the list of them empty"),
        ("macil_sd", {"cosine_epochs": 3}, "recipe.cosine_epochs: 3 must not be below epochs (50), or the learning"),
        ("macil_sd", {"judge_every": 2}, "recipe.judge_every: macil_sd mixes its two networks at the end of an epoch"),
        ("rtfm", {"epochs": 0}, "recipe.epochs: 0 is less than the minimum of 1"),
    ],
)
def test_a_recipe_that_a_method_cannot_be_trained_by_is_refused(
    model: str, recipe: dict[str, object], message: str
) -> None:
    assert f"key methods.{model}.{message}" in refusal(baseline(model, recipe) | {"selection": "released"})


def test_a_method_of_other_authors_comes_with_its_published_recipe() -> None:
    given = configured(baseline("rtfm", {"epochs": 7}))
    words = training(given, "rtfm", "trained", {})
    # Tian et al. 2021 as released: Adam, 1e-3, weight decay 5e-3, 32 normal and 32 abnormal videos a step.
    for flag in ("--epochs 7", "--batch 32", "--learning-rate 0.001", "--weight-decay 0.005", "--sampling paired"):
        assert flag in words


def test_the_released_recipe_of_cctv_s_teacher_differs_from_the_sound_one_as_its_code_does() -> None:
    given = configured({}, "cctv")
    released, sound = (f"{training(given, name, 'trained', {})} " for name in ("teacher_released", "teacher"))
    assert "--epochs 1 " in released
    assert "--scoring-window 64 --scoring-classes dataset" in released
    assert "--epochs 10 " in sound
    assert "--scoring-window" not in sound
    assert "--window 4 " in released
    assert "--window 4 " in sound
    assert "--branch" not in released


def test_a_variant_is_spelled_out_and_leaves_its_original_alone() -> None:
    models = configured({}).models
    assert models["addition"].architecture == models["teacher"].architecture | {"fusion": "addition"}
    assert "fusion" not in models["teacher"].architecture
    assert models["audio_undistilled"].teacher is None
    assert models["audio_distilled"].teacher == "teacher"


def test_auto_is_resolved_where_the_configuration_is_read() -> None:
    given = configured({})
    assert given.automatic == ("visual.precision",)
    assert given.visual is not None
    assert given.visual.precision == QUICK


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_every_configuration_that_comes_with_the_project_can_be_read(path: Path) -> None:
    given = read(content(path.stem), str(path))
    for encoder in filter(None, (given.visual, given.audio)):
        # A decoding process for each thread.
        assert encoder.workers == encoder.threads


def test_reading_changes_nothing_of_what_was_given() -> None:
    given = content("demo")
    read(given, "config/demo.yaml")
    assert given == content("demo")


def test_a_table_that_is_not_made_says_why_and_which_are() -> None:
    ucf = configured({}, "ucf_demo")
    assert no_such_table(ucf, "ucf_demo", "table2") == (
        "results/ucf_demo_table2.csv: the paper has no table 2 of data set ucf, which needs segments with classes; "
        "configuration 'ucf_demo' makes results/ucf_demo_table1.csv."
    )
    alone = configured({"methods": {"vadclip": content("demo")["methods"]["vadclip"]}, "figure4": None})
    assert no_such_table(alone, "demo", "table5") == (
        "results/demo_table5.csv: no method of configuration 'demo' has a row in table 5; it makes "
        "results/demo_table1.csv, results/demo_table2.csv."
    )


def test_a_table_of_no_configuration_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "no file config/*.yaml has the name 'mine'" in no_such_table(configured({}), "mine", "table1")
    # One whose name begins like another's is still told apart.
    assert "no file config/*.yaml has the name 'xd_small'" in no_such_table(configured({}), "xd_small", "table1")


def test_an_encoder_is_named_to_the_step_that_embeds_only_where_it_is_not_the_papers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("extract.base.precision.processor_computes_bf16", lambda: True)
    visual = content("demo")["visual"]
    papers = {key: value for key, value in visual.items() if key != "encoder"}
    assert "--encoder" not in embedding(configured({"visual": papers}), "visual")
    named = configured({"visual": visual | {"encoder": "ViT-L-14/openai"}})
    assert "--encoder ViT-L-14/openai --weights" in embedding(named, "visual")
    assert "--encoder" not in embedding(named, "audio")
    # What convolves is not computed in bf16 on a processor.
    convolving = configured({"visual": visual | {"encoder": "MobileCLIP-S1"}})
    assert (named.visual.precision, convolving.visual.precision) == ("bf16", "fp32")


def test_a_decoder_is_named_to_the_step_that_embeds_only_where_it_is_not_the_usual_one() -> None:
    visual = content("demo")["visual"]
    usual = embedding(configured({}), "visual")
    assert embedding(configured({"visual": visual | {"decoder": "libav"}}), "visual") == usual
    assert "--decoder decord" in embedding(configured({"visual": visual | {"decoder": "decord"}}), "visual")
    message = refusal({"visual": visual | {"decoder": "opencv"}})
    assert "key visual.decoder: 'opencv' is not one of ['libav', 'decord']" in message


def test_methods_that_stand_in_no_table_are_trained_for_the_sound_study_alone() -> None:
    configuration = configured({})
    study = configuration.sound_study
    assert study is not None
    assert all(not configuration.models[name].rows for name in study.methods)
    assert {name for _, _, name, _ in configuration.sound_study_runs()} == set(study.methods)
    assert not set(study.methods) & {name for table in configuration.tables for name in configuration.models_in(table)}
    assert not set(study.methods) & {name for name, _, _ in configuration.scores_of_controls()}


OWN = {"dataset": None, "videos": {"videos": "data", "list": "list.csv"}, "figure4": None, "sound_study": None}
CLASSES = {"normal": "normal", "Sturz": "ein Mensch stürzt"}


def test_classes_of_one_s_own_stand_in_place_of_a_data_set() -> None:
    configuration = configured(OWN | {"classes": CLASSES})
    assert configuration.data_set.codes == ("normal", "Sturz")
    assert configuration.tables == [1, 2, 4, 5, 6]
    assert catalog_command(configuration).endswith("--list list.csv --classes work/demo/codes.yaml")
    assert each_class(configuration, "classes") == "--class normal normal --class Sturz 'ein Mensch stürzt'"
    assert streams_to_align(configuration)["classes"] == "work/demo/classes.yaml"
    assert "classes" not in streams_to_align(configured({}))
    assert for_captions(configuration)["dataset"] == "own"


def test_another_prompt_changes_nothing_that_a_catalog_is_made_of_but_another_code_does() -> None:
    before, prompt, code = (
        configured(OWN | {"classes": classes})
        for classes in (CLASSES, CLASSES | {"Sturz": "a person falling"}, {"normal": "normal", "fall": "falling"})
    )
    assert catalog_command(before) == catalog_command(prompt)
    assert each_class(before, "codes") == each_class(prompt, "codes") != each_class(code, "codes")
    assert each_class(before, "classes") != each_class(prompt, "classes")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": CLASSES, "dataset": "xd"}, "key classes: your own classes stand in place of dataset"),
        ({}, "key dataset: is missing; write one of xd,"),
        ({"classes": {"normal": "normal"}}, "key classes: "),
        (
            {"classes": {"normal": "normal", "Normal": "calm"}},
            "key classes: class 'Normal': 'Normal' cannot be told from",
        ),
        ({"classes": {"normal": "normal", "a-b": "calm"}}, "key classes: class 'a-b': files and HDF5 groups"),
        ({"classes": {"normal": "normal", "fall": 7}}, "key classes.fall: 7 is not of type 'string'; put it in quotes"),
        (
            {"classes": {"normal": "normal", False: "fire"}},
            "key classes.False: False is no text; put the key in quotes",
        ),
        (
            {"classes": CLASSES, "videos": {"generate": {"train": 8, "test": 8, "seed": 0}}},
            "key videos: own classes go",
        ),
    ],
)
def test_classes_that_cannot_be_used_are_named(change: dict[str, object], message: str) -> None:
    assert message in refusal(OWN | change)
