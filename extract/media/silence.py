"""How long a worker process has been silent although it could have spoken and its parent would have heard it.

Wall time does not tell: a parent that computes hears nobody, a job that is suspended and continued has lost minutes
that nobody had, and on a loaded machine a healthy worker waits for its turn. So what counts is the time that the parent
spent waiting for messages, and of that only what the worker slept or computed.
"""

import os
from pathlib import Path

# A worker that is stopped, waits for the disk or gets no processor is spared, but not for ever: so many times longer.
SPARED = 10
# How often one looks at what a silent worker does, in seconds that the parent waited.
SECONDS_BETWEEN_LOOKS = 0.25

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Silence:
    """Adds up the silence of one worker.

    Args:
        pid: The worker's process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        # Since it last sent a byte; since it last ended a message; since one last looked at the process.
        self._silent = self._without_message = self._since_look = 0.0
        self._computed, _ = _activity(pid)

    def byte_came(self) -> None:
        """Part of a message has arrived."""
        self._silent = self._since_look = 0.0

    def message_came(self) -> None:
        """A message has arrived whole."""
        self.byte_came()
        self._without_message = 0.0

    def waited(self, seconds: float) -> None:
        """The parent was running and ready to read for so long, and nothing whole has come."""
        self._without_message += seconds
        self._since_look += seconds
        if self._since_look >= SECONDS_BETWEEN_LOOKS:
            computed, asleep = _activity(self._pid)
            # One that computes without a sign counts as far as it got a processor.
            self._silent += self._since_look if asleep else min(self._since_look, max(computed - self._computed, 0.0))
            self._computed = computed
            self._since_look = 0.0

    def exceeded(self, limit: float) -> float | None:
        """Give the seconds of silence that are too many, or ``None``.

        Args:
            limit: Seconds allowed to a worker that sleeps or computes; any other is allowed ``SPARED`` times as many,
                and so is a message from its first byte to its last.
        """
        if self._silent > limit:
            return limit
        return SPARED * limit if self._without_message > SPARED * limit else None


def _activity(pid: int) -> tuple[float, bool]:
    """Give a process's seconds of processor time and whether all its threads sleep of their own accord."""
    try:
        processor_ticks = sum(map(int, _fields(Path(f"/proc/{pid}/stat"))[11:13]))
        states = {_fields(thread / "stat")[0] for thread in Path(f"/proc/{pid}/task").iterdir()}
    except (FileNotFoundError, ProcessLookupError):  # it, or one of its threads, has just ended
        return 0.0, False
    # R wants a processor, D waits for the disk, T was stopped, t is looked at by a debugger.
    return processor_ticks / _TICKS_A_SECOND, not states & set("RDTt")


def _fields(path: Path) -> list[str]:
    # The name before them, in parentheses, may hold anything.
    return path.read_text().rpartition(")")[2].split()
