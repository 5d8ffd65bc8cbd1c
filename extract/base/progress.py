"""Progress that reads well on a terminal and in a log file."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 30.0


def track(items: Iterable[Item], *, label: str, total: int, unit: str) -> Iterator[Item]:
    """Yield ``items`` and say how far the work is and when it will end.

    Args:
        items: What is worked through; consumed lazily.
        label: What is being done, for example ``"visual train-00000"``.
        total: Number of items, for the ETA.
        unit: Plural noun for the items, for example ``"videos"``.

    Yields:
        The items, unchanged. On a terminal a tqdm bar is drawn; elsewhere a plain line is
        printed at most every 30 seconds, and one at the end.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=label, total=total, unit=f" {unit}")
        return
    started = last_line = time.monotonic()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last_line >= SECONDS_BETWEEN_LINES and done < total:
            remaining = (now - started) / done * (total - done)
            _line(f"{label}: {done}/{total} {unit}, {now - started:.0f} s elapsed, about {remaining:.0f} s left")
            last_line = now
    _line(f"{label}: {done}/{total} {unit} in {time.monotonic() - started:.1f} s")


def say(text: str) -> None:
    """Print a line to stderr without tearing a progress bar that is being drawn."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
    else:
        _line(text)


def _line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
