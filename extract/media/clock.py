"""The time axis of a file whose clock may begin again, for its pictures and its sound together.

Recordings joined byte by byte, a camera's stream after a reconnect, discs with several titles: the time stamps of all
streams jump back. What follows such a jump is a run of its own and belongs behind the run before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av

# Decoding times that fall back by less are noise of the writer ...
BACK_SECONDS = 0.5
# ... or the order of presentation: after a new beginning in Matroska, libav takes that for the order of decoding.
BACK_FRAMES = 16
# A stamp that leaps ahead by more and is back where it was within a few packets is damage, no new beginning.
LEAP_SECONDS = 10.0
LEAP_PACKETS = 8
# Sound that outlasts the pictures of its run by less does not hold up the pictures of the next one.
SLACK_SECONDS = Fraction(3, 20)
# A stream that declares no rate has to last for some time.
DEFAULT_FRAME_SECONDS = Fraction(1, 25)


@dataclass
class _Part:
    """When one stream begins and ends within one run, in ticks of ``base``."""

    base: Fraction
    first: int
    end: int


@dataclass
class _Run:
    """One stretch of a clock: its streams' parts, where it is now and the furthest it came, seconds."""

    parts: dict[int, _Part] = field(default_factory=dict)
    now: float = 0.0
    furthest: float = float("-inf")


class Clock:
    """Follows the decoding times of all streams of a file, in the order in which the packets lie in it.

    A stream whose decoding time falls back is in the next run; so are the others as soon as their times are nearer to
    what has come of it than to the end of the run before. Two clocks that see the same packets agree.
    """

    def __init__(self) -> None:
        self._runs = [_Run()]
        self._at: dict[int, int] = {}  # the run in which a stream is
        self._last: dict[int, float] = {}  # its last decoding time, seconds
        self._packets: dict[int, int] = {}
        self._leaps: dict[int, tuple[float, int]] = {}  # where a stream was before it leapt ahead, and after how many

    @property
    def packets(self) -> Mapping[int, int]:
        """How many packets every stream of pictures or sound has shown, by its index."""
        return self._packets

    def run(self, packet: av.Packet) -> int:
        """Give the number of the run to which a packet belongs, from 0.

        Args:
            packet: The next packet of the file, of any stream.
        """
        stream, base = packet.stream, packet.time_base
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stream.type not in ("video", "audio"):
            return len(self._runs) - 1
        index = packet.stream_index
        if packet.size > 0:
            self._packets[index] = self._packets.get(index, 0) + 1
        if stamp is None or base is None or packet.size == 0:
            return self._at.get(index, len(self._runs) - 1)
        length = packet.duration or round(_frame_seconds(stream) / base)
        number = self._at.get(index, len(self._runs) - 1)
        # Times of presentation go back and forth.
        if packet.dts is not None:
            time = float(packet.dts * base)
            reordered = BACK_FRAMES * float(length * base) if stream.type == "video" else 0.0
            if index in self._last and time > self._last[index] + LEAP_SECONDS:
                self._leaps[index] = self._last[index], self._packets[index]
            number = self._number(index, time, max(BACK_SECONDS, reordered))
            self._last[index] = time
            run = self._runs[number]
            run.now, run.furthest = time, max(run.furthest, time)
        self._at[index] = number
        shown = packet.pts if packet.pts is not None else stamp
        end = shown + length
        part = self._runs[number].parts.setdefault(index, _Part(base, shown, end))
        part.first, part.end = min(part.first, shown), max(part.end, end)
        return number

    def offsets(self, lead: int | None) -> list[Fraction]:
        """Give what is to be added to the times of every run, seconds; 0 for the first.

        Args:
            lead: Index of the stream whose pictures follow each other without a hole, if there is one.
        """
        offsets = [Fraction(0)]
        for before, after in zip(self._runs, self._runs[1:], strict=False):
            offsets.append(offsets[-1] + _distance(before, after, lead))
        return offsets

    def _number(self, index: int, time: float, tolerance: float) -> int:
        latest = len(self._runs) - 1
        number = self._at.get(index, 0)
        back = index in self._last and time < self._last[index] - tolerance
        back = back and not self._returns(index, time)
        if number < latest:
            old, new = self._runs[number], self._runs[latest]
            return latest if back or abs(time - new.now) < abs(time - old.furthest) else number
        if back:
            self._runs.append(_Run())
            return latest + 1
        return number

    def _returns(self, index: int, time: float) -> bool:
        before, packets = self._leaps.get(index, (0.0, -LEAP_PACKETS - 1))
        return abs(time - before) < BACK_SECONDS and self._packets[index] - packets <= LEAP_PACKETS


def _distance(before: _Run, after: _Run, lead: int | None) -> Fraction:
    both = {
        index: before.parts[index].end * before.parts[index].base - part.first * part.base
        for index, part in after.parts.items()
        if index in before.parts
    }
    if not both:
        return max(part.end * part.base for part in before.parts.values()) - min(
            part.first * part.base for part in after.parts.values()
        )
    longest = max(both.values())
    led = both.get(lead, longest) if lead is not None else longest
    return led if longest <= led + SLACK_SECONDS else longest


def _frame_seconds(stream: av.stream.Stream) -> Fraction:
    if isinstance(stream, av.VideoStream):
        return 1 / stream.average_rate if stream.average_rate else DEFAULT_FRAME_SECONDS
    return Fraction(0)
