"""Reads a configuration: checks it once, spells out variants, and resolves what depends on the machine.

Every message names the file, the key and the fix.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from config import paths, rows, schema_problem
from config.classes import data_set_of
from config.configuration import Configuration, Encoder, Figure4, FrameLevel, Model, SoundStudy, Transfer
from config.schema_problem import did_you_mean
from evaluate.paper_tables import TABLES
from extract.base.decoders import DECODERS
from extract.base.errors import InputError
from extract.base.precision import AUTO, resolve
from extract.datasets import DATA_SETS, XD
from extract.image_models import ENCODER, ImageModel, find_model
from train.crops import ALL
from train.fields import schema_of
from train.methods import METHODS
from train.settings import Architecture, Recipe, as_settings, check_together, distils

SCHEMA = Path(__file__).parent / "schema.yaml"
REPORTED = Path(__file__).parents[1] / "evaluate/reported"
# Settings of a recipe that are not a model's own: the run, its control or another key gives them.
GIVEN_ELSEWHERE = ("selection", "measure", "labels", "seed")
ALWAYS_NEEDED = {"model", "max_snippets"}
NEEDED_WHERE_TAKEN = {"layers", "window"}
NEEDED_OF_A_RECIPE = ("epochs", "batch", "learning_rate")


class RefusedKeyError(Exception):
    """What is wrong with a key, beginning with the key."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")


def read(given: Mapping[str, Any], source: str) -> Configuration:
    """Turn a configuration into checked settings.

    Args:
        given: The YAML's content.
        source: The file, for messages.

    Raises:
        InputError: Naming file, key and what is wrong with it.
    """
    whole = copy.deepcopy(dict(given))
    try:
        _refuse(schema_problem.problem(whole, schema()))
        paths.at_home(whole)
        _spell_out_variants(whole["methods"])
        _check_companions(whole)
        _check_videos(whole)
        for name, method in whole["methods"].items():
            _check_method(whole, f"methods.{name}", method)
        _refuse(rows.problem(whole, REPORTED))
        _check_figure(whole)
        _check_sound_study(whole)
        _check_transfer(whole)
        encoder = _image_encoder(whole)
        automatic = _resolve_precisions(whole, encoder)
    except RefusedKeyError as refused:
        raise InputError(f"{source}: key {refused}") from None
    return _configuration(whole, source, automatic)


def schema() -> dict[str, Any]:
    """Give the schema of a configuration: ``schema.yaml``, and what the settings' own classes say."""
    whole: dict[str, Any] = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    whole["properties"]["dataset"]["enum"] = list(DATA_SETS)
    whole["$defs"]["image_encoder"]["properties"]["decoder"]["enum"] = list(DECODERS)
    (model,) = whole["properties"]["methods"]["patternProperties"].values()
    model["properties"]["rows"]["properties"] = {f"table{number}": {"type": "string"} for number in TABLES}
    learning = [one.name for one in fields(Recipe) if one.name not in GIVEN_ELSEWHERE]
    model["properties"]["architecture"] = schema_of(Architecture, [one.name for one in fields(Architecture)])
    model["properties"]["recipe"] = schema_of(Recipe, learning, {"precision": (AUTO,)})
    # An untrained network is a control, asked for by its file's name, or by the key untrained.
    model["properties"]["recipe"]["properties"]["epochs"]["minimum"] = 1
    return whole


def _refuse(problem: schema_problem.Problem | None) -> None:
    if problem is not None:
        raise RefusedKeyError(*problem)


def _spell_out_variants(methods: dict[str, Any]) -> None:
    """Replace every variant by the method that it is like, with what differs, and fill in published recipes."""
    for method in methods.values():
        known = METHODS.get(method.get("architecture", {}).get("model", ""))
        if known and known.recipe and "like" not in method:
            method["recipe"] = {**copy.deepcopy(dict(known.recipe)), **method.get("recipe", {})}
    whole = {name: method for name, method in methods.items() if "like" not in method}
    for name, method in methods.items():
        if "like" not in method:
            continue
        if "recipe" not in whole.get(method["like"], {}):
            reason = f"{method['like']!r} is no method that is trained and no variant itself"
            reason += did_you_mean(method["like"], whole)
            raise RefusedKeyError(f"methods.{name}.like", reason)
        methods[name] = _spelled_out(whole[method["like"]], method)


def _spelled_out(original: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    method = {**original, **variant}
    for part in ("architecture", "recipe"):
        method[part] = {**original[part], **variant.get(part, {})}
    if method["recipe"].get("distillation") == "none":
        method.pop("teacher", None)
    del method["like"]
    return method


def _check_companions(whole: dict[str, Any]) -> None:
    """Check which keys go with where the features come from, and with training."""
    _check_classes(whole)
    source = whole["features"]
    needed, idle = ["videos", "crops", "dtype", "visual"], ["released"]
    if source == "released":
        needed, idle = ["released"], [*needed, "audio"]
    for key in needed:
        if key not in whole:
            raise RefusedKeyError(key, f"is missing; features: {source} needs it")
    for key in idle:
        if key in whole:
            raise RefusedKeyError(key, f"has no meaning with features: {source}; remove it")
    methods = whole["methods"].items()
    by_chance = [name for name, method in methods if "chance" in method]
    trained = [name for name, method in methods if "checkpoint" not in method and name not in by_chance]
    for key in ("seeds", "selection"):
        if trained and key not in whole:
            raise RefusedKeyError(key, f"is missing; training methods.{trained[0]} needs it")
    for name in trained if "text_weights" not in whole else ():
        model = METHODS.get(whole["methods"][name].get("architecture", {}).get("model", ""))
        if model is None or model.reads_text:
            raise RefusedKeyError("text_weights", f"is missing; training methods.{name} needs it")
    if by_chance and "seeds" not in whole:
        raise RefusedKeyError("seeds", f"is missing; methods.{by_chance[0]}, by chance, needs it")


def _check_classes(whole: dict[str, Any]) -> None:
    """Check that the classes are those of one data set, built in or the user's own."""
    if "dataset" in whole and "classes" in whole:
        raise RefusedKeyError("classes", "your own classes stand in place of dataset; remove one of the two")
    if "dataset" not in whole and "classes" not in whole:
        raise RefusedKeyError("dataset", f"is missing; write one of {', '.join(DATA_SETS)}, or your own classes")
    try:
        data_set_of(whole)
    except InputError as error:
        raise RefusedKeyError("classes", str(error)) from None


def _check_videos(whole: dict[str, Any]) -> None:
    """Check that the videos are described as their data set comes."""
    data_set = data_set_of(whole)
    optional = {name for one in DATA_SETS.values() for name in one.optional_sources}
    for part in ("videos", "released"):
        known = {*data_set.sources, *data_set.optional_sources}
        for name in sorted(optional & set(whole.get(part, {})) - known):
            having = ", ".join(one.name for one in DATA_SETS.values() if name in one.optional_sources)
            raise RefusedKeyError(f"{part}.{name}", f"only {having} has such a file, not {data_set.name}; remove it")
    keys = set(whole.get("videos", {})) - set(data_set.optional_sources)
    if "classes" in whole and "list" not in keys:
        raise RefusedKeyError("videos", "own classes go with own videos; write videos: {videos: DIR, list: FILE}")
    if "generate" in keys and not data_set.generated:
        able = ", ".join(one.name for one in DATA_SETS.values() if one.generated)
        raise RefusedKeyError("videos.generate", f"no videos of {data_set.name} can be generated, only of {able}")
    if not keys or keys & {"generate", "list"}:
        return
    *first, last = needed = list(data_set.sources)
    if keys != set(needed):
        raise RefusedKeyError("videos", f"dataset {data_set.name} needs {', '.join(first)} and {last}")


def _check_figure(whole: dict[str, Any]) -> None:
    for name in whole.get("figure4", {}).get("methods", []):
        if name not in whole["methods"]:
            reason = f"{name!r} is no method of this configuration{did_you_mean(name, whole['methods'])}"
            raise RefusedKeyError("figure4.methods", reason)


def _check_sound_study(whole: dict[str, Any]) -> None:
    """Check that the study's methods can be trained on its data."""
    for name in whole.get("sound_study", {}).get("methods", []):
        if "recipe" not in whole["methods"].get(name, {}):
            reason = f"{name!r} is no method that this configuration trains{did_you_mean(name, whole['methods'])}"
            raise RefusedKeyError("sound_study.methods", reason)
        teacher = whole["methods"][name].get("teacher")
        if teacher and "recipe" not in whole["methods"][teacher]:
            raise RefusedKeyError("sound_study.methods", f"the teacher of {name!r} is not trained here")
    if "sound_study" in whole and whole.get("dataset") != XD.name:
        raise RefusedKeyError("sound_study", f"its simulated videos have the classes of dataset {XD.name}")
    if "sound_study" in whole and whole["selection"] == "released":
        raise RefusedKeyError("sound_study", "knows selection: last and validation alone")


def _check_transfer(whole: dict[str, Any]) -> None:
    """Check that the methods make checkpoints; the other configurations are read when the matrix is asked for."""
    for name in whole.get("transfer", {}).get("methods", []):
        if not {"recipe", "checkpoint"} & whole["methods"].get(name, {}).keys():
            reason = f"{name!r} is no method of this configuration that has a checkpoint"
            raise RefusedKeyError("transfer.methods", reason + did_you_mean(name, whole["methods"]))


def _check_method(whole: dict[str, Any], key: str, method: dict[str, Any]) -> None:
    """Check what a schema cannot say: keys that must fit one another."""
    if "chance" in method:
        idle = sorted(method.keys() - {"rows", "unreported", "modality", "chance"})
        if idle:
            raise RefusedKeyError(f"{key}.{idle[0]}", "has no meaning with chance: true; remove it")
        return
    if "crops" in whole and method["scoring_crop"] not in (*whole["crops"], ALL):
        raise RefusedKeyError(f"{key}.scoring_crop", f"{method['scoring_crop']} is not among crops {whole['crops']}")
    if "checkpoint" not in method:
        _check_trained(whole, key, method)
        return
    if "classes" in whole:
        raise RefusedKeyError(f"{key}.checkpoint", "an authors' checkpoint knows its own classes alone; train one")
    for name in ("teacher", "note", "untrained"):
        if name in method:
            raise RefusedKeyError(f"{key}.{name}", "a released checkpoint is not trained; remove it")


def _check_trained(whole: dict[str, Any], key: str, method: dict[str, Any]) -> None:
    given, learning = method["architecture"], method.get("recipe", {})
    _check_given(key, given, learning)
    with _prefixed(f"{key}.architecture."):
        architecture = Architecture(**given)
    window = method.get("scoring_window", 0)
    if window and ("window" not in architecture.method.shape or architecture.max_snippets % window):
        reason = f"must divide max_snippets ({architecture.max_snippets}) of a method that has a window"
        raise RefusedKeyError(f"{key}.scoring_window", reason)
    recipe = _recipe(whole, f"{key}.recipe.", architecture, learning)
    if architecture.reads_audio and whole["features"] != "released" and "audio" not in whole:
        reason = f"this {architecture.model} reads audio, but the key audio is missing"
        raise RefusedKeyError(f"{key}.architecture.model", reason)
    _check_teacher(whole, key, method, distils(architecture, recipe))


def _check_given(key: str, architecture: dict[str, Any], recipe: dict[str, Any]) -> None:
    """Check that all is given that a method needs, and nothing that it does not have."""
    if "model" not in architecture:
        raise RefusedKeyError(f"{key}.architecture", "'model' is missing")
    known = METHODS[architecture["model"]]
    needed = ALWAYS_NEEDED | (NEEDED_WHERE_TAKEN & set(known.shape))
    missing = sorted(needed - architecture.keys())
    if missing:
        raise RefusedKeyError(f"{key}.architecture", f"{missing[0]!r} is missing")
    strange = sorted(architecture.keys() - needed - set(known.shape) - ({"focal"} if known.focal else set()))
    if strange:
        raise RefusedKeyError(f"{key}.architecture.{strange[0]}", f"a {architecture['model']} has none; remove it")
    for name in NEEDED_OF_A_RECIPE:
        if name not in recipe:
            raise RefusedKeyError(f"{key}.recipe", f"{name!r} is missing")
    if not known.distilled and {"distillation", "distillation_weight"} & recipe.keys():
        reason = f"only a student is distilled, not a {architecture['model']}"
        raise RefusedKeyError(f"{key}.recipe.distillation", reason)


def _recipe(whole: dict[str, Any], prefix: str, architecture: Architecture, learning: dict[str, Any]) -> Recipe:
    given = as_settings(learning) | {"selection": whole["selection"]}
    if given.get("precision") == AUTO:
        del given["precision"]
    with _prefixed(prefix):
        recipe = Recipe(**given)
        check_together(architecture, recipe)
    return recipe


def _check_teacher(whole: dict[str, Any], key: str, method: dict[str, Any], is_distilled: bool) -> None:
    teacher = method.get("teacher")
    if is_distilled != (teacher is not None):
        reason = "a distilled student needs the name of its teacher's method, and no other model one"
        raise RefusedKeyError(f"{key}.teacher", reason)
    # Which model a released checkpoint holds is seen when it is read.
    of_teacher = whole["methods"].get(teacher, {})
    model = METHODS.get(of_teacher.get("architecture", {}).get("model", ""))
    if teacher is not None and "checkpoint" not in of_teacher and not (model and model.teaches):
        others = whole["methods"].keys() - {teacher}
        reason = f"{teacher!r} is no method whose model is teacher{did_you_mean(teacher, others)}"
        raise RefusedKeyError(f"{key}.teacher", reason)


@contextmanager
def _prefixed(prefix: str) -> Iterator[None]:
    """Name the place of a setting whose class refused it; its message begins with its name."""
    try:
        yield
    except InputError as error:
        name, _, reason = str(error).partition(": ")
        raise RefusedKeyError(f"{prefix}{name}", reason) from None


def _image_encoder(whole: dict[str, Any]) -> ImageModel:
    try:
        return find_model(whole.get("visual", {}).get("encoder", ENCODER))
    except InputError as error:
        raise RefusedKeyError("visual.encoder", str(error)) from None


def _resolve_precisions(whole: dict[str, Any], encoder: ImageModel) -> tuple[str, ...]:
    """Replace every ``precision: auto`` by what this machine computes, so that all files of a run state and have one.

    Returns:
        The keys that said so.
    """
    seen = {} if encoder.is_transformer else {"on_cpu": "fp32"}
    streams: dict[str, dict[str, str]] = {"visual": seen, "audio": {"on_cpu": "fp32"}}
    places = [(f"{stream}.precision", whole[stream], limits) for stream, limits in streams.items() if stream in whole]
    for name, method in whole["methods"].items():
        if "recipe" in method:
            best = METHODS[method["architecture"]["model"]].precisions[-1]
            places.append((f"methods.{name}.recipe.precision", method["recipe"], {"on_cpu": best, "on_gpu": best}))
    automatic = [(key, place, limits) for key, place, limits in places if place.get("precision") == AUTO]
    for _, place, limits in automatic:
        place["precision"] = resolve(AUTO, whole["device"], **limits)
    return tuple(key for key, _, _ in automatic)


def _configuration(whole: dict[str, Any], source: str, automatic: tuple[str, ...]) -> Configuration:
    """Build the settings from a checked mapping."""
    figure4, study, transfer = (whole.get(key) for key in ("figure4", "sound_study", "transfer"))
    seeds = tuple(whole.get("seeds", ()))
    return Configuration(
        name=whole["name"],
        source=source,
        data_set=data_set_of(whole),
        note=whole["note"],
        videos=whole.get("videos", {}),
        released=whole.get("released", {}),
        stride=whole["stride"],
        crops=tuple(whole.get("crops", ())),
        dtype=whole.get("dtype", ""),
        shards=whole["shards"],
        max_failures=whole["max_failures"],
        device=whole["device"],
        visual=Encoder(**whole["visual"]) if "visual" in whole else None,
        audio=Encoder(**whole["audio"]) if "audio" in whole else None,
        text_weights=whole.get("text_weights", ""),
        seeds=seeds,
        learning_seeds=tuple(whole.get("learning_seeds", seeds)),
        selection=whole.get("selection", ""),
        train_threads=whole["train_threads"],
        models={name: _model(name, method) for name, method in whole["methods"].items()},
        figure4=Figure4(**as_settings(figure4)) if figure4 else None,
        sound_study=SoundStudy(**as_settings(study)) if study else None,
        transfer=Transfer(**as_settings(transfer)) if transfer else None,
        frame_level=FrameLevel(**whole["frame_level"]),
        cut_videos=whole.get("cut_videos", ""),
        automatic=automatic,
        whole=whole,
    )


def _model(name: str, method: dict[str, Any]) -> Model:
    rows = {int(table.removeprefix("table")): row for table, row in method["rows"].items()}
    return Model(**{**method, "name": name, "rows": rows})
