# Names and functions that more than one rules file needs.
import json
import os
import shlex
import shutil
import sys
from glob import glob
from pathlib import Path

# For every rule, wherever it runs. Files appear whole and are only read then, so they need no locks, which many
# shared file systems lack; and compute nodes have no internet, so nothing may look for models there.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# More GPUs than the one that profiles/default counts with: the user says that they are here, and extract/device.py
# takes that at its word. A cluster's profile counts none, and its scheduler says what it gives.
COUNTED = workflow.resource_settings.resources.get("gpu")
if COUNTED is not None and (COUNTED.value or 0) > 1:
    os.environ.update(AVADCLIP_GPUS=str(COUNTED.value))

NAME = config["name"]
WORK = f"work/{NAME}"
LOGS = f"{WORK}/logs"
BENCHMARKS = f"{WORK}/benchmarks"
GENERATED = f"{WORK}/videos"
PUBLISHED = "released/published"
# The rule that reads it is never run for a set without audio.
AUDIO = config.get(
    "audio",
    {
        "weights": "random:0",
        "threads": 1,
        "workers": 1,
        "precision": "fp32",
        "batch": 1,
    },
)
STREAMS = ["visual", "audio"] if "audio" in config else ["visual"]
RELEASED = config["features"] == "released"
TRAINED = [name for name, method in config["methods"].items() if "recipe" in method]
IMPORTED = [
    name for name, method in config["methods"].items() if "checkpoint" in method
]
CHANCE = [name for name, method in config["methods"].items() if "chance" in method]
# Checkpoints that the authors trained need no training shards.
SHARDS = {
    split: [
        f"{WORK}/shards/{split}-{shard:05d}.h5"
        for shard in range(config["shards"][split])
    ]
    for split in (("train", "test") if TRAINED else ("test",))
}
NEEDS = {
    2: ", which needs segments with classes",
    4: ", which needs audio and segments with classes",
    5: ", which needs audio and segments with classes",
    6: ", which needs audio and segments with classes",
}
WHERE_TO_GET = {
    "xd": "XD-Violence comes from its authors' page, https://roc-ng.github.io/XD-Violence/; released features, lists "
    "and checkpoints from the pages of VadCLIP (https://github.com/nwpu-zxr/VadCLIP) and AVadCLIP.",
    "cctv": "CCTV-Fights comes from its authors' page, http://rose1.ntu.edu.sg/dataset/cctvFights/.",
    "ucf": "UCF-Crime comes from its authors' page, https://www.crcv.ucf.edu/projects/real-world/; released features, "
    "lists and checkpoints from VadCLIP's page, https://github.com/nwpu-zxr/VadCLIP.",
}
# The flags of `python -m extract.{dataset}` and the generated files behind them.
GENERATED_SOURCES = {
    "xd": {
        "train": "train",
        "test": "test",
        "annotations": "annotations_multiclasses.txt",
    },
    "cctv": {"train": "train", "test": "test", "annotations": "annotations_cctv.txt"},
    "ucf": {
        "videos": "videos",
        "train": "Anomaly_Train.txt",
        "test": "Anomaly_Test.txt",
        "annotations": "Temporal_Anomaly_Annotation.txt",
    },
}
REPORTED = {
    "xd": {number: f"xd_table{number}" for number in (1, 2, 4, 5, 6)},
    "cctv": {3: "cctv_table3"},
    "ucf": {1: "ucf_vadclip"},
}[config["dataset"]]


def methods_in(table):
    """Name the methods that have a row in a table."""
    return [
        name
        for name, method in config["methods"].items()
        if f"table{table}" in method["rows"]
    ]


TABLES = [table for table in REPORTED if methods_in(table)]
# A run told to stay on the CPU must not wait for a GPU.
GPU = 0 if config["device"] == "cpu" else 1


def growing(amount):
    """Ask for more with every attempt at a job."""
    return lambda wildcards, attempt: amount * attempt


def remove_outdated(jobs):
    """Remove what is there of the outputs that jobs are to make again; Snakemake itself does so on the node."""
    for path in (Path(path) for job in jobs for path in job.output):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def flags(settings):
    """Spell settings as command line flags: {"a_b": 1, "c": [2, 3], "d": False} -> --a-b 1 --c 2 3 --no-d."""
    words = []
    for key, value in settings.items():
        name = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
            continue
        words.append(f"--{name}")
        words.extend(map(str, value) if isinstance(value, list) else [str(value)])
    return shlex.join(words)


def weights_file(weights):
    """Give the file that a rule must wait for; none for untrained encoders."""
    return [] if weights.startswith("random:") else [weights]


def one_of(names):
    """Spell a wildcard that is one of ``names``; one of none matches nothing."""
    return "|".join(names) or "(?!)"


def generated_sources():
    """Give the generated folders and files that the catalog is made from."""
    return {
        flag: f"{GENERATED}/{name}"
        for flag, name in GENERATED_SOURCES[config["dataset"]].items()
    }


def catalog_sources():
    """Give what the catalog is made from: videos with their lists and annotations, or lists of released features."""
    if RELEASED:
        return {
            name: path for name, path in config["released"].items() if name != "root"
        }
    if "generate" in config["videos"]:
        return generated_sources()
    return config["videos"]


def catalog_command():
    """Name the module that makes the catalog, and its flags."""
    if "list" in catalog_sources():
        return (
            f"extract.own {flags(catalog_sources() | {'dataset': config['dataset']})}"
        )
    return f"extract.{config['dataset']} {flags(catalog_sources())}"


def present_sources(wildcards):
    """Give the user's own folders and files as inputs, or say plainly which of them is missing."""
    if not RELEASED and "generate" in config["videos"]:
        return catalog_sources()
    own = config["released"] if RELEASED else catalog_sources()
    checkpoints = [config["methods"][name]["checkpoint"] for name in IMPORTED]
    missing = [
        path for path in [*own.values(), *checkpoints] if not Path(path).exists()
    ]
    if missing:
        sys.exit(
            f"The {'features and checkpoints' if RELEASED else 'videos'} of configuration '{NAME}' are not in place. "
            f"Missing: {', '.join(missing)}.\n{WHERE_TO_GET[config['dataset']]} Put them at these paths, or change the "
            "paths in the configuration.\nTo try everything without them: "
            "snakemake --cores 8 --configfile config/demo.yaml -- results/demo_table1.csv"
        )
    return catalog_sources()


def why_not(table):
    """Say why this configuration does not make a table."""
    there = ", ".join(f"results/{NAME}_table{number}.csv" for number in TABLES)
    number = int(table.removeprefix("table")) if table.startswith("table") else 0
    if number in REPORTED:
        return f"no method of configuration '{NAME}' has a row in table {number}; it makes {there}"
    return (
        f"the paper has no table {number} of data set {config['dataset']}"
        f"{NEEDS.get(number, '')}; configuration '{NAME}' makes {there}"
    )


def other_configuration(wildcards):
    """Say how to ask for a table of another configuration."""
    target = f"results/{wildcards.other}_{wildcards.table}.csv"
    if wildcards.other == NAME:
        sys.exit(f"{target}: {why_not(wildcards.table)}.")
    for path in sorted(glob("config/*.yaml")):
        if (
            f"name: {wildcards.other}"
            in Path(path).read_text(encoding="utf-8").splitlines()
        ):
            sys.exit(
                f"{target} belongs to another configuration. Ask for it with:\n"
                f"  snakemake --cores 8 --configfile {path} -- {target}"
            )
    sys.exit(
        f"{target}: no file config/*.yaml has the name '{wildcards.other}'. Write one, and ask with:\n"
        f"  snakemake --cores 8 --configfile config/{wildcards.other}.yaml -- {target}"
    )


def streams_to_align():
    """Name the features and failures of each stream that the data set has, by the flag that takes them."""
    return {
        f"{stream}{flag}": f"{WORK}/{stream}/{{split}}-{{shard}}{suffix}"
        for stream in STREAMS
        for flag, suffix in (("", ".h5"), ("_failures", ".failures.csv"))
    }


def train_inputs(wildcards):
    """Give what a training run reads: its shards, CLIP's text tower, and the test set where that selects the epoch."""
    inputs = {
        "shards": SHARDS["train"],
        "failures": f"{WORK}/failures.csv",
        "text_weights": weights_file(config["text_weights"]),
    }
    if config["selection"] == "released":
        inputs |= {"test_shards": SHARDS["test"], "catalog": f"{WORK}/catalog.jsonl"}
    teacher = config["methods"][wildcards.method].get("teacher")
    if teacher in IMPORTED:
        inputs["teacher"] = f"{WORK}/checkpoints/{teacher}/{PUBLISHED}.safetensors"
    elif teacher:
        inputs["teacher"] = (
            f"{WORK}/checkpoints/{teacher}/{wildcards.control}/seed{wildcards.seed}.safetensors"
        )
    return inputs


def train_settings(wildcards, input):
    """Spell a method's architecture and recipe, and the control that it is trained as."""
    method = config["methods"][wildcards.method]
    recipe = dict(method["recipe"])
    # What does not select the epoch must not retrain it.
    if config["selection"] != "last":
        recipe |= {name: config["frame_level"][name] for name in ("branch", "measure")}
    if wildcards.control == "untrained":
        recipe["epochs"] = 0
    if wildcards.control == "shuffled":
        recipe["labels"] = "shuffled"
    settings = {
        **method["architecture"],
        **recipe,
        "selection": config["selection"],
        "scoring_crop": method["scoring_crop"],
        "text_weights": config["text_weights"],
        "device": config["device"],
        "note": "; ".join(filter(None, (config["note"], method.get("note")))),
    }
    for name in ("teacher", "catalog"):
        if name in input.keys():
            settings[name] = input[name]
    return flags(settings)


def runs_of(method):
    """Name the runs of a method that the tables show, as control/run: one for each seed, or the published one."""
    if method in IMPORTED:
        return [PUBLISHED]
    if method in CHANCE:
        return [f"chance/seed{seed}" for seed in config["seeds"]]
    return [f"trained/seed{seed}" for seed in config["seeds"]]


def reported_in(table):
    """Name the files of the paper's rows of a table: its own, and those that only its journal version has."""
    path = f"evaluate/reported/{REPORTED[table]}"
    return [f"{path}.csv", *glob(f"{path}_journal.csv")]


def metrics_in(table):
    """Name the metrics of every method and run that a table shows."""
    return [
        f"{WORK}/metrics/{method}/{run}.json"
        for method in methods_in(table)
        for run in runs_of(method)
    ]


def measured(table):
    """Spell every method's row in a table and the metrics files of its runs."""
    words = []
    for method in methods_in(table):
        settings = config["methods"][method]
        words += [
            "--row",
            f"{method}={settings['rows'][f'table{table}']}",
            "--modality",
            f"{method}={settings['modality']}",
        ]
        if settings.get("unreported"):
            words += ["--unreported", method]
        for run in runs_of(method):
            words += ["--measured", f"{method}={WORK}/metrics/{method}/{run}.json"]
    return shlex.join(words)


def figure_scores():
    """Name the scores that Figure 4 draws, by the method: those of its first run."""
    return {
        method: f"{WORK}/scores/{method}/{runs_of(method)[0]}.h5"
        for method in config["figure4"]["methods"]
    }


def drawn():
    """Spell what Figure 4 draws."""
    named = {
        method: next(iter(config["methods"][method]["rows"].values()))
        for method in figure_scores()
    }
    words = [
        word
        for method, path in figure_scores().items()
        for word in ("--scores", f"{named[method]}={path}")
    ]
    return shlex.join(
        [
            *words,
            "--branch",
            config["frame_level"]["branch"],
            "--video",
            *config["figure4"]["videos"],
        ]
    )


def table_settings(table):
    """Spell which figures a table shows."""
    if table == 2:
        return {"table": table}
    figures = dict(config["frame_level"])
    if table in (4, 5, 6):
        del figures["measure"]
    return {"table": table, **figures}


def scores_of_controls():
    """Name the scores of every trained method, control and seed, as (method, control, file)."""
    return [
        (method, control, f"{WORK}/scores/{method}/{control}/seed{seed}.h5")
        for method in TRAINED
        if "table1" in config["methods"][method]["rows"]
        for control in ("trained", "untrained", "shuffled")
        for seed in config.get("learning_seeds", config["seeds"])
    ]


def sound_study_data(wildcards):
    """Spell what one simulated set of the sound study is made of."""
    study = config["sound_study"]
    return {
        "train": wildcards.videos,
        "sound": wildcards.sound,
        **{name: study[name] for name in ("test", "snippets", "sight", "seed")},
    }


def sound_study_inputs(wildcards):
    """Give what a training run of the sound study reads."""
    folder = f"{WORK}/sound_study/{wildcards.videos}-{wildcards.sound}"
    inputs = {
        "shards": [f"{folder}/train-00000.h5"],
        "text_weights": weights_file(config["text_weights"]),
    }
    teacher = config["methods"][wildcards.method].get("teacher")
    if teacher:
        inputs["teacher"] = (
            f"{folder}/{teacher}/{wildcards.control}/seed{wildcards.seed}.safetensors"
        )
    return inputs


def sound_study_runs():
    """Name the metrics of the sound study, as (training videos, sound, method, file).

    What neither hears nor learns from what hears is trained once, for all strengths of the sound.
    """
    study = config["sound_study"]
    runs = []
    for videos in study["training_videos"]:
        for method in study["methods"]:
            settings = config["methods"][method]
            deaf = settings["architecture"]["model"] == "vadclip"
            for sound in study["sounds"][:1] if deaf else study["sounds"]:
                for seed in study["seeds"]:
                    path = f"{WORK}/sound_study/{videos}-{sound}/{method}/trained/seed{seed}.json"
                    runs.append((str(videos), str(sound), method, path))
    return runs
