"""Label Studio: tasks with predictions to be corrected, and the corrected annotations.

A task is ``{"data": {"video": address, "file": name, "fps": 25.0}, "predictions": [...]}``; a region on the timeline
has ``ranges`` ``[{"start": s + 1, "end": e}]`` for our frames ``[s, e)``, since frames count from 1 there and the end
belongs to it (https://labelstud.io/tags/timelinelabels). The configuration takes the frame rate of each task: another
one would move every event. Back comes the export ``JSON``, whose tasks have ``annotations``, or ``JSON-MIN``, whose
tasks have ``videoLabels``. Of several annotations of a task the newest counts; a task without any was not reviewed.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from extract.base.errors import InputError
from extract.base.json_text import parse_json
from extract.base.regular_file import read_regular_text
from extract.lists.reviewed import ReviewedEvent, ReviewedVideo, event_of

CONTROL, VIDEO, KIND = "videoLabels", "video", "timelinelabels"
# Where Label Studio serves files of a folder that it was given as local storage.
LOCAL = "/data/local-files/?d="
# What it imports: tasks, and the labelling configuration.
TASKS, CONFIGURATION = "label_studio.json", "label_studio.xml"


def spell_tasks(videos: Sequence[ReviewedVideo]) -> str:
    """Spell tasks to import, with what was detected as predictions."""
    return json.dumps([_task(video) for video in videos], ensure_ascii=False, indent=1) + "\n"


def spell_configuration(names: Sequence[str]) -> str:
    """Spell the labelling configuration for some classes, in words."""
    labels = "\n".join(f"    <Label value={quoteattr(name)}/>" for name in names)
    return (
        f'<View>\n  <Video name="{VIDEO}" value="$video" frameRate="$fps"/>\n'
        f'  <TimelineLabels name="{CONTROL}" toName="{VIDEO}">\n{labels}\n  </TimelineLabels>\n</View>\n'
    )


def read_annotations(path: Path) -> tuple[list[ReviewedVideo], int]:
    """Read an export.

    Returns:
        The reviewed videos, and how many tasks nobody has reviewed.

    Raises:
        InputError: Naming file and task, if it is no such export.
    """
    try:
        tasks = parse_json(read_regular_text(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InputError(f"{path}: is no list of tasks; export it from Label Studio as JSON or JSON-MIN")
    found = [_reviewed(task, f"{path}, task {number}") for number, task in enumerate(tasks, start=1)]
    return [one for one in found if one is not None], found.count(None)


def _task(video: ReviewedVideo) -> dict[str, Any]:
    result = [
        {
            "id": f"event{number}",
            "from_name": CONTROL,
            "to_name": VIDEO,
            "type": KIND,
            "value": {"ranges": [{"start": one.start + 1, "end": one.end}], KIND: [one.label]},
            "score": one.confidence,
        }
        for number, one in enumerate(video.events)
    ]
    surest = max((one.confidence or 0.0 for one in video.events), default=0.0)
    return {
        "data": {VIDEO: f"{LOCAL}{quote(video.name)}", "file": video.name, "fps": video.fps},
        "predictions": [{"model_version": video.model, "score": surest, "result": result}],
    }


def _reviewed(task: dict[str, Any], where: str) -> ReviewedVideo | None:
    if "annotations" not in task:
        # The short form has a field for each control, and none where nothing was marked.
        return ReviewedVideo(_name(task, where), _events(task.get(CONTROL, []), where))
    given = task["annotations"]
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise InputError(f"{where}: annotations must be a list of objects")
    kept = [one for one in given if not one.get("was_cancelled")]
    if not kept:
        return None
    newest = max(kept, key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    result = newest.get("result")
    if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise InputError(f"{where}: result must be a list of objects")
    regions = [one.get("value") for one in result if one.get("type") == KIND]
    return ReviewedVideo(_name(task.get("data"), where), _events(regions, where))


def _events(regions: Any, where: str) -> list[ReviewedEvent]:
    if not isinstance(regions, list):
        raise InputError(f"{where}: {CONTROL} must be a list")
    events = []
    for region in regions:
        try:
            labels, ranges = region[KIND], [(one["start"], one["end"]) for one in region["ranges"]]
        except (TypeError, KeyError):
            raise InputError(f"{where}: a region must have {KIND} and ranges with start and end") from None
        if not isinstance(labels, list):
            raise InputError(f"{where}: {KIND} must be a list")
        if not labels or not ranges:
            # Or what somebody marked would count as nothing, and the video as normal.
            raise InputError(f"{where}: a region has no label or no range; give it both, or remove it")
        events += [event_of(label, first, last, where) for label in labels for first, last in ranges]
    return events


def _name(data: Any, where: str) -> str:
    """Give the name that we wrote, or the one in the video's address."""
    known = data if isinstance(data, dict) else {}
    if isinstance(known.get("file"), str):
        return str(known["file"])
    if not isinstance(known.get(VIDEO), str):
        raise InputError(f"{where}: data has no {VIDEO}")
    try:
        address = urlsplit(known[VIDEO])
    except ValueError as error:
        raise InputError(f"{where}: {VIDEO} {known[VIDEO]!r:.80} is no address: {error}") from None
    return parse_qs(address.query).get("d", [unquote(address.path).rpartition("/")[2]])[0]
