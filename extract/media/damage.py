"""What a demuxer steps over: it logs an error and goes on behind it, and the pictures in between are gone.

libav says so in its log alone. A file in which pictures are missing beside such an error counts as unreadable; what
cannot be told for sure is said in one line, so that no video is shorter without a word.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

# Warnings that tell of damage; the others are of what is odd and whole.
WARNINGS = ("corrupt", "sync lost")
# A step between pictures that is longer than so many typical ones is a hole where the rate is constant, ...
MOST_TYPICAL_STEPS = 1.5
# ... or else one of so many; constant is a rate from which no more than this share departs.
MOST_TYPICAL_STEPS_OF_VARIABLE = 5.0
SHARE_OF_HOLES = 0.05
# Packets come in the order of decoding: pictures that are missing beside a packet are shown at most so many away.
PACKETS_AROUND = 16
# These are made to lose packets: recorders go on behind a lost one, and the stamps stay right.
LOSSY = ("mpegts",)
# Lists of errors in the log would be as long as the file is damaged.
MOST_SAID = 3

Log = list[tuple[int, str, str]]
Remark = Callable[[str], None]


def unsaid(text: str) -> None:
    """Stand in where nobody reads remarks."""


@dataclass(frozen=True)
class Sign:
    """An error that a demuxer logged.

    Attributes:
        text: What it says, in one line.
        run: The run of the clock in which it was.
        packet: How many packets with pictures that run had before; ``None`` while the file was opened, when libav
            reads some of it in advance.
    """

    text: str
    run: int
    packet: int | None


@dataclass(frozen=True)
class Hole:
    """Time over which no new picture is shown; ``start`` and ``seconds`` on the axis of its run."""

    run: int
    start: float
    seconds: float


@contextmanager
def libav_heard() -> Iterator[Log]:
    """Collect what libav logs in this thread. Not while a decoder runs: its threads would wait for this one."""
    level, once = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_skip_repeated(False)
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as log:
            yield log
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(once)


class Signs:
    """Collects the errors that a demuxer logs.

    Args:
        log: What ``libav_heard`` gave, with what was logged while the file was opened.
        demuxer: Its name.
    """

    def __init__(self, log: Log, demuxer: str) -> None:
        self._log = log
        self._demuxer = demuxer
        self.found: list[Sign] = []
        self.look(0, None)

    def look(self, run: int, packet: int | None) -> None:
        """Take what was logged since the last look."""
        for level, name, text in self._log:
            told = level <= av.logging.ERROR or (packet is not None and any(word in text for word in WARNINGS))
            sign = Sign(" ".join(text.split()), run, packet)
            if told and name == self._demuxer and sign not in self.found:
                self.found.append(sign)
        self._log.clear()


def holes_of(runs: Mapping[int, NDArray[np.float64]]) -> tuple[list[Hole], bool]:
    """Find the time over which no new picture is shown, and say whether the rate is constant otherwise.

    Args:
        runs: When pictures are shown in every run, ascending, seconds.
    """
    steps = np.concatenate([np.diff(times) for times in runs.values()]) if runs else np.zeros(0)
    typical = float(np.median(steps)) if len(steps) > 0 else 0.0
    if typical <= 0:
        return [], False
    constant = bool((steps > MOST_TYPICAL_STEPS * typical).mean() <= SHARE_OF_HOLES)
    most = typical * (MOST_TYPICAL_STEPS if constant else MOST_TYPICAL_STEPS_OF_VARIABLE)
    return [
        Hole(run, float(times[index]), float(times[index + 1] - times[index]))
        for run, times in runs.items()
        for index in np.flatnonzero(np.diff(times) > most).tolist()
    ], constant


def missing_beside(
    signs: Sequence[Sign], holes: Sequence[Hole], packets: Mapping[int, NDArray[np.float64]]
) -> tuple[Sign, Hole] | None:
    """Find an error beside which pictures are missing.

    Args:
        signs: The errors.
        holes: Time without a new picture.
        packets: When the pictures of the packets of every run are shown, in the file's order, seconds.
    """
    for sign in signs:
        times = packets.get(sign.run, np.zeros(0))
        if sign.packet is not None:
            times = times[max(0, sign.packet - PACKETS_AROUND) : sign.packet + PACKETS_AROUND]
        for hole in holes:
            inside = len(times) > 0 and hole.start < times.max() and hole.start + hole.seconds > times.min()
            if hole.run == sign.run and inside:
                return sign, hole
    return None


def say_signs(signs: Sequence[Sign], remark: Remark) -> None:
    """Say in one line which errors were logged."""
    if signs:
        texts = list(dict.fromkeys(sign.text for sign in signs))
        more = f" and {len(signs) - MOST_SAID} more" if len(signs) > MOST_SAID else ""
        remark(f"is damaged: libav reports {'; '.join(texts[:MOST_SAID])}{more}; its pictures are used as they are")


def say_holes(holes: Sequence[Hole], remark: Remark) -> None:
    """Say in one line where no new picture is shown though the rate is constant otherwise."""
    if holes:
        first = holes[0]
        more = f", and {len(holes) - 1} times more" if len(holes) > 1 else ""
        remark(
            f"shows no new picture for {first.seconds:.2f} s from {first.start:.2f} s of its clock on{more}, at a rate "
            "that is constant otherwise: a pause, or pictures that are lost"
        )
