"""The files of one source: ``events.jsonl``, ``scores.csv`` and a thumbnail an event.

Lines are added one by one and stand in the file at once; those of an earlier run stay. A disk that is full stops no
detection: it is said once, and again when it works again.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluate.watch.events import Moment, Said, class_of
from evaluate.watch.scorer import Scores
from extract.base.errors import InputError
from extract.base.files import atomic_path
from extract.base.printable import cell
from extract.base.storage import storage_trouble

EVENTS, SCORES = "events.jsonl", "scores.csv"
BEFORE_CLASSES = ("snippet", "clock", "start_seconds", "end_seconds", "anomaly", "anomaly_alignment")
BEHIND_CLASSES = ("model", "sound", "latency_seconds", "skipped")
THUMBNAIL_PIXELS = 480
JPEG_QUALITY = 80


def time_of_day(clock: float) -> str:
    """Spell a time of day, seconds since 1970, in UTC as ISO 8601."""
    return datetime.fromtimestamp(clock, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_id(said: Said) -> str:
    """Name an event by when it began; a name for files too."""
    return datetime.fromtimestamp(said.began, UTC).strftime("%Y%m%dT%H%M%S-%f")[:-3]


class Records:
    """The files of one source.

    Args:
        folder: Where they go.
        classes: Names of the model's classes; the first is normal.
        say: Gets what is wrong with the disk, a line each.

    Raises:
        InputError: If the folder cannot be written to, or its ``scores.csv`` has other columns.
    """

    def __init__(self, folder: Path, classes: Sequence[str], say: Callable[[str], None]) -> None:
        self._folder = folder
        self._classes = tuple(classes)
        self._say = say
        self._full = False
        self._snippet = 0
        self._open()

    def score(self, moment: Moment, scores: Scores, *, model: str, latency: float, skipped: int) -> None:
        """Add a line to ``scores.csv``."""
        values = (scores.anomaly, scores.anomaly_alignment, *scores.classes)
        row = [
            self._snippet, time_of_day(moment.clock), f"{moment.start:.3f}", f"{moment.end:.3f}",
            *(f"{value:.6f}" for value in values), model, scores.sound, f"{latency:.3f}", skipped,
        ]  # fmt: skip
        self._snippet += 1
        self._add(SCORES, _row(row))

    def event(self, line: dict[str, Any]) -> None:
        """Add a line to ``events.jsonl``."""
        self._add(EVENTS, json.dumps(line, ensure_ascii=False) + "\n")

    def thumbnail(self, event: str, picture: NDArray[np.uint8]) -> str | None:
        """Write a picture [H, W, 3] uint8 as JPEG; gives the file's name, or ``None`` if it cannot be written."""
        name = f"{event}.jpg"
        image = Image.fromarray(picture)
        image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        try:
            with atomic_path(self._folder / name) as temporary:
                image.save(temporary, "JPEG", quality=JPEG_QUALITY)
        except (InputError, OSError) as error:
            self._trouble(error)
            return None
        return name

    def columns(self) -> list[str]:
        """Name the columns of ``scores.csv``; a class that is called as another column has ``(class)`` behind it."""
        taken = (*BEFORE_CLASSES, *BEHIND_CLASSES)
        classes = (f"{name} (class)" if name in taken else name for name in self._classes)
        return [*BEFORE_CLASSES, *map(cell, classes), *BEHIND_CLASSES]

    def _open(self) -> None:
        path, header = self._folder / SCORES, _row(self.columns())
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("a+", encoding="utf-8", newline="") as file:
                if file.tell() == 0:
                    file.write(header)
                file.seek(0)
                found = file.readline()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be written ({_words(error)}); choose another --out") from None
        if found != header:
            raise InputError(f"{path}: has other columns, as of another model; choose another --out or move it away")

    def _add(self, name: str, text: str) -> None:
        try:
            with (self._folder / name).open("a", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            self._trouble(error)
        else:
            if self._full:
                self._full = False
                self._say("its files can be written again")

    def _trouble(self, error: Exception) -> None:
        if not self._full:
            self._full = True
            self._say(f"its files cannot be written ({_words(error)}); detection goes on without them")


def line_of(said: Said, source: str, model: str, names: Sequence[str], codes: Sequence[str]) -> dict[str, Any]:
    """Spell what is said of an event as ``events.jsonl`` has it, but for what only the caller knows."""
    return {
        "what": said.what,
        "source": source,
        "event": event_id(said),
        "class": class_of(said, names),
        "label": None if said.column is None else codes[said.column],
        "confidence": round(said.confidence, 6),
        "anomaly": round(said.anomaly, 6),
        "likeliest": [{"class": names[column], "probability": round(mean, 6)} for column, mean in said.likeliest],
        "start_seconds": round(said.start, 3),
        "end_seconds": round(said.end, 3),
        "began": time_of_day(said.began),
        "clock": time_of_day(said.clock),
        "model": model,
    }


def _row(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _words(error: Exception) -> str:
    return storage_trouble(error) or str(getattr(error, "strerror", None) or error)
