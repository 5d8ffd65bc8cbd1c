"""What a worker process does with one connection to a source, and how its parent talks to it.

It says ``opened`` (values: pictures, what they are in a few words; width; height; sound, whether there is any), then
``snippet`` (arrays picture and, if something was heard, sound; values start and end in seconds since the first
picture; came, this machine's monotonic clock; clock, its time of day at the end; skipped, how many were before it) for
every one that it was asked for, ``clip`` (values event, file, start, seconds) and ``no_clip`` (event, reason). When the
source is lost it says ``lost`` (value reason), waits for ``finish``, says which clips there are and is ``done``.

It obeys ``more`` (value number, of snippets), ``begin`` (event, start), ``end`` (event, until) and ``finish``.
"""

import os
import select
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic, sleep, time

import av

from evaluate.watch.clips import Cutter
from evaluate.watch.connection import Lost, connected, packets, why
from evaluate.watch.desk import Desk
from evaluate.watch.hearing import Hearing
from evaluate.watch.ring import Ring, piece_of
from evaluate.watch.snippets import Snippet, Snippets
from evaluate.watch.sources import Source
from extract.media.isolation import DONE, Outbox
from extract.media.messages import Inbox
from extract.media.streams import sound_of, video_of

OPENED, SNIPPET, CLIP, NO_CLIP, LOST = "opened", "snippet", "clip", "no_clip", "lost"
MORE, BEGIN, END, FINISH = "more", "begin", "end", "finish"
# How long after the last frame of a snippet its event may begin: what may wait, and what that takes on a slow machine.
SLACK_SECONDS = 15.0
# A source that has sounded, and does not any more for so long while its pictures go on, has lost its sound.
SOUND_GONE_SECONDS = 5.0
# How long a worker whose source is lost waits for its parent's last word.
LAST_ORDERS_SECONDS = 30.0
# Packets that come for so long and give no picture are no pictures.
UNDECODED_SECONDS = 10.0
# Packets of which one remembers when they came; decoders give pictures back sooner.
REMEMBERED = 64


@dataclass(frozen=True)
class Settings:
    """What a worker has to know.

    Attributes:
        stride: Frames a snippet.
        listens: Whether the model listens.
        folder: Where clips go.
        before: Seconds of a clip before its event, and as many after it.
        longest: Seconds of the longest clip.
        silence: Seconds without a packet after which a source counts as lost.
    """

    stride: int
    listens: bool
    folder: Path
    before: float
    longest: float
    silence: float


def watch(outbox: Outbox, orders: Connection, source: Source, settings: Settings) -> None:
    """Read a source until it is lost or the parent has had enough."""
    try:
        with connected(source, settings.silence) as container:
            _Camera(outbox, container, source, settings).run(orders)
    except Lost as lost:
        outbox.put(LOST, reason=str(lost))


class _Camera:
    def __init__(
        self, outbox: Outbox, container: av.container.InputContainer, source: Source, settings: Settings
    ) -> None:
        self._outbox = outbox
        self._container = container
        self._source = source
        self._settings = settings
        pictures = video_of(container)
        if pictures is None:
            raise Lost("is no video: it has no pictures")
        self._pictures = pictures
        # As it comes: threads would hold pictures back.
        pictures.thread_type, pictures.codec_context.thread_count = "SLICE", 1
        sound = sound_of(container, None)
        self._sound = sound if sound is not None and sound.codec_context is not None else None
        self._hearing = Hearing() if self._sound is not None and settings.listens else None
        self._snippets = Snippets(settings.stride, self._hearing)
        self._desk = Desk(self._hand_out, patient=source.kind.ends)
        self._ring = Ring(settings.before + SLACK_SECONDS)
        self._cutter = Cutter(
            settings.folder, container, longest=settings.longest, written=self._clip_written, failed=self._clip_failed
        )
        # The ring and the clips are those of two threads: one reads, one obeys.
        self._cutting = threading.Lock()
        self._first: float | None = None
        self._size = (pictures.width, pictures.height)
        self._came: OrderedDict[int, float] = OrderedDict()

    def run(self, orders: Connection) -> None:
        codec = self._pictures.codec_context.name
        self._outbox.put(
            OPENED, pictures=codec, width=self._size[0], height=self._size[1], sound=self._sound is not None
        )
        threading.Thread(target=self._obey, args=(orders,), daemon=True).start()
        reason = self._read_until_lost()
        for one in self._snippets.whole(monotonic(), last=True):
            self._desk.bring(one, self._outbox.alive)
        self._desk.clear()
        self._outbox.put(LOST, reason=reason)
        # An event may begin with the last snippets; the parent tells when it has seen them, and the other thread ends
        # this process.
        sleep(LAST_ORDERS_SECONDS)
        with self._cutting:
            self._cutter.close()

    def _read_until_lost(self) -> str:
        """Read, and give why it is over."""
        try:
            self._read()
        except MemoryError:
            raise
        except av.FFmpegError as error:
            return why(error, self._settings.silence)
        except Lost as lost:
            return str(lost)
        return "has ended"

    def _read(self) -> None:
        seen = monotonic()
        heard: float | None = None
        alive = self._outbox.alive
        for packet in packets(self._container, self._pictures, paced=self._source.kind.paced, alive=alive):
            now = monotonic()
            with self._cutting:
                piece = piece_of(packet)
                self._ring.add(piece)
                self._cutter.add(piece)
            if packet.stream_index == self._pictures.index:
                seen = now if self._see(packet, now) else seen
            elif self._sound is not None and packet.stream_index == self._sound.index:
                heard = now
                self._hear(packet)
            if now - seen > UNDECODED_SECONDS:
                raise Lost(f"none of its pictures could be decoded for {UNDECODED_SECONDS:g} s")
            if heard is not None and now - heard > SOUND_GONE_SECONDS and not self._source.kind.ends:
                raise Lost("its sound has stopped")
            for one in self._snippets.whole(now):
                self._desk.bring(one, alive)

    def _see(self, packet: av.Packet, now: float) -> bool:
        self._came[packet.pts] = now
        while len(self._came) > REMEMBERED:
            self._came.popitem(last=False)
        frames = _decoded(packet)
        for frame in frames:
            if (frame.width, frame.height) != self._size:
                before, after = (f"{width} x {height}" for width, height in (self._size, (frame.width, frame.height)))
                raise Lost(f"its pictures have changed from {before} to {after}")
            if frame.time is None:
                continue
            self._first = frame.time if self._first is None else self._first
            self._snippets.see(frame, frame.time, self._came.get(frame.pts, now))
        return bool(frames)

    def _hear(self, packet: av.Packet) -> None:
        if self._hearing is not None:
            for frame in _decoded(packet):
                self._hearing.add(frame)

    def _obey(self, orders: Connection) -> None:
        """Do what the parent says while the other thread reads."""
        inbox, ready = Inbox(orders), select.poll()
        ready.register(orders.fileno(), select.POLLIN)
        doing: dict[str, Callable[..., None]] = {MORE: self._desk.ask, BEGIN: self._begin, END: self._end}
        while True:
            ready.poll()
            try:
                order = inbox.read()
            except EOFError:
                return  # the parent is gone, and this process goes too
            if order is None:
                continue
            if order.name == FINISH:
                self._finish()
            doing[order.name](**order.values)

    def _begin(self, event: str, start: float) -> None:
        with self._cutting:
            self._cutter.begin(event, self._ring, start + (self._first or 0.0) - self._settings.before)

    def _end(self, event: str, until: float) -> None:
        with self._cutting:
            self._cutter.end(event, until + (self._first or 0.0) + self._settings.before)

    def _finish(self) -> None:
        # The other thread may be waiting for a packet that never comes, and holds no lock then.
        with self._cutting:
            self._cutter.close()
            self._outbox.put(DONE)
            self._outbox.flush()
            os._exit(0)

    def _hand_out(self, snippet: Snippet, skipped: int) -> None:
        first = self._first or 0.0
        arrays = [snippet.picture] if snippet.sound is None else [snippet.picture, snippet.sound]
        self._outbox.put(
            SNIPPET,
            *arrays,
            start=snippet.start - first,
            end=snippet.end - first,
            came=snippet.came,
            clock=time() - (monotonic() - snippet.came),
            skipped=skipped,
        )

    def _clip_written(self, event: str, file: str, start: float, end: float) -> None:
        self._outbox.put(CLIP, event=event, file=file, start=start - (self._first or 0.0), seconds=end - start)

    def _clip_failed(self, event: str, reason: str) -> None:
        self._outbox.put(NO_CLIP, event=event, reason=reason)


def _decoded(packet: av.Packet) -> list[av.frame.Frame]:
    """Decode a packet; one that cannot be decoded, as where some were lost on their way, gives nothing."""
    try:
        return list(packet.decode())
    except MemoryError:
        raise
    except av.FFmpegError:
        return []
