"""Small real video files with known contents, and ways to damage them."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 160, 120, 25
BITS = 10
COLUMN = WIDTH // BITS
RATE = 44_100
# B-frames across open groups of pictures: packets and pictures come in different orders.
OPEN_GROUPS = {"x264-params": "keyint=30:min-keyint=30:bframes=3:open-gop=1:scenecut=0"}


def numbered(number: int) -> NDArray[np.uint8]:
    """A picture that shows ``number`` as ten bright or dark columns."""
    bits = np.array([number >> bit & 1 for bit in range(BITS)])
    row = np.where(bits, 220, 40).repeat(COLUMN).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def number_of(picture: NDArray[np.uint8]) -> int:
    """Read a numbered picture, whatever compression did to it."""
    columns = picture[20:100].reshape(80, BITS, COLUMN, 3)[:, :, 4:12].mean(axis=(0, 2, 3))
    return int(sum(1 << bit for bit in range(BITS) if columns[bit] > 130))


def click_track(seconds: float, clicks: Sequence[float], hum: float = 0.0) -> NDArray[np.float32]:
    """Sound at 44.1 kHz with a 5 ms burst at each of ``clicks`` and a quiet hum beneath; mono float32."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = hum * np.sin(2 * np.pi * 330 * time)
    for click in clicks:
        inside = (time >= click) & (time < click + 0.005)
        sound[inside] = 0.8 * np.sin(2 * np.pi * 2000 * (time[inside] - click))
    return sound.astype(np.float32)


def write_video(
    path: Path,
    pictures: Sequence[NDArray[np.uint8]],
    *,
    times: Sequence[float] | None = None,
    sound: NDArray[np.float32] | None = None,
    sound_start: float = 0.0,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Write pictures, at 25 frames a second or at ``times`` (seconds), and mono sound from ``sound_start`` on."""
    times = [index / FPS for index in range(len(pictures))] if times is None else times
    with av.open(path, "w") as container:
        video = container.add_stream(codec, rate=FPS)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.options = options or {}
        # MPEG-2 and MPEG-4 part 2 have no room for finer ticks.
        video.codec_context.time_base = Fraction(1, FPS) if codec in ("mpeg4", "mpeg2video") else Fraction(1, 12800)
        audio = None if sound is None else container.add_stream("aac", rate=RATE, layout="mono")
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.time_base = video.codec_context.time_base
            frame.pts = round(time / frame.time_base)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            for start in range(0, len(sound), 1024):
                frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
                frame.rate, frame.time_base = RATE, Fraction(1, RATE)
                frame.pts = round(sound_start * RATE) + start
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def write_numbered(path: Path, frames: int, **settings: object) -> Path:
    """Write ``frames`` numbered pictures; settings as for ``write_video``."""
    return write_video(path, [numbered(index) for index in range(frames)], **settings)  # type: ignore[arg-type]


def to_front(path: Path) -> Path:
    """Rewrite an mp4 with its index before its pictures, as files for the web have it."""
    target = path.with_name(f"front-{path.name}")
    with av.open(path) as source, av.open(target, "w", options={"movflags": "faststart"}) as copy:
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                copy.mux(packet)
    return target


def cut_short(path: Path, share: float) -> Path:
    """Keep the first ``share`` of a file's bytes, as a broken download does."""
    content = path.read_bytes()
    target = path.with_name(f"short-{path.name}")
    target.write_bytes(content[: int(len(content) * share)])
    return target


def hide_first_frames(path: Path, frames: int) -> Path:
    """Make an mp4's edit list begin ``frames`` frames later, as cutting without encoding does."""
    content = bytearray(path.read_bytes())
    # The entry: duration, place in the media in units of 1/12800 s, speed.
    entry = content.index(b"elst") + 12
    duration, place, speed = struct.unpack_from(">Iii", content, entry)
    struct.pack_into(">Iii", content, entry, duration, place + frames * 12800 // FPS, speed)
    target = path.with_name(f"edited-{path.name}")
    target.write_bytes(content)
    return target


def turn_right(path: Path, quarters: int = 1, off: int = 0) -> Path:
    """Ask players of an mp4 to turn the picture some quarters clockwise, as phones do.

    ``off`` takes the place of each 0 in the rotation, in units of 1/65536, as other programs' arithmetic leaves it.
    """
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 16
    cosine, sine = ([65536, off, -65536, off][(quarters + shift) % 4] for shift in (0, 3))
    struct.pack_into(">9i", content, matrix, cosine, sine, 0, -sine, cosine, 0, HEIGHT * 65536, 0, 1 << 30)
    target = path.with_name(f"turned-{path.name}")
    target.write_bytes(content)
    return target


def without_first_packets(path: Path, packets: int) -> Path:
    """Copy the pictures of a file without its first ``packets`` packets into a Matroska file."""
    target = path.with_name(f"headless-{path.stem}.mkv")
    with av.open(path) as source, av.open(target, "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        kept = [packet for packet in source.demux(video=0) if packet.size][packets:]
        for packet in kept:
            packet.stream = stream
            copy.mux(packet)
    return target


def spoil_packets(path: Path, kind: str, numbers: slice) -> Path:
    """Overwrite some packets of the first ``kind`` ("video" or "audio") stream with 0xFF."""
    with av.open(path) as source:
        stream = source.streams.best(kind)
        places = [(packet.pos, packet.size) for packet in source.demux(stream) if packet.size]
    content = bytearray(path.read_bytes())
    for position, size in places[numbers]:
        content[position : position + size] = b"\xff" * size
    target = path.with_name(f"spoilt-{path.name}")
    target.write_bytes(content)
    return target
