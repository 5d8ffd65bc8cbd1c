"""Pictures of a video at the sampled frames, and when each frame is shown.

libav demuxes and decodes, through PyAV. Frames are counted in the order in which they are shown, decoded one after the
other without seeking, and held only while they are asked for: a film of any length takes the memory of a few frames.
(decord, which gives the same pictures, decodes ahead of whoever reads as fast as it can, without a bound: two hours of
640 x 360 had taken 11 GB after 24 seconds. Its seeking calls take the position of a packet in the file for that of a
frame on the screen, and its time stamps start at zero for every stream.)

A video is embedded whole or not at all: one packet that cannot be decoded makes it unreadable, because a picture that
is left out or repeated would shift or falsify every row after it. Files that end too early are recognised where the
container says how much there should be: MP4 (in fragments only if the cut goes through one), Matroska, WebM, FLV and
AVI. An MPEG program or transport stream says nothing; one that was cut is a shorter video.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from extract.clock import BACK_SECONDS, DEFAULT_FRAME_SECONDS, Clock
from extract.container_size import missing_of_matroska, missing_of_riff
from extract.rgb import RgbConversion
from extract.streams import video_of

# A damaged time stamp can claim years, for which the audio step would make room.
MOST_HOURS = 24
# Shorter than this, the header's duration and the last packet differ in files that are whole.
MISSING_SECONDS = 1.0
# A picture that stands for longer than so many typical ones says nothing about the others.
MOST_TYPICAL_DURATIONS = 5
# 8K, however it is turned. A decoder holds up to 17 such pictures; more would not fit into a worker's memory.
MOST_PIXELS = 7680 * 4320


class UnreadableVideo(Exception):  # noqa: N818, says what the video is
    """A video that cannot be decoded; the message is the reason, in one line, without the path."""


class FrameCountMismatch(UnreadableVideo):
    """The decoder shows another number of frames than the timeline has."""


@dataclass(frozen=True)
class Timeline:
    """When the frames of a video are shown.

    Attributes:
        starts: Presentation time of every frame in seconds on the container's axis, which all its
            streams share; in presentation order, [N] float64, N at least 1.
        frame_seconds: Duration of a typical frame in seconds: the mean of those that do not last for more than five
            times the median.
    """

    starts: NDArray[np.float64]
    frame_seconds: float

    @property
    def fps(self) -> float:
        """Typical frame rate, frames per second; NaN if all frames are shown at once."""
        return 1 / self.frame_seconds if self.frame_seconds > 0 else float("nan")


def unwatched() -> None:
    """Stand in where nobody watches whether the work goes on."""


# libav's names of what is one file. It would take a list of other files (an HLS playlist, a concat script), a picture
# sequence or a device for a video too, whatever the file is called, and read what that names.
FORMATS = ",".join(
    (
        "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "m4v",
        "h264", "hevc", "vvc", "av1", "obu", "ivf", "flv", "live_flv", "asf", "asf_o", "ogg", "mxf", "gxf", "dv", "nut",
        "wtv", "rm", "dhav", "nuv", "nsv", "mjpeg", "yuv4mpegpipe", "gif", "swf", "vc1",
        # Sound alone, which is then said to have no pictures.
        "wav", "w64", "mp3", "flac", "aac", "ac3", "eac3", "aiff", "caf", "amr",
    )
)  # fmt: skip


def open_media(path: Path) -> av.container.InputContainer:
    """Open a media file, whatever its name and its texts look like.

    Raises:
        av.FFmpegError: If libav cannot open it, or it is of none of ``FORMATS``.
    """
    try:
        # "a:b.mp4" is a file and no protocol; titles in old files are not always UTF-8.
        return av.open(f"file:{path}", metadata_errors="replace", container_options={"format_whitelist": FORMATS})
    except av.ArgumentError as error:
        raise av.InvalidDataError(error.errno, "it is of no format in which one file holds a video") from None


def demuxed(container: av.container.InputContainer, *streams: av.stream.Stream) -> Iterator[av.Packet]:
    """Give the packets of ``streams``, or of all, and at the end an empty one of each stream."""
    # Of a stream that turns up midway, as in MPEG program streams, PyAV knows nothing when it comes to the ends.
    with suppress(IndexError):
        yield from container.demux(*streams)


def demuxed_timeline(path: Path, alive: Callable[[], None] = unwatched) -> Timeline:
    """Read when frames are shown from the packets alone, without decoding.

    Right for nearly every file, and cheap. Frames that an edit list hides are left out.

    Args:
        path: A video file.
        alive: Called after every packet.

    Raises:
        UnreadableVideo: If the file cannot be opened, has no pictures or no time stamps, is cut short, or has pictures
            larger than 8K.
    """
    with _opened(path, "read") as container:
        stream = _video_stream(container)
        packets = 0
        clock = Clock()
        runs: dict[int, list[tuple[int | None, int | None]]] = {}
        last_end = 0.0
        for packet in demuxed(container):
            alive()
            if packet.size == 0 and packet.dts is None:  # libav's sign that a stream has ended
                continue
            run = clock.run(packet)
            last_end = max(last_end, _end_seconds(packet))
            if packet.stream_index == stream.index:
                packets += 1
                if packet.size > 0 and not packet.is_discard:
                    runs.setdefault(run, []).append((packet.pts, packet.dts))
        _check_whole(path, container, stream, packets, last_end)
        return _timeline({run: _presentation_times(shown) for run, shown in runs.items()}, clock, stream)


def decoded_timeline(path: Path, alive: Callable[[], None] = unwatched) -> Timeline:
    """Read when frames are shown by decoding them all.

    For files in which packets and frames are not one to one: pictures that cannot be decoded because
    what they refer to was cut away, or packets that carry no picture.

    Args:
        path: A video file.
        alive: Called after every frame.

    Raises:
        UnreadableVideo: If decoding fails or gives no frame with a time stamp.
    """
    with _opened(path, "decoded") as container:
        stream = _video_stream(container)
        clock, order = _clock(path, stream.index, alive)
        runs: dict[int, list[tuple[int | None, int | None]]] = {}
        last, place = None, 0
        for frame in _decoded(container, stream):
            alive()
            if _falls_back(last, frame, stream) and place < len(order) - 1:
                place += 1
            last = frame.pts if frame.pts is not None else last
            runs.setdefault(order[place] if order else 0, []).append((frame.pts, frame.dts))
        return _timeline({run: _presentation_times(shown) for run, shown in runs.items()}, clock, stream)


def pictures(
    path: Path, frames: int, *, stride: int, batch: int, threads: int, alive: Callable[[], None] = unwatched
) -> Iterator[NDArray[np.uint8]]:
    """Decode a video and give one frame in ``stride``.

    Every frame is decoded in presentation order and at most ``batch`` are held. Rotation that the file
    asks for is applied.

    Args:
        path: A video file.
        frames: How many frames it shows, from a ``Timeline``.
        stride: Frames a snippet.
        batch: Frames given at once.
        threads: Decoding threads; the pictures do not depend on it.
        alive: Called after every frame.

    Yields:
        RGB pictures [n, H, W, 3] uint8, n = ``batch`` but for the last.

    Raises:
        FrameCountMismatch: If the decoder shows fewer or more frames than ``frames``.
        UnreadableVideo: If decoding fails.
    """
    with _opened(path, "decoded") as container:
        stream = _video_stream(container)
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        yield from _sampled(_decoded(container, stream), frames, stride, batch, alive)


@contextmanager
def _opened(path: Path, done: str) -> Iterator[av.container.InputContainer]:
    try:
        with open_media(path) as container:
            yield container
    except MemoryError:  # one of libav's errors too, but the worker's to explain
        raise
    except av.FFmpegError as error:
        raise UnreadableVideo(f"cannot be {done}: {error.strerror}") from error


def _decoded(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    for packet in demuxed(container, stream):
        yield from packet.decode()


def _sampled(
    decoded: Iterator[av.VideoFrame], frames: int, stride: int, batch: int, alive: Callable[[], None]
) -> Iterator[NDArray[np.uint8]]:
    to_rgb = RgbConversion()
    held: list[NDArray[np.uint8]] = []
    for index in range(frames):
        alive()
        frame = next(decoded, None)
        if frame is None:
            raise FrameCountMismatch(f"shows {index} of the {frames} frames it holds")
        if index % stride == 0:
            held.append(to_rgb(frame))
        if len(held) == batch:
            yield np.stack(held)
            held = []
    if next(decoded, None) is not None:
        raise FrameCountMismatch(f"shows more than the {frames} frames it holds")
    if held:
        yield np.stack(held)


def _video_stream(container: av.container.InputContainer) -> av.VideoStream:
    stream = video_of(container)
    if stream is None:
        raise UnreadableVideo("has no video stream")
    if stream.codec_context is None:
        raise UnreadableVideo("its pictures are in a format that no decoder here knows")
    if stream.width * stream.height > MOST_PIXELS:
        raise UnreadableVideo(f"its pictures of {stream.width} x {stream.height} are larger than 8K; scale them down")
    return stream


def _end_seconds(packet: av.Packet) -> float:
    stamp = packet.pts if packet.pts is not None else packet.dts
    if stamp is None or packet.time_base is None:
        return 0.0
    return float((stamp + (packet.duration or 0)) * packet.time_base)


def _check_whole(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, packets: int, last_end: float
) -> None:
    # MP4 lists every packet in advance.
    if "mp4" in container.format.name and packets < len(stream.index_entries):
        raise UnreadableVideo(f"is cut short: holds {packets} of {len(stream.index_entries)} frames; fetch it again")
    missing = 0
    if container.format.name == "matroska,webm":
        missing = missing_of_matroska(path)
    elif container.format.name == "avi":
        missing = missing_of_riff(path)
    # FLV, and Matroska as it is streamed, say no more than how long they are, and list key frames only or nothing.
    unsure = container.format.name == "flv" or missing != 0
    if unsure and container.format.name != "avi" and container.duration is not None:
        declared = container.duration / av.time_base
        if last_end < declared - MISSING_SECONDS:
            raise UnreadableVideo(f"is cut short: ends after {last_end:.1f} of {declared:.1f} s; fetch it again")
    if missing > 0:
        raise UnreadableVideo(f"is cut short: its last {missing} bytes are missing; fetch it again")


def _presentation_times(stamps: list[tuple[int | None, int | None]]) -> list[int]:
    if all(pts is not None for pts, _ in stamps):
        return sorted(pts for pts, _ in stamps if pts is not None)
    if any(dts is None for _, dts in stamps):
        raise UnreadableVideo(
            "its frames carry no time stamps; remux it, for example with ffmpeg -i IN -c copy OUT.mkv"
        )
    # Some program streams stamp only a few pictures with their time of presentation. The order of decoding then
    # gives the distances, and the first picture the place on the axis.
    decoding = sorted(dts for _, dts in stamps if dts is not None)
    first = stamps[0][0]
    return [dts - decoding[0] + (decoding[0] if first is None else first) for dts in decoding]


def _clock(path: Path, video: int, alive: Callable[[], None]) -> tuple[Clock, list[int]]:
    """Follow the clock of a whole file; also the runs in which stream ``video`` has pictures, in their order."""
    clock = Clock()
    order: list[int] = []
    with open_media(path) as container, suppress(av.FFmpegError):
        for packet in demuxed(container):
            alive()
            run = clock.run(packet)
            if packet.stream_index == video and packet.size > 0 and run not in order:
                order.append(run)
    return clock, sorted(order)


def _falls_back(last: int | None, frame: av.VideoFrame, stream: av.VideoStream) -> bool:
    if last is None or frame.pts is None or stream.time_base is None:
        return False
    return bool((last - frame.pts) * stream.time_base > BACK_SECONDS)


def _timeline(runs: dict[int, list[int]], clock: Clock, stream: av.VideoStream) -> Timeline:
    if not runs or stream.time_base is None:
        raise UnreadableVideo("shows no frame")
    base, offsets = stream.time_base, clock.offsets(stream.index)
    ends = [stamps[i] * base + offsets[run] for run, stamps in runs.items() for i in (0, -1)]
    if max(ends) - min(ends) > MOST_HOURS * 3600:
        raise UnreadableVideo(f"its time stamps run over more than {MOST_HOURS} hours")
    starts = np.concatenate(
        [
            np.array(stamps, dtype=np.float64) * base.numerator / base.denominator + float(offsets[run])
            for run, stamps in sorted(runs.items())
        ]
    )
    ticks = np.concatenate([np.diff(np.array(stamps, dtype=np.int64)) for stamps in runs.values()])
    if len(ticks) > 0:
        most = MOST_TYPICAL_DURATIONS * float(np.median(ticks))
        ordinary = ticks[ticks <= most] if most > 0 else ticks
        # Matroska rounds to milliseconds, so that the median alone would be off. Fractions keep a constant 25 frames
        # a second at exactly 25.
        frame_seconds = Fraction(int(ordinary.sum()), len(ordinary)) * base
    else:
        frame_seconds = 1 / stream.average_rate if stream.average_rate else DEFAULT_FRAME_SECONDS
    return Timeline(np.sort(starts), float(frame_seconds))
