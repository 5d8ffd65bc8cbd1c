"""What worker processes do with media files; each function runs in one and speaks through its outbox.

``video`` says ``timeline`` (array starts; values frame_seconds and cut), then ``picture`` for every sampled frame, in
order. If it turns out that not every packet became a frame, it says ``timeline`` again and starts over. Between them
comes a ``remark`` (value text) on what is odd about a file that is read all the same.
``timeline`` says that alone, ``frames`` a ``picture`` for every frame wanted. ``sound`` says ``stretch`` (array
samples; value position) for every piece and, if there is an audio stream, ``stream`` (values broken, its broken
packets, and chosen, which of several it is) at the end.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from extract.base.decoders import DECORD, LIBAV
from extract.media import decord_pictures
from extract.media.audio_track import decode_audio
from extract.media.decode import Timeline, pictures, shown
from extract.media.isolation import Outbox, allow_processor_seconds

T = TypeVar("T")
# Demuxing takes 1 s for a GB where everything is in order.
SECONDS, SECONDS_A_BYTE = 120.0, 1e-6
# A frame of 8K takes half a second.
SECONDS_A_FRAME = 2.0
# A packet of sound is a fiftieth of a second.
PIECES_TOGETHER = 256


def timeline(outbox: Outbox, path: Path, threads: int, cut: bool) -> None:
    """Say when the frames of a video are shown, after decoding it once to count them."""

    def look(timeline: Timeline) -> Timeline:
        number = len(timeline.starts)
        allow_decoding(number, times=2)
        for _ in _pictures(outbox, path, number, stride=number, threads=threads, cut=cut):
            pass
        return timeline

    _say_timeline(outbox, _shown(outbox, path, look, cut))


def video(outbox: Outbox, path: Path, stride: int, threads: int, cut: bool, decoder: str = LIBAV) -> None:
    """Say when the frames of a video are shown, and give one in ``stride``."""

    def look(timeline: Timeline) -> None:
        number = len(timeline.starts)
        allow_decoding(number, times=2)
        _say_timeline(outbox, timeline)
        for batch in _pictures(outbox, path, number, stride=stride, threads=threads, cut=cut, decoder=decoder):
            outbox.put("picture", batch[0])

    _shown(outbox, path, look, cut)


def frames(outbox: Outbox, path: Path, frames: int, wanted: tuple[int, ...], threads: int) -> None:
    """Give the frames with the numbers ``wanted``, ascending."""
    allow_decoding(frames)
    remaining = set(wanted)
    every = pictures(path, frames, stride=1, batch=1, threads=threads, alive=outbox.alive)
    for number, batch in enumerate(every):
        if number in remaining:
            outbox.put("picture", batch[0])
        if number == wanted[-1]:
            return


def sound(outbox: Outbox, path: Path, start: float) -> None:
    """Give the sound from a time on, resampled, in pieces of some seconds."""
    allow_reading(path)
    held: list[NDArray[np.float32]] = []
    place = 0

    def say() -> None:
        nonlocal place
        if held:
            outbox.put("stretch", np.concatenate(held), position=place)
            place += sum(map(len, held))
            held.clear()

    def put(position: int, samples: NDArray[np.float32]) -> None:
        nonlocal place
        if position != place + sum(map(len, held)):
            say()
            place = position
        held.append(samples)
        if len(held) == PIECES_TOGETHER:
            say()

    heard = decode_audio(path, start, put, alive=outbox.alive)
    say()
    if heard is not None:
        outbox.put("stream", broken=heard.broken, chosen=heard.chosen)


def _shown(outbox: Outbox, path: Path, look: Callable[[Timeline], T], cut: bool) -> T:
    allow_reading(path)
    return shown(path, look, outbox.alive, _remark(outbox), cut=cut)


def _pictures(
    outbox: Outbox, path: Path, frames: int, *, stride: int, threads: int, cut: bool, decoder: str = LIBAV
) -> Iterator[NDArray[np.uint8]]:
    decoded = decord_pictures.pictures if decoder == DECORD else pictures
    return decoded(
        path,
        frames,
        stride=stride,
        batch=1,
        threads=threads,
        alive=outbox.alive,
        remark=_remark(outbox),
        cut=cut,
    )


def _remark(outbox: Outbox) -> Callable[[str], None]:
    return lambda text: outbox.put("remark", text=text)


def allow_reading(path: Path) -> None:
    """Let this worker take what demuxing a file of this size takes, and its sound."""
    allow_processor_seconds(SECONDS + SECONDS_A_BYTE * (path.stat().st_size if path.exists() else 0))


def allow_decoding(frames: int, times: int = 1) -> None:
    """Let this worker take what decoding so many frames takes, so many times."""
    allow_processor_seconds(SECONDS + times * SECONDS_A_FRAME * frames)


def _say_timeline(outbox: Outbox, timeline: Timeline) -> None:
    outbox.put("timeline", timeline.starts, frame_seconds=timeline.frame_seconds, cut=timeline.cut)
