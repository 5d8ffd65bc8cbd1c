"""From scores, one after the other, to events that begin, go on and end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.detect.files import ANOMALY, LIKELIEST

BEGINS, GOES_ON, ENDS = "begins", "goes on", "ends"


@dataclass(frozen=True)
class Rule:
    """When something is an event.

    Attributes:
        threshold: Least anomaly at which one begins.
        named: Least probability of a class for it to have its name.
        gap: Seconds below the threshold after which it is over.
        every: Seconds after which it is said that it goes on; it is said at once where its class changes.
        says: How the threshold was chosen; empty if the user said it.
    """

    threshold: float
    named: float
    gap: float
    every: float
    says: str = ""


@dataclass(frozen=True, eq=False)
class Moment:
    """One scored snippet.

    Attributes:
        start: When it begins, in seconds since the connection's first picture.
        end: When it ends.
        clock: The time of day at its end, seconds since 1970.
        anomaly: Of the surer branch.
        classes: [C] class probabilities; the first is normal.
    """

    start: float
    end: float
    clock: float
    anomaly: float
    classes: NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """What is said of an event.

    Attributes:
        what: ``BEGINS``, ``GOES_ON`` or ``ENDS``.
        event: Its number among those of its source, from 0.
        column: Column of its class; ``None`` where none is clear.
        confidence: Highest probability of the class within it; of the anomaly where no class is clear.
        anomaly: Highest anomaly so far.
        likeliest: The likeliest classes' columns and mean probabilities.
        start: When it began, in seconds since the connection's first picture.
        end: Until when it has gone on.
        began: The time of day when it began, seconds since 1970.
        clock: The time of day at ``end``.
    """

    what: str
    event: int
    column: int | None
    confidence: float
    anomaly: float
    likeliest: tuple[tuple[int, float], ...]
    start: float
    end: float
    began: float
    clock: float


class Events:
    """The events of one source.

    Args:
        rule: When something is one.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._number = -1
        self._current: _Event | None = None
        self._quiet = False

    def see(self, moment: Moment) -> Iterator[Said]:
        """Take the next snippet of the connection.

        Yields:
            What is to be said now; an end comes before a beginning.
        """
        happens, current = moment.anomaly >= self._rule.threshold, self._current
        # Time in which nothing was looked at, on a machine that is too slow, is no time without an event.
        self._quiet = self._quiet or not happens
        if current is not None and self._quiet:
            silence = (moment.start if happens else moment.end) - current.end
            if silence > self._rule.gap:
                yield from self.close()
                current = None
        if not happens:
            return
        self._quiet = False
        if current is None:
            self._number += 1
            self._current = _Event(self._number, moment)
            yield self._current.said(BEGINS, self._rule.named)
            return
        before = current.named(self._rule.named)
        current.add(moment)
        if current.named(self._rule.named) != before or moment.end - current.told >= self._rule.every:
            yield current.said(GOES_ON, self._rule.named)

    def close(self) -> Iterator[Said]:
        """End what is going on: nothing more is known of it."""
        if self._current is not None:
            yield self._current.said(ENDS, self._rule.named)
            self._current = None


class _Event:
    def __init__(self, number: int, moment: Moment) -> None:
        self._number = number
        self._start, self._began = moment.start, moment.clock - (moment.end - moment.start)
        self._anomaly = 0.0
        self._highest: NDArray[np.float32] = np.zeros_like(moment.classes)
        self._total: NDArray[np.float64] = np.zeros(len(moment.classes))
        self._snippets = 0
        self.add(moment)
        self.told = moment.end

    def add(self, moment: Moment) -> None:
        self.end, self._clock = moment.end, moment.clock
        self._anomaly = max(self._anomaly, moment.anomaly)
        self._highest = np.maximum(self._highest, moment.classes)
        self._total += moment.classes
        self._snippets += 1

    def named(self, least: float) -> int | None:
        """Give the column of the class that is clear, if one is."""
        column = 1 + int(self._highest[1:].argmax())
        return column if self._highest[column] >= least else None

    def said(self, what: str, least: float) -> Said:
        self.told = self.end
        column = self.named(least)
        mean = self._total / self._snippets
        likeliest = sorted(range(1, len(mean)), key=lambda one: -mean[one])[:LIKELIEST]
        return Said(
            what=what,
            event=self._number,
            column=column,
            confidence=self._anomaly if column is None else float(self._highest[column]),
            anomaly=self._anomaly,
            likeliest=tuple((one, float(mean[one])) for one in likeliest),
            start=self._start,
            end=self.end,
            began=self._began,
            clock=self._clock,
        )


def class_of(said: Said, names: Sequence[str]) -> str:
    """Give the name of an event's class, as ``evaluate.detect`` spells it."""
    return ANOMALY if said.column is None else names[said.column]
