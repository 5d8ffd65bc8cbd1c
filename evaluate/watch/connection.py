"""One connection to a source: opened, its packets one by one, and why it is over. Runs in a worker process.

Whatever is odd about a live source ends the connection, and a new one begins from scratch: a decoder, a clock and a
window of snippets that have seen one thing are not made to go on with another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep

import av

from evaluate.watch.sources import Source
from extract.media.clock import BACK_SECONDS, DEFAULT_FRAME_SECONDS, LEAP_SECONDS
from extract.media.decode import MOST_PIXELS
from extract.media.streams import video_of

# What comes faster than it happened is held back to this speed: a little faster than life, so that what lies waiting at
# the other end becomes less.
SPEED = 1.02
# Pictures before the first key frame show grey; a stream that marks none is taken as it is after so long.
KEY_SECONDS = 10.0
# Packets in front of the first one that has a time stamp.
MOST_UNSTAMPED = 100
SLEEP_SECONDS = 0.25
# How often one looks whether another stream has begun, such as sound.
SECONDS_BETWEEN_LOOKS = 1.0


class Lost(Exception):  # noqa: N818, says what became of the source
    """The connection is over; the message is the reason, in one line, and names no address."""


@contextmanager
def connected(source: Source, seconds: float) -> Iterator[av.container.InputContainer]:
    """Open a source.

    Args:
        source: What to open.
        seconds: How long to wait for it, and later for each packet.

    Raises:
        Lost: If it cannot be opened, holds no pictures, or is lost within the block.
    """
    kind = source.kind
    lists = {"format_whitelist": kind.formats} | ({"protocol_whitelist": kind.protocols} if kind.protocols else {})
    try:
        container = av.open(
            source.address,
            format=kind.device,
            metadata_errors="replace",
            container_options={**source.options, **lists},
            timeout=(seconds, seconds),
        )
        try:
            check_pictures(container)
            yield container
        finally:
            container.close()
    except MemoryError:  # one of libav's errors too, but the worker's to explain
        raise
    except av.FFmpegError as error:
        raise Lost(why(error, seconds)) from None


def check_pictures(container: av.container.InputContainer) -> None:
    """See that a source holds pictures that can be decoded.

    Raises:
        Lost: If it does not.
    """
    stream = video_of(container)
    if stream is None:
        raise Lost("is no video: it has no pictures")
    if stream.codec_context is None:
        raise Lost("is no video that can be read: no decoder here knows its pictures")
    if stream.width * stream.height > MOST_PIXELS:
        raise Lost(f"its pictures of {stream.width} x {stream.height} are larger than 8K")


def streams_now(container: av.container.InputContainer) -> int:
    """Count the streams that libav knows by now; PyAV itself knows those that it found at first."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format()).count("Stream #")
    finally:
        av.logging.set_level(level)


def packets(
    container: av.container.InputContainer, pictures: av.VideoStream, *, paced: bool, alive: Callable[[], None]
) -> Iterator[av.Packet]:
    """Give the packets of a connection from the first key frame on, all with time stamps.

    Args:
        container: What was opened.
        pictures: Its stream of pictures.
        paced: Whether to hold back what comes faster than it happened.
        alive: Called after every packet, and now and then while one is held back.

    Raises:
        Lost: If the clock jumps, another stream begins or the source ends.
        av.FFmpegError: If libav loses it.
    """
    pace = _Pace(alive)
    begun, last, since = False, None, monotonic()
    for packet in _stamped(container, pictures):
        alive()
        if packet.stream_index != pictures.index:
            if begun:
                yield packet
            continue
        seconds = float((packet.pts if packet.dts is None else packet.dts) * packet.time_base)
        if last is not None and not -BACK_SECONDS <= seconds - last <= LEAP_SECONDS:
            raise Lost(f"its clock jumped by {seconds - last:.1f} s")
        last = seconds
        begun = begun or bool(packet.is_keyframe) or monotonic() - since > KEY_SECONDS
        if paced:
            pace.wait(seconds)
        if begun:
            yield packet
    raise Lost("has ended")


def _stamped(container: av.container.InputContainer, pictures: av.VideoStream) -> Iterator[av.Packet]:
    """Give packets that hold something; pictures before the first stamp are stamped by those after it."""
    waiting: list[av.Packet] = []
    known = False
    rate = pictures.average_rate or 1 / DEFAULT_FRAME_SECONDS
    for packet in _demuxed(container):
        if packet.size == 0:
            continue
        if packet.stream_index != pictures.index:
            if packet.pts is not None:
                yield packet
            continue
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            # RTSP tells the time of its first picture late.
            if not known and len(waiting) < MOST_UNSTAMPED:
                waiting.append(packet)
            continue
        known = True
        step = packet.duration or round(1 / rate / packet.time_base)
        for number, early in enumerate(waiting):
            early.pts = early.dts = stamp - (len(waiting) - number) * step
            yield early
        waiting.clear()
        packet.pts = stamp
        yield packet


def _demuxed(container: av.container.InputContainer) -> Iterator[av.Packet]:
    looked = monotonic()
    # At the end PyAV asks for every stream, also those that turned up meanwhile, which it does not know.
    with suppress(IndexError):
        for packet in container.demux():
            if monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                looked = monotonic()
                if streams_now(container) > len(container.streams):
                    raise Lost("another stream has begun in it")
            yield packet


class _Pace:
    """Holds packets back to the speed at which they happened."""

    def __init__(self, alive: Callable[[], None]) -> None:
        self._alive = alive
        self._began: tuple[float, float] | None = None  # a moment here and the same of the source, seconds

    def wait(self, seconds: float) -> None:
        now = monotonic()
        if self._began is not None:
            due = self._began[0] + (seconds - self._began[1]) / SPEED
            if due > now:
                while (left := due - monotonic()) > 0:
                    sleep(min(left, SLEEP_SECONDS))
                    self._alive()
                return
        # It is late, or the first.
        self._began = now, seconds


def why(error: av.FFmpegError, seconds: float) -> str:
    """Say in one line why libav lost a source from which it waited so many seconds for a packet."""
    if isinstance(error, av.error.ExitError):
        return f"sent nothing for {seconds:g} s"
    # Never the whole error, which spells the address.
    return f"cannot be read: {error.strerror}"
