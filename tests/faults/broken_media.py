"""Hostile and broken media files, any number of them from a seed.

File ``number`` of ``seed`` is always the same; kinds take turns, so that any ``len(KINDS)`` files in a row hold each
kind once. What PyAV's libav cannot encode is absent: interlaced AVC-Intra, WMV3, RealVideo.
"""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.extract.made_videos import (
    click_track,
    hide_first_frames,
    numbered,
    spoil_packets,
    to_front,
    turn_right,
    write_numbered,
    write_video,
)

TEN_HOURS = 36_000
SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "videos"
Generator = np.random.Generator
Kind = Callable[[Path, Sequence[Path], Generator], Path]


def make_sources(folder: Path) -> list[Path]:
    """Write whole videos of several containers, and add the sample videos where they lie."""
    sound = click_track(1.2, [0.5], hum=0.2)
    folder.mkdir(parents=True, exist_ok=True)
    made = [write_numbered(folder / name, 30, sound=sound) for name in ("a.mp4", "b.mkv", "c.avi", "d.flv", "e.ts")]
    fragmented = folder / "f.mp4"
    _copied(made[0], fragmented, ("video", "audio"), {"movflags": "frag_keyframe+empty_moov"})
    return [*made, to_front(made[0]), fragmented, *sorted(SAMPLES.glob("*.m*"))]


def make(folder: Path, sources: Sequence[Path], seed: int, number: int) -> tuple[str, Path]:
    """Write one broken file; give its kind and path."""
    name = list(KINDS)[number % len(KINDS)]
    own = folder / f"{number:05d}-{name}"
    own.mkdir(parents=True)
    made = KINDS[name](own, sources, np.random.default_rng([seed, number]))
    target = folder / f"{number:05d}-{name}{made.suffix}"
    made.replace(target)
    for left in own.iterdir():
        left.unlink()
    own.rmdir()
    return name, target


def _one(sources: Sequence[Path], rng: Generator) -> Path:
    return sources[int(rng.integers(len(sources)))]


def _changed(folder: Path, source: Path, content: bytes) -> Path:
    target = folder / f"made{source.suffix}"
    target.write_bytes(content)
    return target


def _truncated(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    source = _one(sources, rng)
    content = source.read_bytes()
    return _changed(folder, source, content[: int(rng.integers(1, len(content)))])


def _flipped(folder: Path, sources: Sequence[Path], rng: Generator, *, header: bool) -> Path:
    source = _one(sources, rng)
    content = np.frombuffer(source.read_bytes(), np.uint8).copy()
    first, last = _header(content.tobytes()) if header else (0, len(content))
    places = rng.integers(first, last, int(2 ** rng.uniform(0, 8)))
    np.bitwise_xor.at(content, places, (1 << rng.integers(0, 8, len(places))).astype(np.uint8))
    return _changed(folder, source, content.tobytes())


def _header(content: bytes) -> tuple[int, int]:
    moov = content.find(b"moov")
    return (moov, len(content)) if moov > len(content) // 2 else (0, min(2048, len(content)))


def _empty(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    return _changed(folder, _one(sources, rng), b"")


def _wrong_extension(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    source = _one(sources, rng)
    suffix = str(rng.choice([".mp4", ".avi", ".mkv", ".mp3", ".txt", ".png"]))
    return _changed(folder, source.with_suffix(suffix), source.read_bytes())


def _no_media(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    contents = [
        rng.bytes(5000),
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00\x00\x00\x18ftypmp42" + rng.bytes(3000),
        b"<html><body>404</body></html>",
    ]
    return _changed(folder, Path("a.mp4"), contents[int(rng.integers(len(contents)))])


def _copied(source: Path, target: Path, kinds: Sequence[str], options: dict[str, str] | None = None) -> Path:
    with av.open(source) as original, av.open(target, "w", options=options or {}) as copy:
        streams = {
            stream.index: copy.add_stream_from_template(stream) for stream in original.streams if stream.type in kinds
        }
        for packet in original.demux(*(original.streams[index] for index in streams)):
            if packet.size:
                packet.stream = streams[packet.stream_index]
                copy.mux(packet)
    return target


def _only(folder: Path, sources: Sequence[Path], rng: Generator, *, kind: str) -> Path:
    return _copied(sources[int(rng.integers(2))], folder / f"made{rng.choice(['.mp4', '.mkv'])}", [kind])


def _one_frame(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    sound = click_track(0.3, [0.1], hum=0.1) if rng.random() < 0.5 else None
    return write_numbered(folder / f"made{rng.choice(['.mp4', '.mkv', '.avi'])}", 1, sound=sound)


def _ten_hours_stamped(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    times = [0.0, 0.04, float(TEN_HOURS)]
    path = folder / f"made{rng.choice(['.mp4', '.mkv'])}"
    return write_numbered(path, 3, times=times, sound=click_track(0.5, [0.1], hum=0.1))


def _ten_hours_declared(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    content = bytearray(sources[0].read_bytes())
    for box, units in ((b"mvhd", 1000), (b"mdhd", 12800)):
        if rng.random() < 0.7:
            # After the name: version and flags, two dates, the time scale.
            struct.pack_into(">I", content, content.index(box) + 4 + 16, TEN_HOURS * units & 0xFFFFFFFF)
    return _changed(folder, sources[0], bytes(content))


def _sized(
    folder: Path, sources: Sequence[Path], rng: Generator, *, sizes: Sequence[tuple[int, int]], codec: str
) -> Path:
    width, height = sizes[int(rng.integers(len(sizes)))]
    path = folder / "made.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(int(rng.integers(1, 4))):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([90 + 40 * index]) * plane.buffer_size)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _rotated(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    return turn_right(write_numbered(folder / "whole.mp4", 20, sound=click_track(0.8, [0.3])))


def _edited(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    whole = write_numbered(folder / "whole.mp4", 30, sound=click_track(1.2, [0.3]))
    return hide_first_frames(whole, int(rng.integers(1, 40)))


def _negative_times(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    shift = float(rng.uniform(0.02, 1))
    target = folder / f"made{rng.choice(['.mkv', '.mp4'])}"
    with av.open(sources[0]) as source, av.open(target, "w", options={"avoid_negative_ts": "disabled"}) as copy:
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                ticks = round(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                packet.stream = streams[packet.stream_index]
                copy.mux(packet)
    return target


def _encoded(folder: Path, sources: Sequence[Path], rng: Generator, *, codec: str, pixels: str, suffix: str) -> Path:
    path = folder / f"made{suffix}"
    quiet = {"libx265": {"x265-params": "log-level=none"}, "libsvtav1": {"preset": "12"}}
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, pixels
        stream.options = quiet.get(codec, {})
        for index in range(int(rng.integers(2, 20))):
            frame = av.VideoFrame.from_ndarray(np.tile(numbered(index), (2, 2, 1)), format="rgb24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _spoilt(folder: Path, sources: Sequence[Path], rng: Generator, *, kind: str) -> Path:
    whole = write_numbered(folder / "whole.mp4", 30, sound=click_track(1.2, [0.3], hum=0.1))
    first = int(rng.integers(25))
    return spoil_packets(whole, kind, slice(first, first + int(rng.integers(1, 30))))


def _noise(folder: Path, sources: Sequence[Path], rng: Generator) -> Path:
    pictures: list[NDArray[np.uint8]] = [rng.integers(0, 256, (120, 160, 3), dtype=np.uint8) for _ in range(5)]
    return write_video(folder / "made.mp4", pictures)


KINDS: dict[str, Kind] = {
    "truncated": _truncated,
    "header_flips": partial(_flipped, header=True),
    "data_flips": partial(_flipped, header=False),
    "zero_length": _empty,
    "wrong_extension": _wrong_extension,
    "no_media": _no_media,
    "audio_only": partial(_only, kind="audio"),
    "no_audio": partial(_only, kind="video"),
    "one_frame": _one_frame,
    "ten_hours_stamped": _ten_hours_stamped,
    "ten_hours_declared": _ten_hours_declared,
    "8k": partial(_sized, sizes=[(4320, 7680), (7680, 4320)], codec="mpeg4"),
    "larger_than_8k": partial(_sized, sizes=[(7680, 4322), (8000, 8000)], codec="mpeg4"),
    "odd_sizes": partial(_sized, sizes=[(161, 121), (3, 5), (1, 1), (4000, 2), (34, 2160)], codec="libvpx-vp9"),
    "rotated": _rotated,
    "edit_list": _edited,
    "negative_times": _negative_times,
    "av1": partial(_encoded, codec="libsvtav1", pixels="yuv420p", suffix=".mp4"),
    "hevc": partial(_encoded, codec="libx265", pixels="yuv420p", suffix=".mp4"),
    "hevc_10_bit": partial(_encoded, codec="libx265", pixels="yuv420p10le", suffix=".mkv"),
    "av1_10_bit": partial(_encoded, codec="libsvtav1", pixels="yuv420p10le", suffix=".mkv"),
    "prores_10_bit": partial(_encoded, codec="prores_ks", pixels="yuv422p10le", suffix=".mov"),
    "vp9": partial(_encoded, codec="libvpx-vp9", pixels="yuv420p", suffix=".webm"),
    "spoilt_pictures": partial(_spoilt, kind="video"),
    "spoilt_sound": partial(_spoilt, kind="audio"),
    "noise": _noise,
}
