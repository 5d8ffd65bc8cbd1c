"""The pages of a watch: ``index.html`` with the last events of all sources, and one of every event that has a clip.

What they need of the past is bounded: the last events, and the snippets of the connection that a clip may reach back
to. A page is there at once; the spectrogram of the clip's sound is added when it is drawn, and the page written again.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.detect.models import RANDOM_WEIGHTS
from evaluate.pages import live_page, video_page
from evaluate.pages.html import INDEX, address, held
from evaluate.pages.video_page import ScoreLine, VideoPage
from evaluate.watch.camera import CLIP
from evaluate.watch.drawn_sound import DrawnSound
from evaluate.watch.events import BEGINS, ENDS, Moment
from evaluate.watch.records import EVENTS
from evaluate.watch.scorer import Scores
from extract.base.errors import InputError
from extract.base.files import replaced_path
from extract.base.json_text import is_finite, parse_json
from extract.base.storage import storage_trouble

MOST_EVENTS = 100
# More than an hour of snippets of 16 frames.
MOST_SNIPPETS = 6000
# Of an earlier run's events, which are read back; a line takes half a kilobyte.
EARLIER_BYTES = 1 << 20
# Seconds between two snippets that lie side by side, at most.
TOUCHING = 0.05
NEEDED = {"began": str, "class": str}
NUMBERS = ("confidence", "anomaly", "start_seconds", "end_seconds")


@dataclass(eq=False)
class _Past:
    """What is remembered of a source: its last events by name, and its last snippets of the connection, and whether
    that one has sound.
    """

    events: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    snippets: deque[tuple[Moment, Scores]] = field(default_factory=lambda: deque(maxlen=MOST_SNIPPETS))
    sounds: bool = False


class Pages:
    """Writes the pages.

    Args:
        out: Folder of the watch.
        sources: Their names.
        codes: Label codes of the models; the first is normal.
        names: Each of them in words.
        say: Gets what is wrong with the disk or a clip's sound, a line each.
    """

    def __init__(
        self, out: Path, sources: Sequence[str], codes: Sequence[str], names: Sequence[str], say: Callable[[str], None]
    ) -> None:
        self._out, self._codes, self._names, self._say = out, codes, names, say
        self._past = {name: _Past() for name in sources}
        self._full = False
        self._drawn = DrawnSound(say)
        for name in sources:
            self._recall(name)
        self._list(running=True)

    def opened(self, source: str, *, sounds: bool) -> None:
        """Begin the clock of a new connection, which has sound or not."""
        self._past[source].snippets.clear()
        self._past[source].sounds = sounds

    def scored(self, source: str, moment: Moment, scores: Scores) -> None:
        """Remember a snippet."""
        self._past[source].snippets.append((moment, scores))

    @property
    def busy(self) -> bool:
        """Whether a page has not got its spectrogram yet."""
        return self._drawn.busy

    def event(self, source: str, line: Mapping[str, Any]) -> str | None:
        """Take a line of ``events.jsonl``, and write what it changes; gives the name of the event's page, if any."""
        event = self._remember(source, line)
        if line["what"] == CLIP and event is not None:
            page = f"{line['event']}.html"
            path, shown = self._out / source / page, self._shown(source, event, line, page)
            if shown is not None and self._write(path, video_page.spell(shown)):
                event["page"] = page
                if self._past[source].sounds:
                    clip = self._out / source / str(line["clip"])
                    self._drawn.ask(clip, float(line["seconds"]), partial(self._add_sound, path, shown))
        self._list(running=True)
        return None if event is None else event.get("page")

    def step(self) -> None:
        """Add the spectrograms that have been drawn; never waits."""
        self._drawn.step()

    def close(self) -> None:
        """Say that nothing more will come."""
        if self.busy:
            self._say("the last pages stay without the spectrogram of their sound")
        self._drawn.stop()
        self._list(running=False)

    def _add_sound(self, path: Path, shown: VideoPage, sound: str) -> None:
        self._write(path, video_page.spell(replace(shown, sound=sound)))

    def _remember(self, source: str, line: Mapping[str, Any]) -> dict[str, Any] | None:
        events = self._past[source].events
        name = str(line["event"])
        if line["what"] == BEGINS:
            events[name] = {}
        if name not in events:
            return None
        event = events[name]
        event.update({key: value for key, value in line.items() if key != "what" and line["what"] != CLIP})
        if line["what"] == CLIP:
            event["clip"] = line["clip"]
        if line["what"] == ENDS:
            event["over"] = True
        while len(events) > MOST_EVENTS:
            events.popitem(last=False)
        return event

    def _shown(self, source: str, event: Mapping[str, Any], clip: Mapping[str, Any], page: str) -> VideoPage | None:
        """Gather the page of an event, in seconds of its clip; ``None`` where no snippet of it is remembered."""
        start, seconds = float(clip["start_seconds"]), float(clip["seconds"])
        within = [
            (moment, scores)
            for moment, scores in self._past[source].snippets
            if moment.end > start and moment.start < start + seconds
        ]
        if not within:
            return None
        edges, rows = _laid(within, start, seconds)
        values = np.array(
            [(scores.anomaly, scores.anomaly_alignment, *scores.classes) for _, scores in within]
            + [[np.nan] * (2 + len(self._names))],
            np.float32,
        )[rows]  # [T, 2 + C]
        begins, ends = (min(max(float(event[key]) - start, 0.0), seconds) for key in ("start_seconds", "end_seconds"))
        detection = {key: event[key] for key in ("class", "label", "confidence", "anomaly", "likeliest")}
        folder, remarks = self._out / source, list(map(str, event["notes"]))
        return VideoPage(
            video_id=f"{source}, {event['event']}",
            address=address(folder / str(clip["clip"]), folder / page),
            file=str(clip["clip"]),
            listed=f"{source}/{clip['clip']}",
            unit="seconds",
            edges=edges,
            lines=[
                ScoreLine(f"{event['model']}, {branch} branch", values[:, column])
                for column, branch in enumerate(("classification", "alignment"))
            ],
            codes=self._codes,
            names=self._names,
            classes=values[:, 2:],
            detections=[detection | {"start_seconds": round(begins, 3), "end_seconds": round(ends, 3)}],
            pictures=[self._picture(folder, event.get("thumbnail"))],
            threshold=float(event["threshold"]),
            class_threshold=float(event["class_threshold"]),
            facts={
                "source": source,
                "began (UTC)": str(event["began"]),
                "model": str(event["model"]),
                "checkpoint (SHA-256)": str(event["checkpoint_sha256"]),
                "class threshold": f"{event['class_threshold']:g}",
                "sound": str(event["sound"]),
                **{f"note {number}": note for number, note in enumerate(remarks, start=1)},
            },
            warning=RANDOM_WEIGHTS if RANDOM_WEIGHTS in remarks else "",
        )

    def _picture(self, folder: Path, name: Any) -> str | None:
        try:
            return None if name is None else held("image/jpeg", (folder / str(name)).read_bytes())
        except OSError:  # removed, or never written, which was said
            return None

    def _recall(self, source: str) -> None:
        """Read back the last events of an earlier run, which are over."""
        path = self._out / source / EVENTS
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - EARLIER_BYTES))
                lines = file.read().split(b"\n")[1 if size > EARLIER_BYTES else 0 :]
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); choose another --out") from None
        wrong = 0
        for line in filter(None, lines):
            try:
                wrong += not self._recalled(source, parse_json(line))
            except ValueError:
                wrong += 1
        if wrong:
            self._say(f"{path}: {wrong} lines of earlier runs are no events; {INDEX} leaves them out")
        past = self._past[source].events
        for name, event in past.items():
            event["over"] = True
            page = f"{name}.html"
            if "clip" in event and (self._out / source / page).is_file():
                event["page"] = page

    def _recalled(self, source: str, line: Any) -> bool:
        if not isinstance(line, dict) or not isinstance(line.get("event"), str) or "what" not in line:
            return False
        if line["what"] == CLIP:
            sound = isinstance(line.get("clip"), str)
        else:
            sound = all(isinstance(line.get(key), kind) for key, kind in NEEDED.items())
            sound = sound and all(is_finite(line.get(key)) for key in NUMBERS)
        if sound:
            self._remember(source, line)
        return sound

    def _list(self, *, running: bool) -> None:
        sources = {name: list(past.events.values()) for name, past in self._past.items()}
        self._write(self._out / INDEX, live_page.spell(sources, MOST_EVENTS, running=running))

    def _write(self, path: Path, text: str) -> bool:
        try:
            with replaced_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except (InputError, OSError) as error:
            if not self._full:
                self._full = True
                reason = str(error) if isinstance(error, InputError) else storage_trouble(error) or error.strerror
                self._say(f"no pages: {reason}; detection goes on without them")
            return False
        self._full = False
        return True


def _laid(
    within: Sequence[tuple[Moment, Scores]], start: float, seconds: float
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], list[int]]:
    """Lay snippets over a clip without a gap: edges [T + 1], and a row for each, the last one where none was scored."""
    edges, rows, nothing = [0.0], [], len(within)
    for row, (moment, _) in enumerate(within):
        begins = min(max(moment.start - start, 0.0), seconds)
        ends = min(max(moment.end - start, 0.0), seconds)
        if begins - edges[-1] > TOUCHING:
            edges.append(begins)
            rows.append(nothing)
        if ends > edges[-1]:
            edges.append(ends)
            rows.append(row)
    if seconds - edges[-1] > TOUCHING:
        edges.append(seconds)
        rows.append(nothing)
    return np.array(edges), rows
