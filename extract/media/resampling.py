"""Decoded sound as mono samples at 16 kHz that follow the time stamps."""

from collections.abc import Callable

import av
import numpy as np
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
# Stamps that are further than this from where the sound goes on are a jump: more than networks' packets are early or
# late, well below a snippet.
TOLERANCE_SECONDS = 0.15
# What stamps are early or late on average is followed with this time constant.
FOLLOWED_SECONDS = 2.0
# Stamps that are off by more on average, about a picture, move the sound ...
MOST_OFF_SECONDS = 0.04
# ... by one sample in so many, half a percent.
SAMPLES_A_STEP = 200
# Where that is too slow, as where every tenth packet is lost, sound that is off by more begins anew.
MOST_BEHIND_SECONDS = 0.25
# Takes the place of the first of some samples, counted from the start asked for, and the samples.
Put = Callable[[int, NDArray[np.float32]], None]


def mono(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Average the channels of a decoded piece of sound: [samples] float32, from -1 to 1."""
    channels = frame.layout.nb_channels
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    if samples.dtype.kind in "iu":
        # Unsigned sound (8 bit) rests at the middle of its range.
        scale = float(2 ** (8 * samples.itemsize - 1))
        samples = samples.astype(np.float64) / scale - (samples.dtype.kind == "u")
    averaged: NDArray[np.float32] = samples.mean(axis=0, dtype=np.float64).astype(np.float32)
    return averaged


class Resampler:
    """Resamples one unbroken stretch of sound by soxr in its high quality.

    Args:
        put: Gets the samples.
        time: When the stretch begins, in seconds from where samples are counted.
        rate: Samples a second that it comes in.
    """

    def __init__(self, put: Put, time: float, rate: int) -> None:
        self._piece = put
        self._start = time
        self._rate = rate
        self._heard = 0
        self._off = 0.0
        self._moved = 0
        self._position = round(time * SAMPLE_RATE)
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    @property
    def time(self) -> float:
        """When the next sample of the stretch is due, seconds."""
        return self._start + self._heard / self._rate + self._moved / SAMPLE_RATE

    def continued_by(self, time: float, rate: int) -> bool:
        """Say whether sound at ``time`` goes on where the stretch ends, as early or late as its stamps have been."""
        off = time - self.time
        near = abs(off - self._off) <= TOLERANCE_SECONDS and abs(off) <= MOST_BEHIND_SECONDS
        return rate == self._rate and near

    def add(self, sound: NDArray[np.float32], time: float) -> None:
        """Append sound that is stamped ``time``."""
        share = min(1.0, len(sound) / self._rate / FOLLOWED_SECONDS)
        self._off += share * (time - self.time - self._off)
        self._heard += len(sound)
        self._put(self._moved_by(self._stream.resample_chunk(sound)))

    def finish(self) -> None:
        """Give what the resampler holds."""
        self._put(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))

    def _moved_by(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Make a piece a little longer or shorter where the stretch is too early or too late."""
        if abs(self._off) <= MOST_OFF_SECONDS or len(sound) < 2:
            return sound
        step = -(-len(sound) // SAMPLES_A_STEP) * (1 if self._off > 0 else -1)
        self._moved += step
        self._off -= step / SAMPLE_RATE
        places = np.linspace(0, len(sound) - 1, len(sound) + step)
        return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)

    def _put(self, sound: NDArray[np.float32]) -> None:
        self._piece(self._position, sound)
        self._position += len(sound)
