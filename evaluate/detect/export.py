"""What is detected, as review tools import it (``extract.lists.label_studio``, ``extract.lists.fiftyone``)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evaluate.detect.files import ANOMALY
from evaluate.detect.models import NOT_TRAINED, Model
from extract.base.files import write_text
from extract.base.progress import say
from extract.lists import fiftyone, label_studio
from extract.lists.review_tools import FIFTYONE
from extract.lists.reviewed import ReviewedEvent, ReviewedVideo


class Detected(NamedTuple):
    """A video and what was detected in it.

    Attributes:
        listed: Its file relative to the folder of all videos.
        path: Its file.
        fps: Frames per second; ``None`` if undefined.
        model: What detected.
        detections: As its JSON file has them.
    """

    listed: str
    path: Path
    fps: float | None
    model: Model
    detections: Sequence[Mapping[str, Any]]


def export(form: str, videos: Sequence[Detected], out: Path) -> None:
    """Write the files of a review tool into ``out``: ``label_studio.json`` and ``.xml``, or the folder ``fiftyone``.

    Args:
        form: One of ``extract.lists.review_tools.TOOLS``.
        videos: At least one.
        out: The folder.
    """
    names = [*(_plain(name) for name in videos[0].model.names[1:]), ANOMALY]
    given = [_reviewed(video) for video in videos]
    if form == FIFTYONE:
        write_text(out / form / fiftyone.LABELS, fiftyone.spell_labels(given, names))
        write_text(out / form / fiftyone.DATA, fiftyone.spell_data({video.listed: video.path for video in videos}))
        return
    timed = [one for one in given if one.fps is not None]
    if len(timed) < len(given):
        say(f"{form}: {len(given) - len(timed)} videos have no frame rate, by which it places events, and are left out")
    write_text(out / label_studio.TASKS, label_studio.spell_tasks(timed))
    write_text(out / label_studio.CONFIGURATION, label_studio.spell_configuration(names))


def _reviewed(video: Detected) -> ReviewedVideo:
    events = [
        ReviewedEvent(_plain(one["class"]), one["start_frame"], one["end_frame"], one["confidence"])
        for one in video.detections
    ]
    return ReviewedVideo(video.listed, events, video.fps, video.model.name)


def _plain(name: str) -> str:
    return name.removesuffix(NOT_TRAINED)
