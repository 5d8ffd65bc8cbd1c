"""Spells settings as the words of the commands that the rules call."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config import paths, rows
from config.configuration import PUBLISHED, Configuration
from evaluate.paper_tables import TABLES
from extract.base.decoders import LIBAV
from extract.base.errors import InputError
from extract.sound_statistics import PAST


def flags(settings: Mapping[str, Any]) -> str:
    """Spell settings as command line flags: {"a_b": 1, "c": [2, 3], "d": False} -> --a-b 1 --c 2 3 --no-d."""
    words = []
    for key, value in settings.items():
        name = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
            continue
        words.append(f"--{name}")
        words.extend(map(str, value) if isinstance(value, list | tuple) else [str(value)])
    return shlex.join(words)


def weights_file(configuration: Configuration, key: str) -> list[str]:
    """Give the file that a rule must wait for, none for untrained encoders.

    Raises:
        InputError: If it is not there and none that is fetched.
    """
    value = configuration.weights.get(key, paths.UNTRAINED)
    for named in paths.weights(key, value):
        why = paths.missing(named)
        if why:
            raise InputError(
                f"{configuration.source}: key {key}: {named.path}: {why}; give a weights file, or one of those "
                f"that are fetched, {' and '.join(sorted(paths.FETCHED))}"
            )
    return [] if value.startswith(paths.UNTRAINED) else paths.as_input(value)


def weights_state(configuration: Configuration, key: str) -> list[str]:
    """Give what tells another weights file of the user's own in the place of the one that was read."""
    return paths.state(paths.weights(key, configuration.weights.get(key, paths.UNTRAINED)))


def generated_sources(configuration: Configuration) -> dict[str, str]:
    """Give the generated folders and files that the catalog is made from, by the flags that take them."""
    made = {**configuration.data_set.sources, **configuration.data_set.optional_sources}
    return {flag: f"{configuration.work}/videos/{name}" for flag, name in made.items()}


def catalog_sources(configuration: Configuration) -> dict[str, str]:
    """Give what the catalog is made from: videos with their lists and annotations, or lists of released features."""
    if configuration.is_generated:
        return generated_sources(configuration)
    if not configuration.is_released:
        return dict(configuration.videos)
    known = {**configuration.data_set.sources, **configuration.data_set.optional_sources}
    return {flag: path for flag, path in configuration.released.items() if flag in known}


def released_settings(configuration: Configuration, split: str) -> dict[str, Any]:
    """Give what the import of released features takes of a split: its lists, and how files hold features if said."""
    given = configuration.released
    named = ("layout", "crop_numbers", "visual_encoder", "audio_encoder")
    sound = {"audio_list": given[f"{split}_audio"]} if f"{split}_audio" in given else {}
    return {"list": given[split], **sound, **{name: given[name] for name in named if name in given}}


def catalog_command(configuration: Configuration) -> str:
    """Name the module that makes the catalog, and its flags."""
    sources, name = catalog_sources(configuration), configuration.data_set.name
    if "list" in sources:
        return f"extract.own {flags(sources | classes_flag(configuration) | configuration.cut)}"
    opened = configuration.cut if configuration.data_set.opens_videos else {}
    return f"extract.{name} {flags(sources | opened)}"


def classes_flag(configuration: Configuration) -> dict[str, str]:
    """Name the classes as a catalog takes them: a built-in data set's, or the file of the user's own codes."""
    file = configuration.codes_file
    return {"classes": file} if file else {"dataset": configuration.data_set.name}


def codes_input(configuration: Configuration) -> list[str]:
    """Give the file of the user's own codes as an input of the catalog; none where they are built in."""
    return [configuration.codes_file] if configuration.codes_file else []


def each_class(configuration: Configuration, kind: str) -> str:
    """Spell the user's own classes for the command that writes their files.

    Args:
        configuration: The configuration.
        kind: ``classes`` with their prompts, or ``codes`` alone, which then stand for the prompts too.
    """
    labels = configuration.data_set
    pairs = zip(labels.codes, labels.codes if kind == "codes" else labels.words, strict=True)
    return shlex.join(word for pair in pairs for word in ("--class", *pair))


def shard_settings(configuration: Configuration) -> dict[str, str]:
    """Give what a shard's header says beside what its features say; a file of classes is an input."""
    named = {} if configuration.classes_file else classes_flag(configuration)
    return named | {"note": configuration.note}


def present_sources(configuration: Configuration) -> dict[str, list[str]]:
    """Give the user's own folders and files as inputs of the catalog.

    Raises:
        InputError: Naming all that are not there, and where to get them.
    """
    if not configuration.is_generated:
        missing = [
            f"{named.path} ({why})" if Path(named.path).exists() else named.path
            for named in paths.sources(configuration.whole)
            if (why := paths.missing(named))
        ]
        if missing:
            where = "" if configuration.is_own else f"{configuration.data_set.where_to_get} "
            raise InputError(
                f"The {'features and checkpoints' if configuration.is_released else 'videos'} of configuration "
                f"'{configuration.name}' are not in place. Missing: {', '.join(missing)}.\n"
                f"{where}Put them at these paths, or change the paths in the configuration.\n"
                "To try everything without them: "
                "snakemake --cores 8 --configfile config/demo.yaml -- results/demo_table1.csv"
            )
    return {flag: paths.as_input(path) for flag, path in catalog_sources(configuration).items()}


def sources_state(configuration: Configuration) -> list[str]:
    """Give what tells another list, annotation file or checkpoint in the place of the one that was read."""
    return paths.state(paths.sources(configuration.whole))


def own_results(configuration: Configuration) -> list[str]:
    """Name the results that this configuration makes, without its own name before them."""
    tables = [f"table{number}" for number in configuration.tables]
    causal = [f"table{number}_causal" for number in configuration.causal_tables]
    return [*tables, *causal, "learning", "comparison", *(["transfer"] if configuration.transfer else [])]


def no_such_table(configuration: Configuration, other: str, table: str) -> str:
    """Say how to ask for a table that this configuration does not make.

    Args:
        configuration: The configuration of this run.
        other: Name of the configuration that the table was asked of.
        table: ``table1``, or another last part of a result's name.
    """
    target = f"results/{other}_{table}.csv"
    if other == configuration.name:
        return f"{target}: {_why_not(configuration, table)}."
    for path in sorted(Path("config").glob("*.yaml")):
        if f"name: {other}" in path.read_text(encoding="utf-8").splitlines():
            return (
                f"{target} belongs to another configuration. Ask for it with:\n"
                f"  snakemake --cores 8 --configfile {path} -- {target}"
            )
    return (
        f"{target}: no file config/*.yaml has the name '{other}'. Write one, and ask with:\n"
        f"  snakemake --cores 8 --configfile config/{other}.yaml -- {target}"
    )


def _why_not(configuration: Configuration, table: str) -> str:
    name = configuration.name
    there = ", ".join(f"results/{name}_table{number}.csv" for number in configuration.tables)
    if table == "transfer":
        return f"configuration '{name}' has no key transfer, which names other data sets; it makes {there}"
    if table.endswith("_causal"):
        causal = ", ".join(f"results/{name}_table{number}_causal.csv" for number in configuration.causal_tables)
        return (
            "scoring as live embeds the sound of videos anew, and only frame-level tables show it; configuration "
            f"'{name}' makes {causal or there}"
        )
    number = int(table.removeprefix("table")) if table.startswith("table") else 0
    if number in configuration.data_set.reported:
        return f"no method of configuration '{name}' has a row in table {number}; it makes {there}"
    needs = TABLES[number].needs if number in TABLES else ""
    return (
        f"the paper has no table {number} of data set {configuration.data_set.name}"
        f"{f', which needs {needs}' if needs else ''}; configuration '{name}' makes {there}"
    )


def streams_to_align(configuration: Configuration, **folders: str) -> dict[str, str]:
    """Name what a shard is made of, by the flag that takes it: each stream's features and failures, own classes.

    Args:
        configuration: The configuration.
        folders: Where a stream's files are, if not in the work folder's of its name.
    """
    own = {"classes": configuration.classes_file} if configuration.classes_file else {}
    return own | {
        f"{stream}{flag}": f"{folders.get(stream, f'{configuration.work}/{stream}')}/{{split}}-{{shard}}{suffix}"
        for stream in configuration.streams
        for flag, suffix in (("", ".h5"), ("_failures", ".failures.csv"))
    }


def embedding(configuration: Configuration, stream: str) -> str:
    """Spell how a stream is embedded."""
    encoder = configuration.visual if stream == "visual" else configuration.audio
    if encoder is None:
        return ""
    sampling = {"stride": configuration.stride, "crops": configuration.crops} if stream == "visual" else {}
    stored = {"dtype": configuration.dtype, "device": configuration.device}
    # What is not said is left out, so that older runs' commands stay as they are.
    named = {"encoder": encoder.encoder} if encoder.encoder else {}
    named |= {"decoder": encoder.decoder} if encoder.decoder != LIBAV else {}
    made = named | {"weights": encoder.weights, "precision": encoder.precision, "batch": encoder.batch}
    return flags(sampling | stored | made | (configuration.cut if stream == "visual" else {}))


def embedding_of_the_past(configuration: Configuration) -> str:
    """Spell how sound is embedded for scoring as live: standardised by what was heard before."""
    return f"{embedding(configuration, 'audio')} {flags({'statistics': PAST})}"


def training(configuration: Configuration, name: str, control: str, files: Mapping[str, str]) -> str:
    """Spell a model's architecture and recipe, and the control that it is trained as.

    Args:
        configuration: The configuration.
        name: The model.
        control: ``trained``, ``untrained`` or ``shuffled``.
        files: Its teacher and the catalog, where it needs them.
    """
    model = configuration.models[name]
    # A configuration whose methods read no text names no text tower.
    text = {"text_weights": configuration.text_weights} if configuration.text_weights else {}
    recipe = dict(model.recipe)
    branch = recipe.pop("branch", configuration.frame_level.branch)
    # What does not select the epoch must not retrain it.
    if configuration.selection != "last":
        recipe |= {"branch": branch, "measure": configuration.frame_level.measure}
    if control == "untrained":
        recipe["epochs"] = 0
    if control == "shuffled":
        recipe["labels"] = "shuffled"
    return flags(
        {
            **model.architecture,
            **recipe,
            "selection": configuration.selection,
            **model.scoring,
            **text,
            "device": configuration.device,
            "note": "; ".join(filter(None, (configuration.note, model.note))),
            **files,
        }
    )


def training_inputs(configuration: Configuration, name: str, control: str, seed: str) -> dict[str, Any]:
    """Give what a training run reads: its shards, CLIP's text tower, and the test set where that selects the epoch."""
    work = configuration.work
    inputs: dict[str, Any] = {
        "shards": configuration.shards_of("train"),
        "failures": f"{work}/failures.csv",
        "text_weights": weights_file(configuration, "text_weights"),
    }
    if configuration.selection == "released":
        inputs |= {"test_shards": configuration.shards_of("test"), "catalog": f"{work}/catalog.jsonl"}
    teacher = configuration.models[name].teacher
    if teacher:
        run = f"{control}/seed{seed}" if configuration.models[teacher].is_trained else PUBLISHED
        inputs["teacher"] = f"{work}/checkpoints/{teacher}/{run}.safetensors"
    return inputs


def measured(configuration: Configuration, table: int, folder: str = "") -> str:
    """Spell every model's row in a table and the metrics files of its runs, in the work folder or another."""
    words: list[str] = []
    for name in configuration.models_in(table):
        model = configuration.models[name]
        words += ["--row", f"{name}={model.rows[table]}", "--modality", f"{name}={model.modality}"]
        if model.unreported and reported_rows(configuration, table):
            words += ["--unreported", name]
        for run in configuration.runs_of(name):
            words += ["--measured", f"{name}={folder or configuration.work}/metrics/{name}/{run}.json"]
    return shlex.join(words)


def reported_rows(configuration: Configuration, table: int) -> list[str]:
    """Give the files of a paper's table; own videos, and data sets without reported rows, have none to stand beside."""
    name = configuration.data_set.reported[table]
    if configuration.is_own or not name:
        return []
    return [str(path) for path in rows.files(Path("evaluate/reported"), name)]


def table_settings(configuration: Configuration, number: int, protocol: str = "") -> str:
    """Spell which numbers a table shows, by which protocol if not the configuration's, beside which of the paper's."""
    frame_level, table = configuration.frame_level, TABLES[number]
    settings: dict[str, Any] = {"table": number}
    reported = reported_rows(configuration, number)
    if reported:
        settings["reported"] = reported
    if table.frame:
        settings |= {"branch": frame_level.branch, "protocol": protocol or frame_level.protocol}
    if len(table.measures) > 1:
        settings["measure"] = frame_level.measure
    return flags(settings)


def figure_scores(configuration: Configuration) -> dict[str, str]:
    """Name the scores that Figure 4 draws, by the model: those of its first run."""
    methods = configuration.figure4.methods if configuration.figure4 else ()
    return {name: f"{configuration.work}/scores/{name}/{configuration.runs_of(name)[0]}.h5" for name in methods}


def drawn(configuration: Configuration) -> str:
    """Spell what Figure 4 draws."""
    words: list[str] = []
    for name, path in figure_scores(configuration).items():
        words += ["--scores", f"{next(iter(configuration.models[name].rows.values()), name)}={path}"]
    videos: Sequence[str] = configuration.figure4.videos if configuration.figure4 else ()
    return shlex.join([*words, "--branch", configuration.frame_level.branch, "--video", *videos])


def sound_study_data(configuration: Configuration, videos: str, sound: str) -> str:
    """Spell what one simulated set of the sound study is made of."""
    study = configuration.sound_study
    if study is None:
        return ""
    named = {name: getattr(study, name) for name in ("test", "snippets", "sight", "seed")}
    return flags({"train": videos, "sound": sound, **named})


def sound_study_inputs(
    configuration: Configuration, videos: str, sound: str, name: str, control: str, seed: str
) -> dict[str, Any]:
    """Give what a training run of the sound study reads."""
    folder = f"{configuration.work}/sound_study/{videos}-{sound}"
    teacher = configuration.models[name].teacher
    return {
        "shards": [f"{folder}/train-00000.h5"],
        "text_weights": weights_file(configuration, "text_weights"),
        **({"teacher": f"{folder}/{teacher}/{control}/seed{seed}.safetensors"} if teacher else {}),
    }
