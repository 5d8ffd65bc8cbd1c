# Names and functions that more than one rules file needs.
import shlex
import sys
from glob import glob
from pathlib import Path

NAME = config["name"]
WORK = f"work/{NAME}"
LOGS = f"{WORK}/logs"
BENCHMARKS = f"{WORK}/benchmarks"
GENERATED = f"{WORK}/videos"
SHARDS = {
    split: [
        f"{WORK}/shards/{split}-{shard:05d}.h5"
        for shard in range(config["shards"][split])
    ]
    for split in ("train", "test")
}
# A run told to stay on the CPU must not wait for a GPU.
GPU = 0 if config["device"] == "cpu" else 1


def flags(settings):
    """Spell settings as command line flags: {"a_b": 1, "c": [2, 3]} -> --a-b 1 --c 2 3."""
    words = []
    for key, value in settings.items():
        words.append(f"--{key.replace('_', '-')}")
        words.extend(map(str, value) if isinstance(value, list) else [str(value)])
    return shlex.join(words)


def weights_file(weights):
    """Give the file that a rule must wait for; none for untrained encoders."""
    return [] if weights.startswith("random:") else [weights]


def video_sources():
    """Give the videos' folders and the annotation file, generated or the user's own."""
    if "generate" in config["videos"]:
        return {
            "train": f"{GENERATED}/train",
            "test": f"{GENERATED}/test",
            "annotations": f"{GENERATED}/annotations_multiclasses.txt",
        }
    return config["videos"]


def present_sources(wildcards):
    """Give the user's own folders and files as inputs, or say plainly which of them is missing."""
    missing = [path for path in video_sources().values() if not Path(path).exists()]
    if missing and "generate" not in config["videos"]:
        sys.exit(
            f"The videos of configuration '{NAME}' are not in place. Missing: {', '.join(missing)}.\n"
            "XD-Violence comes from its authors' page, https://roc-ng.github.io/XD-Violence/: put the training videos "
            f"into {config['videos']['train']}, the test videos into {config['videos']['test']} and the annotation file "
            f"at {config['videos']['annotations']} (or change these paths in the configuration).\n"
            "To try everything without them: snakemake --cores 8 --configfile config/demo.yaml -- results/demo_table1.csv"
        )
    return video_sources()


def other_configuration(wildcards):
    """Say how to ask for a table of another configuration."""
    target = f"results/{wildcards.other}_{wildcards.table}.csv"
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
    if teacher:
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
        recipe |= {name: config["table1"][name] for name in ("branch", "measure")}
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
        "note": config["note"],
    }
    for name in ("teacher", "catalog"):
        if name in input.keys():
            settings[name] = input[name]
    return flags(settings)


def metrics_of(control):
    """Name the metrics of every method and seed."""
    return [
        f"{WORK}/metrics/{method}/{control}/seed{seed}.json"
        for method in config["methods"]
        for seed in config["seeds"]
    ]


def measured(control="trained"):
    """Spell every method's row in the table and the metrics files of its seeds."""
    words = []
    for method, settings in config["methods"].items():
        words += [
            "--row",
            f"{method}={settings['row']}",
            "--modality",
            f"{method}={settings['modality']}",
        ]
        for seed in config["seeds"]:
            words += [
                "--measured",
                f"{method}={WORK}/metrics/{method}/{control}/seed{seed}.json",
            ]
    return shlex.join(words)


def scores_of_controls():
    """Name the scores of every method, control and seed, as (method, control, file)."""
    return [
        (method, control, f"{WORK}/scores/{method}/{control}/seed{seed}.h5")
        for method in config["methods"]
        for control in ("trained", "untrained", "shuffled")
        for seed in config["seeds"]
    ]
