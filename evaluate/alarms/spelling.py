"""Measured numbers as JSON files hold them: shares in percent, ``None`` where undefined or infinite."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluate.alarms.budget import Point


def point_as_json(point: "Point") -> dict[str, float | None]:
    """Give what is to be expected at a threshold as the files hold it: shares in percent, ``None`` where undefined.

    A delay is ``None`` also where it is infinite, since fewer than half of the events are found.
    """
    return {
        "threshold": point.threshold,
        "alarms_per_hour": defined(point.alarms_per_hour),
        "alarmed": percent(point.alarmed),
        "alarms_per_normal_hour": defined(point.alarms_per_normal_hour),
        "found": percent(point.found),
        "delay": defined(point.delay),
    }


def in_percent(values: Any) -> dict[str, float | None]:
    """Give the shares of a named tuple by name."""
    return {name: percent(value) for name, value in values._asdict().items()}


def percent(value: float) -> float | None:
    """Give a share in percent."""
    return defined(100 * value)


def defined(value: float) -> float | None:
    """Give a number that is one."""
    return value if math.isfinite(value) else None
