# What the report shows of this configuration, and the words that its captions share.
SHOWN = [
    name
    for name in config["methods"]
    if any(name in methods_in(table) for table in TABLES)
]
RUNS = [(method, path) for method in SHOWN for path in runs_of(method)]
# Most methods of train/baselines score anomaly alone.
TELLING = [
    name
    for name in SHOWN
    if name in IMPORTED
    or name in CHANCE
    or config["methods"][name]["architecture"]["model"]
    in {*OWN_TO_MODEL, *TELLING_BASELINES}
]
# Those that something was learned in.
LEARNED = [name for name in TRAINED if config["methods"][name]["recipe"]["epochs"]]
SILENT = [name for name in SHOWN if name not in TELLING]
REPORT = f"results/{NAME}_report"
TITLES = {
    1: "frame level",
    2: "instance level",
    3: "frame level, CCTV-Fights",
    4: "components",
    5: "fusions",
    6: "distillation",
}


def files_of_runs(pattern, methods):
    """Name the files of every run of some methods; ``{}`` stands for method/control/run."""
    return [
        pattern.format(f"{method}/{path}") for method, path in RUNS if method in methods
    ]


def runs_as_flags(flag, pattern, methods):
    """Spell METHOD RUN FILE after a flag for every run of some methods."""
    return shlex.join(
        word
        for method, path in RUNS
        if method in methods
        for word in (
            flag,
            method,
            Path(path).name,
            pattern.format(f"{method}/{path}"),
        )
    )


def drawings():
    """Name the drawings that this configuration has something for."""
    there = {
        "training_curves": any(name in LEARNED for name in SHOWN),
        "precision_recall": True,
        "per_class": bool(TELLING),
        "confusion": bool(TELLING),
    }
    return [f"{REPORT}/{name}" for name, has in there.items() if has]


def report_items():
    """Name everything the report shows but its page on provenance."""
    figure = [f"{REPORT}/figure4.html"] if "figure4" in config else []
    pages = [f"{REPORT}/table{number}.html" for number in TABLES]
    return [*pages, *drawings(), *figure, f"{REPORT}/failures.html"]


def frame_measure(measure):
    """Say what a frame-level number is."""
    frame_level = config["frame_level"]
    counted = {
        "released": "every video counted as snippets x stride frames, as the published evaluation does",
        "exact": "over the frames that exist",
    }[frame_level["protocol"]]
    name = {"ap": "average precision", "auc": "area under the ROC curve"}[measure]
    return f"frame-level {name} of the {frame_level['branch']} branch's anomaly score, {counted}"


def measured_in(table):
    """Say what a table measures."""
    instances = "instance-level mAP at IoU 0.1 to 0.5 over all classes, the normal one too, as released"
    if table == 2:
        return instances
    if table in (4, 5, 6):
        return f"{frame_measure('ap')}; and the mean {instances}"
    return frame_measure(config["frame_level"]["measure"])


def selection_score():
    """Say what chose the epoch, in a panel's title."""
    measure = config["frame_level"]["measure"].upper()
    return {
        "validation": "held-out videos: AP",
        "released": f"test set: frame-level {measure}",
    }.get(config.get("selection"), "score")


def selected():
    """Say how the checkpoints were selected."""
    measure = config["frame_level"]["measure"].upper()
    ways = {
        "last": "Each trained checkpoint is that of its last epoch; no test data chose it (selection: last).",
        "validation": "Each trained checkpoint is that of the epoch with the highest video-level AP on a held-out tenth "
        "of the training videos; no test data chose it (selection: validation).",
        "released": f"Each trained checkpoint is that of the epoch with the highest {measure} on the TEST set, as the "
        "published numbers were made; its numbers are optimistic (selection: released).",
    }
    words = [ways[config["selection"]]] if TRAINED else []
    if IMPORTED:
        words.append(
            f"The authors' released checkpoints ({', '.join(IMPORTED)}) are as their authors selected them."
        )
    return " ".join(words)
