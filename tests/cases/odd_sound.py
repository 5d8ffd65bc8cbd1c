"""Sound whose stamps or streams are not the plain ones."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from tests.cases.clips import beeps, copy, numbered, write

RATE = 8000


def long_packets_gap(folder: Path) -> Path:
    """PCM in packets of a second, of which 0.9 s are lost at 4 s; stamps tell, nothing else does.

    Pictures 0..249. Sound 0..4 s and 4.9..9.9 s. A beep from 7.04 s on, while 176..180 are shown.
    """
    sound = (beeps(10, [7.04], RATE) * 32767).astype(np.int16)
    path = folder / "long_packets_gap.mkv"
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        packets = _pictures(file, "libx264", 250, 0, {"x264-params": "bframes=0"})
        audio = file.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for start in (0, 1, 2, 3, 4.9, 5.9, 6.9, 7.9, 8.9):
            first = round(start * RATE)
            packets += audio.encode(_piece(sound[first : first + RATE], first))
        packets += audio.encode(None)
        _mux(file, packets)
    return path


def jittered(folder: Path, *, lost: int = 0) -> Path:
    """A camera's G.711 in packets of 20 ms, stamped by when they arrived: up to 60 ms early or late.

    A steady tone of 1 kHz over 8 s. ``lost`` packets in the middle never arrived.
    """
    tone = (16_000 * np.sin(2 * np.pi * 1000 * np.arange(8 * RATE) / RATE)).astype(np.int16)
    off = np.random.default_rng(0).uniform(-60, 60, 400)
    stamps = np.maximum.accumulate(np.round(np.arange(400) * 20 + off + 100)).astype(int)
    path = folder / "jittered.flv"
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        packets = _pictures(file, "flv1", 200, 100, {})
        sound = file.add_stream("pcm_mulaw", rate=RATE, layout="mono")
        for number, stamp in enumerate(stamps):
            if 200 <= number < 200 + lost:
                continue
            for packet in sound.encode(_piece(tone[number * 160 : (number + 1) * 160], number * 160)):
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = int(stamp)
                packet.duration = 20
                packets.append(packet)
        _mux(file, packets)
    return path


def motion_gap(folder: Path, gap: int) -> Path:
    """A camera that records when something moves, stamps true: 2 s, nothing until ``gap`` seconds, 2 s.

    Pictures 0..49 and 50..99; beeps at 1.28 s (pictures 32..36) and ``gap`` and 1.28 s (82..86).
    """
    options = {"x264-params": "keyint=50:min-keyint=50:bframes=0:scenecut=0"}
    whole = write(folder / "whole.mkv", 100, [1.28, 3.28], options=options, audio="flac")

    def later(packet: av.Packet) -> None:
        if packet.pts * packet.time_base >= 1.999:
            packet.pts += round((gap - 2) / packet.time_base)
            packet.dts = packet.pts

    return copy(whole, folder / f"motion_gap_{gap}.mkv", change=later)


def marked(folder: Path, suffix: str, marks: list[Disposition]) -> Path:
    """Two sound tracks with marks: one that beeps at 1.0 s, then one that beeps at 2.56 s (snippet 4)."""
    audio, rate = ("libopus", 48_000) if suffix == ".mkv" else ("aac", 44_100)
    whole = write(folder / "whole.mkv", 100, tracks=[[1.0], [2.56]], audio=audio, rate=rate)
    path = folder / f"marked{suffix}"
    with av.open(str(whole)) as origin, av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        made = [file.add_stream_from_template(stream) for stream in origin.streams]
        for stream, mark in zip(made[1:], marks, strict=True):
            stream.disposition = mark
        for packet in origin.demux():
            if packet.size:
                packet.stream = made[packet.stream_index]
                file.mux(packet)
    return path


def empty_first_sound(folder: Path) -> Path:
    """A transport stream whose first sound stream is announced and carries nothing; the other beeps at 2.56 s."""
    whole = write(folder / "whole.ts", 100, tracks=[[1.0], [2.56]], audio="mp2")
    content = whole.read_bytes()
    packets = [content[place : place + 188] for place in range(0, len(content), 188)]
    path = folder / "empty_first_sound.ts"
    path.write_bytes(b"".join(packet for packet in packets if (packet[1] & 31) << 8 | packet[2] != 0x101))
    return path


def _pictures(file, codec, frames, first, options):  # type: ignore[no-untyped-def]
    video = file.add_stream(codec, rate=25, options=options)
    video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
    packets = []
    for index in range(frames):
        frame = av.VideoFrame.from_ndarray(numbered(index), "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index * 40 + first, Fraction(1, 1000)
        packets += video.encode(frame)
    return packets + video.encode(None)


def _piece(sound: np.ndarray, first: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(sound[None], "s16", "mono")
    frame.rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), first
    return frame


def _mux(file: av.container.OutputContainer, packets: list[av.Packet]) -> None:
    for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
        file.mux(packet)
