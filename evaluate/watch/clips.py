"""Clips that are cut from a source's packets without encoding anew. Runs in a worker process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av

from evaluate.watch.ring import Piece, Ring
from extract.base.errors import InputError
from extract.base.files import replaced_path
from extract.base.storage import storage_trouble

# What players and browsers expect in MP4; the rest goes into Matroska.
MP4_CODECS = {"h264", "hevc", "av1", "mpeg4", "aac", "mp3", "ac3", "eac3", "opus", "flac"}
UNCOMPRESSED = "rawvideo"
# Clips that are being written at a time; an event that begins while so many are has none.
MOST_CLIPS = 4


class Clip:
    """A file of packets, which appears once it is closed.

    Args:
        path: The file without its suffix.
        container: What the packets come from.
        first: The first packet.

    Raises:
        InputError: If it cannot be written there.
        av.FFmpegError: If libav cannot write it.
    """

    def __init__(self, path: Path, container: av.container.InputContainer, first: Piece) -> None:
        streams = [
            stream
            for stream in container.streams
            if stream.type in ("video", "audio") and stream.codec_context is not None
        ]
        plain = all(stream.codec_context.name in MP4_CODECS for stream in streams)
        self.path = path.with_name(f"{path.name}{'.mp4' if plain else '.mkv'}")
        self.start = self.end = first.seconds
        self._opened = ExitStack()
        try:
            temporary = self._opened.enter_context(replaced_path(self.path))
            options = {"movflags": "faststart"} if plain else {}
            form = "mp4" if plain else "matroska"
            self._file = self._opened.enter_context(av.open(f"file:{temporary}", "w", format=form, options=options))
            self._streams = {stream.index: self._file.add_stream_from_template(stream) for stream in streams}
        except BaseException as error:
            self.drop(error)
            raise
        self._last: dict[int, int] = {}

    def add(self, piece: Piece) -> None:
        """Write a packet; one that comes out of order, or before the first, is left out."""
        if piece.stream not in self._streams or piece.seconds < self.start:
            return
        if piece.dts <= self._last.get(piece.stream, piece.dts - 1):
            return
        self._last[piece.stream] = piece.dts
        shift = round(Fraction(self.start) / piece.tick)
        packet = av.Packet(piece.content)
        packet.pts, packet.dts = piece.pts - shift, piece.dts - shift
        packet.duration, packet.time_base = piece.duration, piece.tick
        packet.is_keyframe = piece.key or self._streams[piece.stream].type == "audio"
        packet.stream = self._streams[piece.stream]
        self._file.mux(packet)
        self.end = max(self.end, piece.seconds)

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._opened.close()

    def drop(self, error: BaseException) -> None:
        """Leave no file behind; the error, which the caller tells, may come up again on the way."""
        with suppress(Exception):
            self._opened.__exit__(type(error), error, error.__traceback__)


class Cutter:
    """The clips of one connection that are being written.

    Args:
        folder: Where they go.
        container: The connection.
        longest: Seconds after which a clip ends although its event goes on.
        written: Gets the event, the name of the file, and on the source's clock when it begins and ends, seconds.
        failed: Gets the event and why it has no clip, in one line.
    """

    def __init__(
        self,
        folder: Path,
        container: av.container.InputContainer,
        *,
        longest: float,
        written: Callable[[str, str, float, float], None],
        failed: Callable[[str, str], None],
    ) -> None:
        self._folder = folder
        self._container = container
        self._longest = longest
        self._written = written
        self._failed = failed
        self._clips: dict[str, tuple[Clip, float]] = {}  # and until when each goes on, seconds of the source's clock

    def begin(self, event: str, ring: Ring, start: float) -> None:
        """Begin the clip of an event with what the ring holds from a moment on."""
        held = ring.since(start)
        if not held:
            self._failed(event, "nothing was held that can be decoded")
        elif len(self._clips) >= MOST_CLIPS:
            self._failed(event, f"{MOST_CLIPS} others are being written")
        elif any(stream.codec_context.name == UNCOMPRESSED for stream in self._container.streams.video):
            self._failed(event, "its pictures come uncompressed")
        else:
            with self._told(event):
                clip = Clip(self._folder / event, self._container, held[0])
                self._clips[event] = clip, start + self._longest
                for piece in held:
                    clip.add(piece)

    def end(self, event: str, until: float) -> None:
        """Let the clip of an event go on until a moment and no further."""
        if event in self._clips:
            clip, most = self._clips[event]
            self._clips[event] = clip, min(most, until)

    def add(self, piece: Piece) -> None:
        """Take the next packet of the source."""
        for event, (clip, until) in list(self._clips.items()):
            with self._told(event):
                if piece.seconds > until:
                    self._close(event)
                else:
                    clip.add(piece)

    def close(self) -> None:
        """End all clips."""
        for event in list(self._clips):
            with self._told(event):
                self._close(event)

    def _close(self, event: str) -> None:
        clip, _ = self._clips[event]
        clip.close()
        del self._clips[event]
        self._written(event, clip.path.name, clip.start, clip.end)

    @contextmanager
    def _told(self, event: str) -> Iterator[None]:
        """Leave a clip out that cannot be written, and say why; the source goes on."""
        try:
            yield
        except (InputError, OSError) as error:  # libav's errors are of the second kind, or had better be told
            if event in self._clips:
                self._clips.pop(event)[0].drop(error)
            reason = "" if isinstance(error, InputError) else storage_trouble(error) or error.strerror
            self._failed(event, reason or str(error))
