"""FiftyOne's ``FiftyOneTemporalDetectionDataset``: a folder with ``data.json`` and ``labels.json``.

``labels.json`` is ``{"classes": [name, ...], "labels": {stem: [{"label": place in classes, "support": [first, last],
"confidence": x}, ...]}}``; ``support`` counts frames from 1 and its end belongs to it, so that our ``[s, e)`` is
``[s + 1, e]``. ``data.json`` says where each stem's file lies. Without ``classes`` a label is a name. ``null`` in place
of a list says that nobody looked. Its form with ``timestamps`` is refused: FiftyOne makes seconds of frames by a rule
of its own.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from extract.base.errors import InputError
from extract.base.json_text import parse_json
from extract.base.regular_file import read_regular_text
from extract.lists.reviewed import ReviewedEvent, ReviewedVideo, event_of

LABELS, DATA = "labels.json", "data.json"


def spell_labels(videos: Sequence[ReviewedVideo], names: Sequence[str]) -> str:
    """Spell ``labels.json``; labels are names out of ``names``."""
    labels = {
        PurePosixPath(video.name).stem: [
            {"label": names.index(one.label), "support": [one.start + 1, one.end], "confidence": one.confidence}
            for one in video.events
        ]
        for video in videos
    }
    return json.dumps({"classes": list(names), "labels": labels}, ensure_ascii=False, indent=1) + "\n"


def spell_data(places: Mapping[str, Path]) -> str:
    """Spell ``data.json``: where each video lies, by its name."""
    found = {PurePosixPath(name).stem: str(path.absolute()) for name, path in places.items()}
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def read_labels(path: Path) -> tuple[list[ReviewedVideo], int]:
    """Read ``labels.json``, or that of a folder.

    Returns:
        The reviewed videos, by stem, and how many nobody has looked at.

    Raises:
        InputError: Naming file and video, if it is no such file.
    """
    path = path / LABELS if path.is_dir() else path
    try:
        values = parse_json(read_regular_text(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from None
    labels = values.get("labels") if isinstance(values, dict) else None
    if not isinstance(labels, dict):
        raise InputError(f"{path}: has no object labels; export it as FiftyOneTemporalDetectionDataset")
    classes = values.get("classes")
    if classes is not None and not isinstance(classes, list):
        raise InputError(f"{path}: classes must be a list or null")
    found = [
        ReviewedVideo(stem, _events(given, classes, f"{path}: {stem!r}"))
        for stem, given in labels.items()
        if given is not None
    ]
    return found, len(labels) - len(found)


def _events(given: Any, classes: list[Any] | None, where: str) -> list[ReviewedEvent]:
    if not isinstance(given, list):
        raise InputError(f"{where}: must be a list or null")
    events = []
    for one in given:
        if not isinstance(one, dict) or "label" not in one:
            raise InputError(f"{where}: an event must be an object with label and support")
        if "support" not in one:
            raise InputError(f"{where}: an event has no support; export frames, without use_timestamps")
        support = one["support"]
        if not isinstance(support, list) or len(support) != 2:
            raise InputError(f"{where}: support must be [first, last]")
        events.append(event_of(_label(one["label"], classes, where), support[0], support[1], where))
    return events


def _label(label: Any, classes: list[Any] | None, where: str) -> Any:
    if classes is None:
        return label
    if not isinstance(label, int) or isinstance(label, bool) or not 0 <= label < len(classes):
        raise InputError(f"{where}: label {label!r} is no place in classes, of which there are {len(classes)}")
    return classes[label]
