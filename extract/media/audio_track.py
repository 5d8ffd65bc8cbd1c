"""The sound of a video as samples on the time axis of its pictures."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from extract.media.clock import Clock
from extract.media.decode import demuxed, open_media, unwatched
from extract.media.resampling import SAMPLE_RATE, Put, Resampler, mono
from extract.media.sound_store import SampleFile, Samples, room_for
from extract.media.streams import described, sound_of, video_of

# Decoders give sound back within a few packets.
PACKETS_BEHIND = 16


class UnreadableAudio(Exception):  # noqa: N818, says what the audio is
    """An audio stream of which nothing can be decoded; the message is the reason, in one line."""


@dataclass(frozen=True)
class AudioTrack:
    """Mono sound at 16 kHz, cut to the time the pictures take.

    Attributes:
        samples: [n] float32, read in slices where they are many; sample k sounds k / 16000 s after the start asked
            for. Zero where nothing was decoded.
        decoded: First sample and the one after the last of every stretch that was decoded; [D, 2] int64.
        broken: Packets that could not be decoded; their time stays silent.
        chosen: Which of several streams this is, in a few words; empty if there is only one.
    """

    samples: Samples
    decoded: NDArray[np.int64]
    broken: int
    chosen: str = ""

    def sounding(self, spans: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which snippets hold at least one decoded sample.

        Args:
            spans: First sample and the one after the last of every snippet; [T, 2].

        Returns:
            [T] bool.
        """
        if len(self.decoded) == 0:
            return np.zeros(len(spans), bool)
        # Stretches do not overlap: the first that ends after the snippet's start is the one to look at.
        first = np.searchsorted(self.decoded[:, 1], spans[:, 0], side="right")
        start = np.append(self.decoded[:, 0], np.iinfo(np.int64).max)[first]
        heard: NDArray[np.bool_] = (start < spans[:, 1]) & (spans[:, 0] < spans[:, 1])
        return heard


@dataclass
class Canvas:
    """Collects decoded pieces into a track.

    Attributes:
        samples: [n] float32, zero where nothing was put.
        stretches: First sample and the one after the last of what was put.
    """

    samples: NDArray[np.float32] | SampleFile
    stretches: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def between(cls, start: float, end: float) -> "Canvas":
        """Make room for the sound between two times, seconds."""
        return cls(room_for(max(0, round((end - start) * SAMPLE_RATE))))

    def put(self, position: int, sound: NDArray[np.float32]) -> None:
        """Place a piece; what lies outside is left out."""
        first, last = max(position, 0), min(position + len(sound), len(self.samples))
        if first >= last:
            return
        self.samples[first:last] = sound[first - position : last - position]
        if self.stretches and self.stretches[-1][1] == first:
            self.stretches[-1] = (self.stretches[-1][0], last)
        else:
            self.stretches.append((first, last))

    def track(self, broken: int, chosen: str = "") -> AudioTrack:
        """Give what was put, with the number of packets that could not be decoded and which stream it is."""
        return AudioTrack(self.samples, self._merged(), broken, chosen)

    def _merged(self) -> NDArray[np.int64]:
        joined: list[list[int]] = []
        for first, last in sorted(self.stretches):
            if joined and first <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], last)
            else:
                joined.append([first, last])
        return np.array(joined, dtype=np.int64).reshape(-1, 2)


def sample_spans(bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Turn snippet times into samples at 16 kHz, counted from the first snippet's start.

    Args:
        bounds: Start and end of every snippet in seconds; [T, 2] float64.

    Returns:
        First sample and the one after the last of every snippet; [T, 2] int64.
    """
    spans: NDArray[np.int64] = np.rint((bounds - bounds[0, 0]) * SAMPLE_RATE).astype(np.int64)
    return spans


@dataclass(frozen=True)
class Heard:
    """What became of a file's sound.

    Attributes:
        broken: Packets that could not be decoded.
        chosen: Which of several streams was decoded, in a few words; empty if there is only one.
    """

    broken: int
    chosen: str


def read_audio(path: Path, start: float, end: float) -> AudioTrack | None:
    """Decode the sound between two times, in this process.

    Args:
        path: A video file.
        start: Begin in seconds on the container's axis, usually when the first frame is shown.
        end: End in seconds.

    Returns:
        The sound, or ``None`` if the file has no audio stream.

    Raises:
        UnreadableAudio: If the file cannot be opened, or the stream has packets and none can be decoded.
    """
    canvas = Canvas.between(start, end)
    heard = decode_audio(path, start, canvas.put)
    return None if heard is None else canvas.track(heard.broken, heard.chosen)


def decode_audio(path: Path, start: float, put: Put, alive: Callable[[], None] = unwatched) -> Heard | None:
    """Decode the sound piece by piece.

    Channels are averaged, then resampled by soxr in its high quality: only one packet is held. Time stamps rule: sound
    that starts late leaves a gap before it, as does a jump of more than 0.15 s, while stamps that are rounded, or early
    and late in turn, do not tear the sound apart. Where the file's clock begins again, sound stays with its pictures.

    Args:
        path: A video file.
        start: Where to count samples from, in seconds on the container's axis; usually when the first frame is shown.
        put: Gets the decoded sound; mono float32 at 16 kHz.
        alive: Called after every packet.

    Returns:
        What became of it, or ``None`` if the file has no audio stream.

    Raises:
        UnreadableAudio: If the file cannot be opened, or the stream has packets and none can be decoded.
    """
    try:
        with open_media(path) as container:
            if not container.streams.audio:
                return None
            clock = _clock(path, container, alive)
            stream = sound_of(container, clock.packets if clock is not None else None)
            if stream is None:
                return None
            shown = video_of(container)
            offsets = clock.offsets(None if shown is None else shown.index) if clock is not None else [Fraction(0)]
            broken = _decode(container, stream, [float(offset) - start for offset in offsets], put, alive)
            return Heard(broken, described(stream, container))
    except av.FFmpegError as error:
        raise UnreadableAudio(f"audio cannot be read: {error.strerror}") from error


def _clock(path: Path, container: av.container.InputContainer, alive: Callable[[], None]) -> Clock | None:
    # The tables of MP4 know only one clock, and how much each stream holds matters only among several.
    if "mp4" in container.format.name and len(container.streams.audio) == 1:
        return None
    clock = Clock()
    with open_media(path) as whole, suppress(av.FFmpegError):
        for packet in demuxed(whole):
            alive()
            clock.run(packet)
    return clock


@dataclass
class _Packets:
    """What became of the packets of a stream."""

    decoded: int = 0
    broken: int = 0
    reason: str = ""

    def broke(self, reason: str) -> None:
        self.broken += 1
        self.reason = self.reason or reason


def _decode(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    shifts: list[float],
    put: Put,
    alive: Callable[[], None],
) -> int:
    packets = _Packets()
    resampler: Resampler | None = None
    broken = 0
    for stamp, rate, sound in _sounds(container, stream, shifts, packets):
        alive()
        time = (resampler.time if resampler else 0.0) if stamp is None else stamp
        # Behind a packet that could not be decoded there is a hole, however small.
        jumps = packets.broken > broken
        broken = packets.broken
        if resampler is None or jumps or not resampler.continued_by(time, rate):
            if resampler is not None:
                resampler.finish()
            resampler = Resampler(put, time, rate)
        resampler.add(sound, time)
    if resampler is not None:
        resampler.finish()
    if packets.broken and not packets.decoded:
        raise UnreadableAudio(f"none of its {packets.broken} audio packets can be decoded: {packets.reason}")
    return packets.broken


def _sounds(
    container: av.container.InputContainer, stream: av.AudioStream, shifts: list[float], packets: _Packets
) -> Iterator[tuple[float | None, int, NDArray[np.float32]]]:
    clock = Clock()
    # Other streams tell where the clock begins again.
    demuxer = demuxed(container) if len(shifts) > 1 else demuxed(container, stream)
    recent: deque[tuple[int, int]] = deque(maxlen=PACKETS_BEHIND)  # stamps of packets and their runs
    while True:
        try:
            packet = next(demuxer, None)
        except av.FFmpegError as error:
            packets.broke(str(error.strerror))
            return
        if packet is None:
            return
        run = clock.run(packet) if len(shifts) > 1 else 0
        if packet.stream.index != stream.index:
            continue
        if packet.pts is not None:
            recent.append((packet.pts, min(run, len(shifts) - 1)))
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            packets.broke(str(error.strerror))
            continue
        for frame in frames:
            sound = mono(frame)
            if np.isfinite(sound).all():
                packets.decoded += 1
                yield _time(frame, recent, shifts), frame.sample_rate, sound
            else:
                packets.broke("samples that are no numbers")


def _time(frame: av.AudioFrame, recent: deque[tuple[int, int]], shifts: list[float]) -> float | None:
    """Give when a frame sounds: its stamp, moved with the run of the packet that it comes from."""
    if frame.time is None or frame.pts is None:
        return None
    pts = frame.pts
    run = min(recent, key=lambda packet: abs(packet[0] - pts))[1] if recent else 0
    return float(frame.time + shifts[run])
