"""What people who look at a watch in their browsers are told: the last messages and the last picture of each source.

The watch's loop writes, the server's thread reads. What is remembered is bounded, and nobody who looks is waited for.
A message is a JSON object with ``what`` and ``source``:

``opened`` (``model``, ``sound``), ``lost``, ``snippet`` (``clock``, seconds since 1970 at its end; ``seconds``, how
long it is; ``anomaly`` and ``alignment``, of both branches; ``class`` and ``probability`` of the likeliest class that
is not normal; ``latency``), a line of ``events.jsonl`` (with ``page`` beside, where the event has one), and ``closed``,
of no source.
"""

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.watch.camera import LOST, OPENED, SNIPPET
from evaluate.watch.events import Moment
from evaluate.watch.scorer import Scores

# Some three minutes of snippets of 16 frames.
MOST_SNIPPETS = 300
MOST_EVENTS = 100
CLOSED = "closed"

Numbered = tuple[int, str]


class Board:
    """Remembers messages, each with a number that only grows.

    Args:
        sources: Names of the sources.
        names: Classes in words; the first is normal.

    Attributes:
        sources: Names of the sources.
        closed: Whether the watch has ended.
    """

    def __init__(self, sources: Sequence[str], names: Sequence[str]) -> None:
        self.sources = tuple(sources)
        self.closed = False
        self._names = names
        self._number = 0
        self._states: dict[str, Numbered] = {}
        self._snippets: dict[str, deque[Numbered]] = {name: deque(maxlen=MOST_SNIPPETS) for name in sources}
        self._events: dict[str, deque[Numbered]] = {name: deque(maxlen=MOST_EVENTS) for name in sources}
        self._pictures: dict[str, NDArray[np.uint8]] = {}
        self._changing = threading.Lock()

    def opened(self, source: str, *, model: str, sounds: bool) -> None:
        """Tell that a source is there, and what scores it."""
        with self._changing:
            self._states[source] = self._spelled(OPENED, source, model=model, sound=sounds)

    def lost(self, source: str) -> None:
        """Tell that a source is not there."""
        with self._changing:
            self._states[source] = self._spelled(LOST, source)
            self._pictures.pop(source, None)

    def scored(
        self, source: str, moment: Moment, scores: Scores, picture: NDArray[np.uint8], *, latency: float
    ) -> None:
        """Tell of a snippet; ``picture`` is its first frame, RGB [H, W, 3]."""
        column = 1 + int(scores.classes[1:].argmax())
        with self._changing:
            self._pictures[source] = picture
            self._snippets[source].append(
                self._spelled(
                    SNIPPET,
                    source,
                    clock=round(moment.clock, 3),
                    seconds=round(moment.end - moment.start, 3),
                    anomaly=round(scores.anomaly, 4),
                    alignment=round(scores.anomaly_alignment, 4),
                    probability=round(float(scores.classes[column]), 4),
                    latency=round(latency, 3),
                    **{"class": self._names[column]},
                )
            )

    def event(self, source: str, line: Mapping[str, Any], page: str | None) -> None:
        """Tell of a line of ``events.jsonl`` and of the event's page."""
        with self._changing:
            more = {key: value for key, value in line.items() if key not in ("what", "source")}
            self._events[source].append(self._spelled(str(line["what"]), source, **more, page=page))

    def close(self) -> None:
        """Tell that the watch has ended."""
        with self._changing:
            self.closed = True
            self._states[""] = self._spelled(CLOSED, "")

    def since(self, number: int) -> list[Numbered]:
        """Give the messages behind a number, in order; behind 0 all that are remembered."""
        with self._changing:
            kinds = (self._states.values(), *self._snippets.values(), *self._events.values())
            return sorted(one for kind in kinds for one in kind if one[0] > number)

    def picture(self, source: str) -> NDArray[np.uint8] | None:
        """Give the last picture of a source, RGB [H, W, 3]; ``None`` where there is none."""
        with self._changing:
            return self._pictures.get(source)

    def _spelled(self, what: str, source: str, **values: Any) -> Numbered:
        self._number += 1
        return self._number, json.dumps({"what": what, "source": source, **values}, ensure_ascii=False)
