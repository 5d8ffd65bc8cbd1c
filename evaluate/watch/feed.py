"""The parent's side of a source: its worker process, and a new one, after a pause, when it is lost."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from evaluate.watch import camera
from evaluate.watch.camera import FINISH, LOST, MORE, OPENED, SNIPPET, Settings
from evaluate.watch.sources import Source
from extract.media.isolation import ALIVE, DONE, FAILED, Task, Worker
from extract.media.messages import Message, send

# The pause before a lost source is opened again: it doubles up to the longest, and is the shortest again once a
# connection has held for so long.
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
HELD_SECONDS = 30.0
# Snippets that may be on their way. Of files, which lose nothing, as many as fill a batch.
ASKED = 1


class Feed:
    """One source.

    Args:
        source: Where its pictures come from.
        settings: What its workers have to know.
        together: Snippets to ask a file for at once.
        say: Gets what becomes of it, a line each.

    Attributes:
        source: Where its pictures come from.
        over: Whether nothing more will come.
        seen: Whether it has ever shown a picture.
        reason: Why it was lost last.
    """

    def __init__(self, source: Source, settings: Settings, together: int, say: Callable[[str], None]) -> None:
        self.source = source
        self.over = False
        self.seen = False
        self.reason = ""
        self._lost = False  # whether the worker has said so
        self._settings = settings
        self._asked = together if source.kind.ends else ASKED
        self._say = say
        self._worker: Worker[str] | None = None
        self._orders: Connection | None = None
        self._due = self._since = monotonic()
        self._pause = SHORTEST_PAUSE

    @property
    def connection(self) -> Connection | None:
        """What to wait for before ``messages``; ``None`` between two connections."""
        return None if self._worker is None else self._worker.connection

    def begin_if_due(self) -> None:
        """Open the source if it is not open and the pause is over."""
        if self._worker is not None or self.over or monotonic() < self._due:
            return
        theirs, self._orders = multiprocessing.Pipe(duplex=False)
        task = Task(self.source.name, camera.watch, (theirs, self.source, self._settings))
        self._worker = Worker(task)
        theirs.close()
        self._since = monotonic()
        self._lost = False

    def waited(self, seconds: float) -> None:
        """Count time that the parent spent waiting for messages."""
        if self._worker is not None:
            self._worker.silence.waited(seconds)

    def messages(self, ready: bool) -> Iterator[Message]:
        """Give what the worker says.

        Args:
            ready: Whether its connection holds something.

        Yields:
            ``opened``, ``snippet``, ``lost`` when the connection is over, and ``clip`` and ``no_clip`` at any time.
        """
        while self._worker is not None:
            message = self._worker.read() if ready else self._worker.judged()
            if message is None:
                return
            if message.name == LOST:
                self.reason, self._lost = str(message.values["reason"]), True
                yield message
                # What the last snippets had to tell has been told.
                self.order(FINISH)
            elif message.name in (DONE, FAILED):
                if message.name == FAILED:
                    self.reason = f"its reader failed: {message.values['reason']}"
                if not self._lost:
                    yield Message(LOST, {"reason": self.reason})
                self._lose()
            elif message.name != ALIVE:
                if message.name == OPENED:
                    self.reason = ""
                    self.order(MORE, number=self._asked)
                self.seen = self.seen or message.name == SNIPPET
                yield message

    def taken(self, snippets: int) -> None:
        """Ask for as many more as have been taken."""
        self.order(MORE, number=snippets)

    def order(self, name: str, **values: Any) -> None:
        """Tell the worker to do something, if there is one."""
        if self._orders is not None and self._worker is not None:
            try:
                send(self._orders, Message(name, values))
            except OSError:  # it has just ended, which its messages will tell
                return

    def finish(self) -> None:
        """Let the worker close its clips and end; nothing is opened again."""
        self.over = True
        self.order(FINISH)

    def stop(self) -> None:
        """End the worker, whatever it does."""
        self.over = True
        self._close()

    def _lose(self) -> None:
        self._close()
        if self.over:
            return
        if self.source.kind.ends:
            self.over = True
            self._say(f"{self.source.name}: {self.reason if not self.seen else 'has ended'}")
            return
        if monotonic() - self._since > HELD_SECONDS:
            self._pause = SHORTEST_PAUSE
        self._say(f"{self.source.name}: lost, it {self.reason or 'has ended'}; opened again in {self._pause:g} s")
        self._due = monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _close(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        if self._orders is not None:
            self._orders.close()
            self._orders = None
