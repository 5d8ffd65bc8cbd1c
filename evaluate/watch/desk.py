"""Where snippets wait until the parent asks for them. Runs in a worker process.

The parent asks for one when it has room. Those that come meanwhile wait, the oldest of them only until there are
newer ones: a machine that is too slow then sees every second or third snippet, evenly, and always new ones.
"""

import threading
from collections import deque
from collections.abc import Callable

from evaluate.watch.snippets import Snippet

WAITING = 4
SECONDS_BETWEEN_SIGNS = 0.5


class Desk:
    """Takes snippets and hands them out.

    Args:
        hand_out: Gets a snippet and how many were skipped before it.
        patient: Whether to let whoever brings snippets wait in place of skipping any; for files.
    """

    def __init__(self, hand_out: Callable[[Snippet, int], None], *, patient: bool) -> None:
        self._hand_out = hand_out
        self._patient = patient
        self._waiting: deque[Snippet] = deque()
        self._asked = 0
        self._skipped = 0
        self._changed = threading.Condition()

    def bring(self, snippet: Snippet, alive: Callable[[], None]) -> None:
        """Take a snippet; ``alive`` is called now and then if that takes long."""
        with self._changed:
            while self._patient and len(self._waiting) >= WAITING:
                self._changed.wait(SECONDS_BETWEEN_SIGNS)
                alive()
            if len(self._waiting) >= WAITING:
                self._waiting.popleft()
                self._skipped += 1
            self._waiting.append(snippet)
            self._give()

    def ask(self, number: int) -> None:
        """Ask for so many more."""
        with self._changed:
            self._asked += number
            self._give()
            self._changed.notify_all()

    def clear(self) -> None:
        """Hand out what waits, asked for or not: nothing more will come."""
        with self._changed:
            self._asked = len(self._waiting)
            self._give()

    def _give(self) -> None:
        while self._waiting and self._asked > 0:
            self._asked -= 1
            skipped, self._skipped = self._skipped, 0
            self._hand_out(self._waiting.popleft(), skipped)
