"""What the report shows of a configuration, and the words that its captions share."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.configuration import Configuration
from evaluate.paper_tables import TABLES

_BRANCHES = "of the {} branch's anomaly score"
_MEASURES = {"ap": "average precision", "auc": "area under the ROC curve"}
_COUNTED = {
    "released": "every video counted as snippets x stride frames, as the published evaluation does",
    "exact": "over the frames that exist",
}
_INSTANCES = "instance-level mAP at IoU 0.1 to 0.5 over all classes, the normal one too, as released"


def for_captions(configuration: Configuration) -> dict[str, Any]:
    """Give what captions read: the whole configuration, and which of its models are trained and tell classes."""
    named = {"dataset": configuration.data_set.name}
    return {**configuration.whole, **named, "trained": configuration.trained, "telling": telling(configuration)}


def shown(configuration: Configuration) -> list[str]:
    """Name the models that stand in a table."""
    tables = set(configuration.tables)
    return [name for name, model in configuration.models.items() if tables & model.rows.keys()]


def telling(configuration: Configuration) -> list[str]:
    """Name those of them that tell which anomaly it is."""
    return [name for name in shown(configuration) if configuration.models[name].tells_classes]


def silent(configuration: Configuration) -> list[str]:
    """Name those that score anomaly alone."""
    return [name for name in shown(configuration) if not configuration.models[name].tells_classes]


def learned(configuration: Configuration) -> list[str]:
    """Name the models that learn something before tables show them."""
    return [name for name in configuration.trained if not configuration.models[name].untrained]


def files_of_runs(configuration: Configuration, pattern: str, names: Sequence[str]) -> list[str]:
    """Name the files of every run of some models; ``{}`` stands for model/control/run."""
    return [pattern.format(f"{name}/{run}") for name, run in _runs(configuration, names)]


def runs_as_flags(configuration: Configuration, flag: str, pattern: str, names: Sequence[str]) -> str:
    """Spell METHOD RUN FILE after a flag for every run of some models."""
    return shlex.join(
        word
        for name, run in _runs(configuration, names)
        for word in (flag, name, Path(run).name, pattern.format(f"{name}/{run}"))
    )


def is_compared(configuration: Configuration) -> bool:
    """Tell whether there are methods to compare."""
    return len(shown(configuration)) > 1


def compared(configuration: Configuration, pattern: str) -> str:
    """Spell NAME=FILE for every run of every method in a table; ``{}`` stands for model/control/run."""
    names = shown(configuration)
    return shlex.join(f"{name}={pattern.format(f'{name}/{run}')}" for name, run in _runs(configuration, names))


def swaps(configuration: Configuration) -> int:
    """Give the swaps of a randomisation test: fewer where many pairs are tested."""
    return 9999 if len(shown(configuration)) <= 5 else 1999


def _runs(configuration: Configuration, names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, run) for name in shown(configuration) if name in names for run in configuration.runs_of(name)]


def report_items(configuration: Configuration) -> list[str]:
    """Name everything the report shows but its page on provenance."""
    folder = configuration.report
    drawings = {
        "training_curves": any(name in learned(configuration) for name in shown(configuration)),
        "precision_recall": True,
        "alarm_delay": True,
        "per_class": bool(telling(configuration)),
        "confusion": bool(telling(configuration)),
    }
    return [
        *(f"{folder}/table{number}.html" for number in configuration.tables),
        *(f"{folder}/intervals/table{number}.svg" for number in configuration.tables),
        *([f"{folder}/comparison.html"] if is_compared(configuration) else []),
        *(f"{folder}/{name}" for name, has_something in drawings.items() if has_something),
        *([f"{folder}/figure4.html"] if configuration.figure4 else []),
        f"{folder}/failures.html",
    ]


def frame_measure(configuration: Configuration, measure: str) -> str:
    """Say what a frame-level number is."""
    frame_level = configuration.frame_level
    branch, counted = _BRANCHES.format(frame_level.branch), _COUNTED[frame_level.protocol]
    return f"frame-level {_MEASURES[measure]} {branch}, {counted}"


def alarm_measure(configuration: Configuration) -> str:
    """Say which score alarms, and on which frames."""
    frame_level = configuration.frame_level
    return f"{_BRANCHES.format(frame_level.branch)}, {_COUNTED[frame_level.protocol]}"


def title_of(configuration: Configuration, number: int) -> str:
    """Give a table's heading; own videos have none of the paper's tables."""
    title = TABLES[number].title
    return f"Own videos: {title.split(',')[0]}" if configuration.is_own else f"Table {number}: {title}"


def measured_in(configuration: Configuration, number: int) -> str:
    """Say what a table measures."""
    table = TABLES[number]
    if not table.frame:
        return _INSTANCES
    if table.instance:
        return f"{frame_measure(configuration, 'ap')}; and the mean {_INSTANCES}"
    return frame_measure(configuration, configuration.frame_level.measure)


def selection_score(configuration: Configuration) -> str:
    """Say what chose the epoch, in a panel's title."""
    measure = configuration.frame_level.measure.upper()
    return {
        "validation": "held-out videos: AP",
        "released": f"test set: frame-level {measure}",
    }.get(configuration.selection, "score")


def selected(configuration: Configuration) -> str:
    """Say how the checkpoints were selected."""
    measure = configuration.frame_level.measure.upper()
    ways = {
        "last": "Each trained checkpoint is that of its last epoch; no test data chose it (selection: last).",
        "validation": "Each trained checkpoint is that of the epoch with the highest video-level AP on a held-out "
        "tenth of the training videos; no test data chose it (selection: validation).",
        "released": f"Each trained checkpoint is that of the epoch with the highest {measure} on the TEST set, as "
        "the published numbers were made; its numbers are optimistic (selection: released).",
    }
    words = [ways[configuration.selection]] if configuration.trained else []
    if configuration.imported:
        authors = ", ".join(configuration.imported)
        words.append(f"The authors' released checkpoints ({authors}) are as their authors selected them.")
    return " ".join(words)
