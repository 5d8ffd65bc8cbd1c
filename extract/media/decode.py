"""Pictures of a video at the sampled frames, and when each frame is shown.

libav demuxes and decodes, through PyAV. Frames are counted in the order in which they are shown, decoded one after the
other without seeking, and held only while they are asked for: a film of any length takes the memory of a few frames.
(``decord_pictures.py`` gives the same pictures by decord, which decodes ahead of whoever reads, without a bound.)

A video is embedded whole or not at all: one packet that cannot be decoded makes it unreadable, because a picture that
is left out or repeated would shift or falsify every row after it. So do pictures that are missing beside damage
(``damage.py``). Files that end too early are recognised where the container says how much there should be: MP4 (in
fragments only if the cut goes through one), Matroska, WebM, FLV and AVI (``whole.py``); who wants such a file all the
same says so. An MPEG program or transport stream says nothing; one that was cut is a shorter video, without the last
picture if this is half a one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from numpy.typing import NDArray

from extract.media.clock import BACK_SECONDS, DEFAULT_FRAME_SECONDS, Clock
from extract.media.damage import (
    LOSSY,
    MOST_TYPICAL_STEPS,
    Remark,
    Signs,
    holes_of,
    libav_heard,
    missing_beside,
    say_holes,
    say_signs,
    unsaid,
)
from extract.media.rgb import RgbConversion
from extract.media.streams import video_of
from extract.media.whole import MISSING_SECONDS, cut_short, declared_seconds, lost_of_index, says_no_size

T = TypeVar("T")
# A damaged time stamp can claim years, for which the audio step would make room.
MOST_HOURS = 24
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
        cut: Why the file seems to be cut short, in one line; empty if it does not.
    """

    starts: NDArray[np.float64]
    frame_seconds: float
    cut: str = ""

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
    """Give the packets of ``streams``, or of all, that hold something, and at the end an empty one of each stream.

    An empty packet stands for a picture that stays, as programs write it where they dropped one. A decoder takes it for
    the end.
    """
    ends: dict[int, av.Packet] = {}
    # Of a stream that turns up midway, as in MPEG program streams, PyAV knows nothing when it comes to the ends.
    with suppress(IndexError):
        for packet in container.demux(*streams):
            if packet.size > 0:
                yield packet
            else:
                # Its own index is not to be relied on: those that PyAV adds at the end have none.
                ends[packet.stream.index] = packet
    yield from ends.values()


def demuxed_timeline(
    path: Path, alive: Callable[[], None] = unwatched, remark: Remark = unsaid, *, cut: bool = False
) -> Timeline:
    """Read when frames are shown from the packets alone, without decoding.

    Right for nearly every file, and cheap; ``shown`` tells for which. Frames that an edit list hides are left out.

    Args:
        path: A video file.
        alive: Called after every packet.
        remark: Gets what is odd about a file that is read all the same, in one line each.
        cut: Whether to take a file that seems to be cut short.

    Raises:
        UnreadableVideo: If the file cannot be opened, has no pictures or no time stamps, is cut short, lacks pictures
            beside damage, or has pictures larger than 8K.
    """
    with libav_heard() as log, _opened(path, "read") as container:
        stream = _video_stream(container)
        signs = Signs(log, container.format.name)
        packets = 0
        clock = Clock()
        runs: dict[int, list[tuple[int | None, int | None]]] = {}
        last_end = 0.0
        for packet in demuxed(container):
            alive()
            if packet.size == 0:
                continue
            run = clock.run(packet)
            signs.look(run, len(runs.get(run, ())))
            last_end = max(last_end, _end_seconds(packet))
            if packet.stream_index == stream.index:
                packets += 1
                if not packet.is_discard:
                    runs.setdefault(run, []).append((packet.pts, packet.dts))
        last = max(runs, default=0)
        signs.look(last, len(runs.get(last, ())))
        reason = cut_short(path, container, stream, packets, last_end)
        if reason and not cut:
            raise UnreadableVideo(reason)
        lost = "" if reason else lost_of_index(container, stream, packets)
        if lost:
            raise UnreadableVideo(lost)
        timeline = replace(
            _timeline({run: _presentation_times(shown) for run, shown in runs.items()}, clock, stream), cut=reason
        )
        _judge(container, stream, runs, signs, timeline, last_end, remark)
        return timeline


def shown(
    path: Path,
    look: Callable[[Timeline], T],
    alive: Callable[[], None] = unwatched,
    remark: Remark = unsaid,
    *,
    cut: bool = False,
) -> T:
    """Find out when the frames of a video are shown, and look at them: the one way to count frames.

    Catalogs and shards count by it, so that ground truth and features share an axis.

    Args:
        path: A video file.
        look: Decodes the video to its end, by ``pictures``. It is called again with another timeline if it raises
            ``FrameCountMismatch``, as in a rare kind of file whose packets and frames are not one to one.
        alive: Called after every packet or frame.
        remark: As for ``demuxed_timeline``.
        cut: As for ``demuxed_timeline``.

    Returns:
        What ``look`` gives.

    Raises:
        UnreadableVideo: As ``demuxed_timeline``, ``decoded_timeline`` and ``look`` do.
    """
    timeline = demuxed_timeline(path, alive, remark, cut=cut)
    with suppress(FrameCountMismatch):
        return look(timeline)
    return look(replace(decoded_timeline(path, alive, cut=cut), cut=timeline.cut))


def decoded_timeline(path: Path, alive: Callable[[], None] = unwatched, *, cut: bool = False) -> Timeline:
    """Read when frames are shown by decoding them all.

    For files in which packets and frames are not one to one: pictures that cannot be decoded because
    what they refer to was cut away, or packets that carry no picture.

    Args:
        path: A video file.
        alive: Called after every frame.
        cut: Whether to take a file that seems to be cut short.

    Raises:
        UnreadableVideo: If decoding fails or gives no frame with a time stamp.
    """
    with _opened(path, "decoded") as container:
        stream = _video_stream(container)
        clock, order = _clock(path, stream.index, alive)
        runs: dict[int, list[tuple[int | None, int | None]]] = {}
        last, place = None, 0
        for frame in _decoded(container, stream, may_lack_last=cut or says_no_size(path, container)):
            alive()
            if _falls_back(last, frame, stream) and place < len(order) - 1:
                place += 1
            last = frame.pts if frame.pts is not None else last
            runs.setdefault(order[place] if order else 0, []).append((frame.pts, frame.dts))
        return _timeline({run: _presentation_times(shown) for run, shown in runs.items()}, clock, stream)


def picture_size(path: Path) -> tuple[int, int]:
    """Give the width and height of a video's pictures in pixels, as they lie in the file.

    Raises:
        UnreadableVideo: If the file cannot be opened, or its pictures cannot be decoded here.
    """
    with _opened(path, "decoded") as container:
        stream = _video_stream(container)
        return stream.width, stream.height


def pictures(
    path: Path,
    frames: int,
    *,
    stride: int,
    batch: int,
    threads: int,
    alive: Callable[[], None] = unwatched,
    remark: Remark = unsaid,
    cut: bool = False,
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
        remark: Gets what is odd about its pictures, in one line each.
        cut: Whether to take a file that seems to be cut short.

    Yields:
        RGB pictures [n, H, W, 3] uint8, n = ``batch`` but for the last.

    Raises:
        FrameCountMismatch: If the decoder shows fewer or more frames than ``frames``.
        UnreadableVideo: If decoding fails.
    """
    with _opened(path, "decoded") as container:
        stream = _video_stream(container)
        may_lack_last = cut or says_no_size(path, container)
        # Of several pictures that are decoded at once, none can be told to be the broken one, and threads mend it in
        # different ways.
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 1 if may_lack_last else threads
        odd: list[str] = []
        decoded = _decoded(container, stream, may_lack_last, odd.append)
        yield from _sampled(decoded, frames, stride, batch, alive, odd.append)
        # Only now do the frames count: a second attempt would say it again.
        for text in odd:
            remark(text)


@contextmanager
def _opened(path: Path, done: str) -> Iterator[av.container.InputContainer]:
    try:
        with open_media(path) as container:
            yield container
    except MemoryError:  # one of libav's errors too, but the worker's to explain
        raise
    except av.FFmpegError as error:
        raise UnreadableVideo(f"cannot be {done}: {error.strerror}") from error


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream, may_lack_last: bool, remark: Remark = unsaid
) -> Iterator[av.VideoFrame]:
    packets = demuxed(container, stream)
    for packet in packets:
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.FFmpegError:
            after = next(packets, None)
            if not may_lack_last or packet.size == 0 or (after is not None and after.size > 0):
                raise
            remark("ends within its last picture, which is left out")
            frames = after.decode() if after is not None else []
        yield from frames


def _sampled(
    decoded: Iterator[av.VideoFrame],
    frames: int,
    stride: int,
    batch: int,
    alive: Callable[[], None],
    remark: Remark,
) -> Iterator[NDArray[np.uint8]]:
    to_rgb = RgbConversion()
    held: list[NDArray[np.uint8]] = []
    damaged = 0
    for index in range(frames):
        alive()
        frame = next(decoded, None)
        if frame is None:
            raise FrameCountMismatch(f"shows {index} of the {frames} frames it holds")
        damaged += frame.is_corrupt
        if index % stride == 0:
            held.append(to_rgb(frame))
        if len(held) == batch:
            yield np.stack(held)
            held = []
    if next(decoded, None) is not None:
        raise FrameCountMismatch(f"shows more than the {frames} frames it holds")
    if damaged:
        remark(f"has {damaged} damaged pictures, used as the decoder mends them")
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


def _judge(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    runs: dict[int, list[tuple[int | None, int | None]]],
    signs: Signs,
    timeline: Timeline,
    last_end: float,
    remark: Remark,
) -> None:
    """Refuse a file that lacks pictures beside damage, and say what else is odd about it."""
    base = float(stream.time_base or 0)
    packets = {run: np.array([_stamp(shown) for shown in stamps], float) * base for run, stamps in runs.items()}
    shown = {run: np.array(_presentation_times(stamps), float) * base for run, stamps in runs.items()}
    holes, constant = holes_of(shown)
    beside = missing_beside(signs.found, holes, packets)
    # Whoever takes a file without its end takes it with the damage there.
    if beside is not None and container.format.name not in LOSSY and not timeline.cut:
        sign, hole = beside
        raise UnreadableVideo(
            f"is damaged at {hole.start:.2f} s: no picture for {hole.seconds:.2f} s beside what libav reports "
            f"({sign.text}); fetch it again"
        )
    declared, last = declared_seconds(container), max(runs)
    short = 0.0 if declared is None or timeline.cut else declared - last_end
    at_end = [sign for sign in signs.found if (sign.run, sign.packet) == (last, len(runs[last]))]
    if at_end and short > MOST_TYPICAL_STEPS * timeline.frame_seconds and container.format.name not in LOSSY:
        raise UnreadableVideo(
            f"is damaged at {last_end:.2f} of {declared:.2f} s, where libav reports {at_end[0].text}; fetch it again"
        )
    say_signs(signs.found, remark)
    if short > MISSING_SECONDS and container.format.name in ("flv", "matroska,webm"):
        remark(
            f"ends after {last_end:.1f} of the {declared:.1f} s that its header names; nothing of the file is missing"
        )
    # What lists its packets has been compared with its list.
    if constant and container.format.name != "avi" and "mp4" not in container.format.name:
        say_holes(holes, remark)


def _stamp(stamps: tuple[int | None, int | None]) -> int:
    pts, dts = stamps
    return pts if pts is not None else dts or 0


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
