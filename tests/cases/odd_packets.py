"""Files whose packets are odd: empty ones, damaged headers of blocks, pictures that are never shown."""

import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.cases.clips import beeps, numbered, sound_packets, write

# A picture lies in a packet of its own, and no picture is shown later than decoded.
PLAIN = {"x264-params": "keyint=25:min-keyint=25:scenecut=0:bframes=0"}


def motion_jpeg(path: Path, frames: int) -> Path:
    """Write numbered pictures of 25 a second, each whole in itself, and a beep at 3.2 s."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        video = file.add_stream("mjpeg", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "yuvj420p"
        sound = file.add_stream("pcm_s16le", rate=8000, layout="mono")
        packets = []
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(index), "rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            packets += video.encode(frame)
        packets += video.encode(None)
        for packet in packets + sound_packets(sound, beeps(frames / 25, [3.2], 8000), 8000, "mono"):
            file.mux(packet)
    return path


def empty_samples(path: Path, kind: bytes = b"vide") -> Path:
    """Empty every tenth sample (5, 15, ...) of the pictures or the sound (b"soun") of a QuickTime or MP4 file.

    As where a program dropped a frame: the picture before stays. The bytes go to the sample before, or lie unused.
    """
    content = bytearray(path.read_bytes())
    track = content.index(kind)
    sizes = content.index(b"stsz", track) + 16
    chunks = content.index(b"stco", track) + 12
    (samples,) = struct.unpack_from(">I", content, sizes - 4)
    first_in = {sample: chunk for chunk, sample in enumerate(_chunk_starts(content, track, samples))}
    for sample in range(5, samples, 10):
        before, size = struct.unpack_from(">II", content, sizes + 4 * (sample - 1))
        if sample in first_in:
            place = chunks + 4 * first_in[sample]
            struct.pack_into(">I", content, place, struct.unpack_from(">I", content, place)[0] + size)
        else:
            struct.pack_into(">I", content, sizes + 4 * (sample - 1), before + size)
        struct.pack_into(">I", content, sizes + 4 * sample, 0)
    path.write_bytes(content)
    return path


def _chunk_starts(content: bytearray, track: int, samples: int) -> list[int]:
    table = content.index(b"stsc", track) + 8
    (entries,) = struct.unpack_from(">I", content, table)
    runs = [struct.unpack_from(">II", content, table + 4 + 12 * entry) for entry in range(entries)]
    starts, sample, chunk = [], 0, 1
    while sample < samples:
        starts.append(sample)
        sample += [length for first, length in runs if first <= chunk][-1]
        chunk += 1
    return starts


def empty_chunks(path: Path) -> Path:
    """Empty every tenth picture (5, 15, ...) of an AVI: a chunk of no bytes, as capture programs drop frames."""
    content = bytearray(path.read_bytes())
    at, number, index = content.index(b"movi") + 4, 0, content.index(b"idx1") + 8
    emptied = set()
    while content[at : at + 4] != b"idx1":
        (size,) = struct.unpack_from("<I", content, at + 4)
        if content[at : at + 4] == b"00dc":
            if number % 10 == 5:
                content[at + 4 : at + 16] = struct.pack("<I4sI", 0, b"JUNK", size + size % 2 - 8)
                emptied.add(number)
            number += 1
        at += 8 + size + size % 2
    number = 0
    for entry in range(index, len(content) - 15, 16):
        if content[entry : entry + 4] == b"00dc":
            if number in emptied:
                struct.pack_into("<I", content, entry + 12, 0)
            number += 1
    path.write_bytes(content)
    return path


def damaged(path: Path, picture: int = 60, size: int = 16, kind: str = "video") -> Path:
    """Write 200 numbered pictures with a beep at 5.12 s; a bad sector hits the block of one picture or sound.

    Args:
        path: The file to write; its suffix says in which form.
        picture: Number of the picture or the packet.
        size: Bytes that are zeros.
        kind: ``video`` or ``audio``.
    """
    older = {".avi": ("mpeg4", "mp3"), ".mpg": ("mpeg2video", "mp2"), ".ogg": ("libvpx", "libopus")}
    codec, audio = older.get(path.suffix, ("libx264", "aac"))
    options = PLAIN if codec == "libx264" else {"g": "25"}
    write(path, 200, [5.12], codec=codec, audio=audio, options=options, rate=48_000)
    with av.open(str(path)) as file:
        places = [packet.pos for packet in file.demux(file.streams.best(kind)) if packet.size]
    content = bytearray(path.read_bytes())
    # Not every packet of an MPEG stream says where it lies.
    place = next(place for place in places[picture:] if place)
    # In an AVI, the name and the size of a chunk stand before what libav calls its place.
    place -= 4 if path.suffix == ".avi" else 0
    content[place : place + size] = bytes(size)
    path.write_bytes(content)
    return path


def vp8_altref(folder: Path) -> Path:
    """300 pictures of VP8 in 320 packets, 20 of which are never shown; ffmpeg makes them, the same each time."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    path = folder / "vp8_altref.webm"
    tone = "0.01*sin(2*PI*300*t)+0.7*between(t\\,9.6\\,9.8)*sin(2*PI*1000*t)"
    inputs = ["-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=12", "-f", "lavfi", "-i", f"aevalsrc={tone}:s=48000:d=12"]
    video = ["-c:v", "libvpx", "-threads", "1", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-arnr-maxframes", "3"]
    video += ["-b:v", "200k", "-g", "60"]
    for number in ("1", "2"):
        passes = ["-pass", number, "-passlogfile", str(folder / "pass"), "-c:a", "libopus", "-fflags", "+bitexact"]
        try:
            subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *video, *passes, str(path)], check=True)
        except subprocess.CalledProcessError:
            pytest.skip("needs an ffmpeg that encodes VP8")
    return path
