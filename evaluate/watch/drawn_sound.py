"""Spectrograms of clips, drawn one after the other in processes of their own: no camera waits for them."""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np

from extract.media.isolation import DONE, FAILED, Outbox, Task, Worker
from extract.media.worker import allow_reading

DRAWN = "drawn"
# Clips that wait; the oldest are given up first.
MOST_WAITING = 16
# Loading the libraries takes seconds, and minutes where they have never been used.
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
        self._worker: Worker[_Clip] | None = None
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
            clip = self._waiting.popleft()
            self._worker = Worker(Task(clip, draw, (clip.path, clip.seconds)))
            self._since = monotonic()
        while self._worker is not None and self._worker.connection.poll():
            message = self._worker.read()
            if message is None:
                break
            clip = self._worker.task.key
            if message.name == DRAWN:
                clip.take(message.arrays[0].tobytes().decode("ascii"))
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
        if self._worker is not None:
            self._say(f"{self._worker.task.key.path}: its sound is not drawn: {reason}")
        self.stop()


def draw(outbox: Outbox, path: Path, seconds: float) -> None:
    """Say ``drawn`` (array of the address's letters), or nothing where there is no sound. Runs in a worker process."""
    os.nice(NICENESS)
    allow_reading(path)

    from evaluate.pages.pictures import sound_of

    address = sound_of(path, seconds)
    if address is not None:
        outbox.put(DRAWN, np.frombuffer(address.encode("ascii"), np.uint8))
