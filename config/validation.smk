# The configuration is checked once, here; every message names the key.
import sys

import jsonschema
import yaml


def refuse(key, reason):
    """End with one line that names the configuration file, the key and what is wrong."""
    sys.exit(
        f"{', '.join(map(str, workflow.configfiles)) or 'configuration'}: key {key}: {reason}"
    )


def check_against_schema(settings):
    """Hold the configuration to config/schema.yaml."""
    with open(workflow.source_path("schema.yaml"), encoding="utf-8") as file:
        schema = yaml.safe_load(file)
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(settings)
    )
    if error is not None:
        described = error.schema.get("description")
        refuse(
            ".".join(map(str, error.absolute_path)) or "(top level)",
            f"{error.message}{f' ({described})' if described else ''}",
        )


def check_companions(settings):
    """Check which keys go with where the features come from, and with training."""
    source = settings["features"]
    needed, idle = ["videos", "crops", "dtype", "visual"], ["released"]
    if source == "released":
        needed, idle = ["released"], [*needed, "audio"]
    for key in needed:
        if key not in settings:
            refuse(key, f"is missing; features: {source} needs it")
    for key in idle:
        if key in settings:
            refuse(key, f"has no meaning with features: {source}; remove it")
    trained = [
        name for name, method in settings["methods"].items() if "recipe" in method
    ]
    for key in ("text_weights", "seeds", "selection"):
        if trained and key not in settings:
            refuse(key, f"is missing; training methods.{trained[0]} needs it")


def check_videos(settings):
    """Check that the videos are described as their data set comes."""
    keys = set(settings.get("videos", {}))
    if not keys or keys & {"generate", "list"}:
        return
    if ("videos" in keys) != (settings["dataset"] == "ucf"):
        refuse(
            "videos",
            f"dataset {settings['dataset']} needs "
            + (
                "videos, train, test and annotations"
                if settings["dataset"] == "ucf"
                else "train, test and annotations"
            ),
        )


def source_is_released(settings):
    """Whether the features are the authors'."""
    return settings["features"] == "released"


def check_methods(settings):
    """Check what a schema cannot say: keys that must fit one another."""
    for name, method in settings["methods"].items():
        key = f"methods.{name}"
        if "crops" in settings and method["scoring_crop"] not in settings["crops"]:
            refuse(
                f"{key}.scoring_crop",
                f"{method['scoring_crop']} is not among crops {settings['crops']}",
            )
        if "recipe" in method:
            check_trained(settings, key, method)
        elif "teacher" in method:
            refuse(f"{key}.teacher", "a released checkpoint is not trained; remove it")


def check_trained(settings, key, method):
    """Check a method that is trained."""
    architecture, teacher = method["architecture"], method.get("teacher")
    if architecture["max_snippets"] % architecture["window"]:
        refuse(
            f"{key}.architecture.window",
            f"must divide max_snippets ({architecture['max_snippets']})",
        )
    if architecture["model"] == "teacher" and not (
        source_is_released(settings) or "audio" in settings
    ):
        refuse(
            f"{key}.architecture.model",
            "a teacher reads audio, but the key audio is missing",
        )
    if (architecture["model"] == "student") != (teacher is not None):
        refuse(
            f"{key}.teacher",
            "a student needs the name of its teacher's method, and no other model one",
        )
    # Which model a released checkpoint holds is seen when it is read.
    of_teacher = settings["methods"].get(teacher, {})
    if teacher is not None and not (
        "checkpoint" in of_teacher
        or of_teacher.get("architecture", {}).get("model") == "teacher"
    ):
        refuse(f"{key}.teacher", f"{teacher!r} is no method whose model is teacher")
    if method["recipe"].get("judge_every") and settings["selection"] != "released":
        refuse(
            f"{key}.recipe.judge_every",
            f"belongs to selection: released; selection is {settings['selection']}",
        )


check_against_schema(config)
check_companions(config)
check_videos(config)
check_methods(config)
