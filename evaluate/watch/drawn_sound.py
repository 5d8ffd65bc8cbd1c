"""Spectrograms of clips, drawn in a process of its own: no camera waits for them.

Loading the libraries takes longer than to draw, so one process draws all clips that wait, and ends with the last.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np

from extract.media.isolation import DONE, FAILED, Outbox, Task, Worker
from extract.media.worker import allow_reading

DRAWN = "drawn"
# Clips that wait; the oldest are given up first.
MOST_WAITING = 16
# Of one clip. Loading the libraries takes seconds, and minutes where they have never been used.
MOST_SECONDS = 300.0
NICENESS = 10


@dataclass(frozen=True)
class _Clip:
    path: Path
    seconds: float
    take: Callable[[str], None]


class DrawnSound:
    """Draws the sound of clips.

    Args:
        say: Gets which clip's sound could not be drawn and why, a line each.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._waiting: deque[_Clip] = deque()
        # Those that the process has been given, in order.
        self._given: deque[_Clip] = deque()
        self._worker: Worker[int] | None = None
        self._since = 0.0

    @property
    def busy(self) -> bool:
        """Whether something is not drawn yet."""
        return self._worker is not None or bool(self._waiting)

    def ask(self, path: Path, seconds: float, take: Callable[[str], None]) -> None:
        """Have the sound of a clip drawn.

        Args:
            path: The clip.
            seconds: How long it lasts.
            take: Gets the data address of the picture, later and from ``step``; not called where there is no sound.
        """
        if len(self._waiting) == MOST_WAITING:
            self._say(f"{self._waiting.popleft().path}: its sound is not drawn, since too many clips wait for that")
        self._waiting.append(_Clip(path, seconds, take))

    def step(self) -> None:
        """Take what is drawn and begin the next; never waits."""
        if self._worker is None:
            if not self._waiting:
                return
            self._given, self._waiting = self._waiting, deque()
            clips = [(clip.path, clip.seconds) for clip in self._given]
            self._worker = Worker(Task(0, draw, (clips, NICENESS)))
            self._since = monotonic()
        while self._worker is not None and self._worker.connection.poll():
            message = self._worker.read()
            if message is None:
                break
            if message.name == DRAWN:
                self._since = monotonic()
                clip, address = self._given.popleft(), message.arrays[0].tobytes().decode("ascii")
                if address:
                    clip.take(address)
            elif message.name == FAILED:
                self._give_up(str(message.values["reason"]))
            elif message.name == DONE:
                self.stop()
        if self._worker is not None and monotonic() - self._since > MOST_SECONDS:
            self._give_up(f"that took more than {MOST_SECONDS:g} s")

    def stop(self) -> None:
        """End what is being drawn."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _give_up(self, reason: str) -> None:
        """Leave out the clip that is being drawn; those behind it wait for another process."""
        self.stop()
        if self._given:
            self._say(f"{self._given.popleft().path}: its sound is not drawn: {reason}")
        self._waiting.extendleft(reversed(self._given))
        self._given.clear()


def draw(outbox: Outbox, clips: Sequence[tuple[Path, float]], niceness: int) -> None:
    """Say ``drawn`` (array of an address's letters, none where there is no sound) of each. Runs in a worker process."""
    os.nice(niceness)

    from evaluate.pages.pictures import sound_of

    for path, seconds in clips:
        allow_reading(path)
        address = sound_of(path, seconds) or ""
        outbox.put(DRAWN, np.frombuffer(address.encode("ascii"), np.uint8))
