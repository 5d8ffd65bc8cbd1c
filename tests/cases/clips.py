"""Small clips with known contents for the generators beside this file: numbered pictures and beeps.

Picture ``n`` shows ``n + first`` as ten bright or dark columns; a beep is 0.2 s of 1 kHz.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FPS, BITS = 160, 120, 25, 10


def numbered(number):
    bits = np.array([number >> bit & 1 for bit in range(BITS)])
    row = np.where(bits, 220, 40).repeat(WIDTH // BITS).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def beeps(seconds, at, rate=44_100, hum=0.01):
    time = np.arange(round(seconds * rate)) / rate
    sound = hum * np.sin(2 * np.pi * 300 * time)
    for start in at:
        inside = (time >= start) & (time < start + 0.2)
        sound[inside] = 0.7 * np.sin(2 * np.pi * 1000 * time[inside])
    return sound.astype(np.float32)


def write(
    path,
    frames,
    at=None,
    *,
    first=0,
    codec="libx264",
    options=None,
    audio="aac",
    rate=44_100,
    layout="mono",
    file_options=None,
    tracks=None,
    video_start=0.0,
    audio_start=0.0,
    form=None,
    fps=FPS,
):
    """Write ``frames`` numbered pictures and a track of beeps at the seconds ``at``; ``tracks`` gives several."""
    tracks = tracks if tracks is not None else ([] if at is None else [at])
    base = Fraction(1, fps) if codec in ("mpeg4", "mpeg2video", "mpeg1video") else Fraction(1, 12800)
    with av.open(str(path), "w", format=form, options={"fflags": "+bitexact", **(file_options or {})}) as out:
        video = out.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = options or {}
        video.codec_context.time_base = base
        sounds = [out.add_stream(audio, rate=rate, layout=layout) for _ in tracks]
        packets = []
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(index + first), "rgb24").reformat(format="yuv420p")
            frame.time_base, frame.pts = base, round((video_start + index / fps) / base)
            packets += video.encode(frame)
        packets += video.encode(None)
        for stream, track in zip(sounds, tracks, strict=True):
            mono = beeps(frames / fps, track, rate) if not isinstance(track, np.ndarray) else track
            packets += sound_packets(stream, mono, rate, layout, audio_start)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    return Path(path)


def sound_packets(stream, mono, rate, layout, start=0.0):
    kind = stream.codec_context.format
    channels = stream.codec_context.layout.nb_channels
    size = stream.codec_context.frame_size or 1024
    packets = []
    for place in range(0, len(mono), size):
        part = np.tile(mono[place : place + size], (channels, 1))
        if kind.name.startswith("s16"):
            part = (part * 32767).astype(np.int16)
        elif kind.name.startswith("s32"):
            part = (part.astype(np.float64) * (2**31 - 1)).astype(np.int32)
        elif kind.name.startswith("dbl"):
            part = part.astype(np.float64)
        if not kind.is_planar:
            part = part.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), kind.name, layout)
        frame.rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start * rate) + place
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def copy(source, target, keep=lambda packet: True, change=lambda packet: None, streams=None, options=None, form=None):
    """Copy packets into another container, some left out or changed."""
    with (
        av.open(str(source)) as origin,
        av.open(str(target), "w", options={"fflags": "+bitexact", **(options or {})}, format=form) as out,
    ):
        chosen = streams or list(range(len(origin.streams)))
        made = {index: out.add_stream_from_template(origin.streams[index]) for index in chosen}
        for packet in origin.demux(*(origin.streams[index] for index in chosen)):
            if packet.size and keep(packet):
                index = packet.stream_index
                change(packet)
                packet.stream = made[index]
                out.mux(packet)
    return Path(target)
