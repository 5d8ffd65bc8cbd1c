# The configuration is checked once, here; every message names the key.
import sys

import jsonschema
import yaml

sys.path.insert(0, workflow.basedir)

from extract.precision import resolve
from train.settings import HEARING_BASELINES, MIXED_AT_THE_END, TELLING_BASELINES


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


def spell_out_variants(settings):
    """Replace every variant by the method that it is like, with what differs."""
    whole = {
        name: method
        for name, method in settings["methods"].items()
        if "like" not in method
    }
    for name, method in settings["methods"].items():
        if "like" in method:
            if "recipe" not in whole.get(method["like"], {}):
                refuse(
                    f"methods.{name}.like",
                    f"{method['like']!r} is no method that is trained and no variant itself",
                )
            settings["methods"][name] = spelled_out(whole[method["like"]], method)


def spelled_out(original, variant):
    """Give the whole description of a variant."""
    method = {**original, **variant}
    for part in ("architecture", "recipe"):
        method[part] = {**original[part], **variant.get(part, {})}
    if method["recipe"].get("distillation") == "none":
        method.pop("teacher", None)
    del method["like"]
    return method


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
    if "seeds" not in settings and any(
        "chance" in method for method in settings["methods"].values()
    ):
        refuse("seeds", "is missing; methods by chance need it")
    for key in ("text_weights", "seeds", "selection"):
        if trained and key not in settings:
            refuse(key, f"is missing; training methods.{trained[0]} needs it")


def check_figure(settings):
    """Check that the methods to draw are there."""
    for name in settings.get("figure4", {}).get("methods", []):
        if name not in settings["methods"]:
            refuse("figure4.methods", f"{name!r} is no method of this configuration")


def check_sound_study(settings):
    """Check that the study's methods can be trained on its data."""
    study = settings.get("sound_study")
    if study is None:
        return
    for name in study["methods"]:
        if "recipe" not in settings["methods"].get(name, {}):
            refuse(
                "sound_study.methods",
                f"{name!r} is no method that this configuration trains",
            )
        teacher = settings["methods"][name].get("teacher")
        if teacher and "recipe" not in settings["methods"][teacher]:
            refuse(
                "sound_study.methods", f"the teacher of {name!r} is not trained here"
            )
    if settings["dataset"] != "xd":
        refuse("sound_study", "its simulated videos have the classes of dataset xd")
    if settings["selection"] == "released":
        refuse("sound_study", "knows selection: last and validation alone")


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
        if "chance" in method:
            continue
        if "crops" in settings and method["scoring_crop"] not in settings["crops"]:
            refuse(
                f"{key}.scoring_crop",
                f"{method['scoring_crop']} is not among crops {settings['crops']}",
            )
        if "recipe" in method:
            check_trained(settings, key, method)
        elif "teacher" in method:
            refuse(f"{key}.teacher", "a released checkpoint is not trained; remove it")


CLIP_MODELS = {"model", "layers", "window", "max_snippets"}
OWN_TO_MODEL = {
    "vadclip": set(),
    "teacher": {"prompt", "fusion", "focal"},
    "student": {"prompt", "stream", "focal", "enhancement_blocks"},
}


def check_trained(settings, key, method):
    """Check a method that is trained."""
    architecture, teacher = method["architecture"], method.get("teacher")
    model = architecture.get("model")
    needed = CLIP_MODELS if model in OWN_TO_MODEL else {"model", "max_snippets"}
    for part, names in (
        ("architecture", needed),
        ("recipe", {"epochs", "batch", "learning_rate"}),
    ):
        missing = sorted(names - method[part].keys())
        if missing:
            refuse(f"{key}.{part}", f"{missing[0]!r} is missing")
    strange = sorted(architecture.keys() - needed - OWN_TO_MODEL.get(model, set()))
    if strange:
        refuse(f"{key}.architecture.{strange[0]}", f"a {model} has none; remove it")
    if model != "student" and {"distillation", "distillation_weight"} & set(
        method["recipe"]
    ):
        refuse(
            f"{key}.recipe.distillation", f"only a student is distilled, not a {model}"
        )
    if architecture["max_snippets"] % architecture.get("window", 1):
        refuse(
            f"{key}.architecture.window",
            f"must divide max_snippets ({architecture['max_snippets']})",
        )
    reads_audio = (
        model in HEARING_BASELINES
        or (model == "teacher" and architecture.get("fusion") != "none")
        or architecture.get("stream") == "audio"
    )
    if reads_audio and not (source_is_released(settings) or "audio" in settings):
        refuse(
            f"{key}.architecture.model",
            f"this {model} reads audio, but the key audio is missing",
        )
    distilled = model == "student" and method["recipe"].get("distillation") != "none"
    if distilled != (teacher is not None):
        refuse(
            f"{key}.teacher",
            "a distilled student needs the name of its teacher's method, and no other model one",
        )
    # Which model a released checkpoint holds is seen when it is read.
    of_teacher = settings["methods"].get(teacher, {})
    if teacher is not None and not (
        "checkpoint" in of_teacher
        or of_teacher.get("architecture", {}).get("model") == "teacher"
    ):
        refuse(f"{key}.teacher", f"{teacher!r} is no method whose model is teacher")
    if model not in OWN_TO_MODEL and method["recipe"].get("precision") == "bf16":
        refuse(f"{key}.recipe.precision", f"a {model} knows fp32 alone; remove it")
    if method["recipe"].get("judge_every") and settings["selection"] != "released":
        refuse(
            f"{key}.recipe.judge_every",
            f"belongs to selection: released; selection is {settings['selection']}",
        )
    if method["recipe"].get("judge_every") and model in MIXED_AT_THE_END:
        refuse(
            f"{key}.recipe.judge_every",
            f"a {model} is whole only at the end of an epoch and cannot be judged within one; remove it",
        )
    check_schedule(key, method["recipe"])


def check_schedule(key, recipe):
    """Check that a recipe says once how the learning rate falls."""
    cosine = recipe.get("cosine_epochs", 0)
    # Left out, the milestones are AVadCLIP's.
    if cosine and recipe.get("milestones") != []:
        refuse(f"{key}.recipe.cosine_epochs", "excludes milestones; set them to []")
    if 0 < cosine < recipe["epochs"]:
        refuse(
            f"{key}.recipe.cosine_epochs",
            f"must not be below epochs ({recipe['epochs']}), or the learning rate would rise again",
        )


# The keys that were auto.
AUTOMATIC = []


def resolve_precisions(settings):
    """Replace every ``precision: auto`` by what this machine computes, so that all files of a run state and have one."""
    baselines = {
        name
        for name, method in settings["methods"].items()
        if method.get("architecture", {}).get("model") not in OWN_TO_MODEL
    }
    found = [(key, settings[key], {}) for key in ("visual",) if key in settings]
    if "audio" in settings:
        found.append(("audio", settings["audio"], {"on_cpu": "fp32"}))
    for name, method in settings["methods"].items():
        limits = {"on_cpu": "fp32", "on_gpu": "fp32"} if name in baselines else {}
        found.append((f"methods.{name}.recipe", method.get("recipe", {}), limits))
    for key, place, limits in found:
        if place.get("precision") != "auto":
            continue
        AUTOMATIC.append(f"{key}.precision")
        place["precision"] = resolve("auto", settings["device"], **limits)


def refuse_auto_elsewhere():
    """Refuse ``auto`` where jobs run on other machines; which they do is not known before a run starts."""
    if AUTOMATIC:
        refuse(
            AUTOMATIC[0],
            "auto is what this machine computes, but the jobs run on others; write bf16 if all of them have it "
            "(AMX, AVX-512 bf16, a GPU since NVIDIA's Ampere), else fp32",
        )


check_against_schema(config)
spell_out_variants(config)
check_companions(config)
check_videos(config)
check_figure(config)
check_methods(config)
check_sound_study(config)
resolve_precisions(config)
