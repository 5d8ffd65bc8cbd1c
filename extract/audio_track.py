"""The sound of a video as samples on the time axis of its pictures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from extract.decode import demuxed, open_media, unwatched

SAMPLE_RATE = 16_000
# Takes the place of the first of some samples, counted from the start asked for, and the samples.
Put = Callable[[int, NDArray[np.float32]], None]


class UnreadableAudio(Exception):  # noqa: N818, says what the audio is
    """An audio stream of which nothing can be decoded; the message is the reason, in one line."""


@dataclass(frozen=True)
class AudioTrack:
    """Mono sound at 16 kHz, cut to the time the pictures take.

    Attributes:
        samples: [n] float32; sample k sounds k / 16000 s after the start asked for. Zero where
            nothing was decoded.
        decoded: First sample and the one after the last of every stretch that was decoded; [D, 2] int64.
        broken: Packets that could not be decoded; their time stays silent.
    """

    samples: NDArray[np.float32]
    decoded: NDArray[np.int64]
    broken: int

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

    samples: NDArray[np.float32]
    stretches: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def between(cls, start: float, end: float) -> "Canvas":
        """Make room for the sound between two times, seconds."""
        # Zeros that nobody writes to take no memory.
        return cls(np.zeros(max(0, round((end - start) * SAMPLE_RATE)), np.float32))

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

    def track(self, broken: int) -> AudioTrack:
        """Give what was put, with the number of packets that could not be decoded."""
        return AudioTrack(self.samples, self._merged(), broken)

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


def read_audio(path: Path, start: float, end: float) -> AudioTrack | None:
    """Decode the first audio stream between two times, in this process.

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
    broken = decode_audio(path, start, canvas.put)
    return None if broken is None else canvas.track(broken)


def decode_audio(path: Path, start: float, put: Put, alive: Callable[[], None] = unwatched) -> int | None:
    """Decode the first audio stream piece by piece.

    Channels are averaged, then resampled by soxr in its high quality: only one packet is held. Time stamps rule: sound
    that starts late leaves a gap before it, as does one longer than a packet, while stamps that are merely rounded do
    not tear the sound apart.

    Args:
        path: A video file.
        start: Where to count samples from, in seconds on the container's axis; usually when the first frame is shown.
        put: Gets the decoded sound; mono float32 at 16 kHz.
        alive: Called after every packet.

    Returns:
        Packets that could not be decoded, or ``None`` if the file has no audio stream.

    Raises:
        UnreadableAudio: If the file cannot be opened, or the stream has packets and none can be decoded.
    """
    try:
        with open_media(path) as container:
            if not container.streams.audio:
                return None
            return _decode(container, container.streams.audio[0], start, put, alive)
    except av.FFmpegError as error:
        raise UnreadableAudio(f"audio cannot be read: {error.strerror}") from error


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
    start: float,
    put: Put,
    alive: Callable[[], None],
) -> int:
    packets = _Packets()
    resampler: _Resampler | None = None
    for stamp, rate, sound in _sounds(container, stream, packets):
        alive()
        time = (resampler.time if resampler else 0.0) if stamp is None else stamp - start
        if resampler is None or not resampler.continued_by(time, rate, len(sound)):
            if resampler is not None:
                resampler.finish()
            resampler = _Resampler(put, time, rate)
        resampler.add(sound)
    if resampler is not None:
        resampler.finish()
    if packets.broken and not packets.decoded:
        raise UnreadableAudio(f"none of its {packets.broken} audio packets can be decoded: {packets.reason}")
    return packets.broken


def _sounds(
    container: av.container.InputContainer, stream: av.AudioStream, packets: _Packets
) -> Iterator[tuple[float | None, int, NDArray[np.float32]]]:
    demuxer = demuxed(container, stream)
    while True:
        try:
            packet = next(demuxer, None)
        except av.FFmpegError as error:
            packets.broke(str(error.strerror))
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            packets.broke(str(error.strerror))
            continue
        for frame in frames:
            sound = _mono(frame)
            if np.isfinite(sound).all():
                packets.decoded += 1
                yield frame.time, frame.sample_rate, sound
            else:
                packets.broke("samples that are no numbers")


def _mono(frame: av.AudioFrame) -> NDArray[np.float32]:
    channels = frame.layout.nb_channels
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    if samples.dtype.kind in "iu":
        # Unsigned sound (8 bit) rests at the middle of its range.
        scale = float(2 ** (8 * samples.itemsize - 1))
        samples = samples.astype(np.float64) / scale - (samples.dtype.kind == "u")
    mono: NDArray[np.float32] = samples.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mono


class _Resampler:
    """Resamples one unbroken stretch of sound."""

    def __init__(self, put: Put, time: float, rate: int) -> None:
        self._piece = put
        self._start = time
        self._rate = rate
        self._heard = 0
        self._position = round(time * SAMPLE_RATE)
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    @property
    def time(self) -> float:
        """When the next sample of the stretch is due, seconds."""
        return self._start + self._heard / self._rate

    def continued_by(self, time: float, rate: int, samples: int) -> bool:
        """Say whether ``samples`` samples at ``time`` go on where the stretch ends, give or take their own length."""
        return rate == self._rate and abs(time - self.time) <= samples / rate

    def add(self, sound: NDArray[np.float32]) -> None:
        self._heard += len(sound)
        self._put(self._stream.resample_chunk(sound))

    def finish(self) -> None:
        self._put(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))

    def _put(self, sound: NDArray[np.float32]) -> None:
        self._piece(self._position, sound)
        self._position += len(sound)
