"""Videos and their events as they go to a review tool and come back from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from extract.base.errors import InputError


@dataclass(frozen=True)
class ReviewedEvent:
    """An event, in frames from 0, half open.

    Attributes:
        label: Its class, by code or in words.
        start: First frame.
        end: First frame after it.
        confidence: Of a detection; ``None`` of what people said.
    """

    label: str
    start: int
    end: int
    confidence: float | None = None


@dataclass(frozen=True)
class ReviewedVideo:
    """A video and what happens in it.

    Attributes:
        name: Its file, relative to the folder of all videos; a tool that keeps stems alone gives the stem.
        events: What happens when; of a reviewed video without any, nothing does.
        fps: Frames per second, ``None`` if unknown or not said.
        model: What detected the events; empty if people did.
    """

    name: str
    events: Sequence[ReviewedEvent]
    fps: float | None = None
    model: str = ""


def event_of(label: Any, first: Any, last: Any, where: str) -> ReviewedEvent:
    """Take an event as both tools count: frames from 1, the last one included.

    Raises:
        InputError: Naming ``where``, if it is no such event.
    """
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"{where}: the label is {label!r}; it must be text")
    for number in (first, last):
        if not isinstance(number, int) or isinstance(number, bool):
            raise InputError(f"{where}: an event from {first!r} to {last!r} must be counted in whole frames")
    if not 1 <= first <= last:
        raise InputError(f"{where}: an event from frame {first} to {last} must have 1 <= first <= last")
    return ReviewedEvent(label, first - 1, last)
