"""The sound of a live source at 16 kHz, of which the last seconds are held. Runs in a worker process."""

from collections import deque

import av
import numpy as np
from numpy.typing import NDArray

from extract.media.resampling import SAMPLE_RATE, Resampler, mono

# A snippet of a camera that shows a picture a second lasts 16 s.
MOST_HELD_SECONDS = 60


class Hearing:
    """Decoded sound, placed by its time stamps.

    Attributes:
        until: How far it has been heard without a break in the order of its stamps, in seconds of the source's clock.
    """

    def __init__(self) -> None:
        self.until = float("-inf")
        self._pieces: deque[tuple[int, NDArray[np.float32]]] = deque()  # first sample on the source's clock, samples
        self._resampler: Resampler | None = None

    def add(self, frame: av.AudioFrame) -> None:
        """Take the next decoded piece; samples that are no numbers are left out."""
        sound = mono(frame)
        if not np.isfinite(sound).all():
            return
        time = frame.time if frame.time is not None else (self._resampler.time if self._resampler else None)
        if time is None:
            return
        if self._resampler is None or not self._resampler.continued_by(time, frame.sample_rate):
            if self._resampler is not None:
                self._resampler.finish()
            self._resampler = Resampler(self._put, time, frame.sample_rate)
        self._resampler.add(sound, time)

    def cut(self, start: float, end: float) -> NDArray[np.float32] | None:
        """Give the samples between two moments of the source's clock, and forget what was before them.

        Returns:
            [n] float32, zero where nothing was heard; ``None`` if nothing was at all.
        """
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) <= first:
            self._pieces.popleft()
        samples = np.zeros(max(0, last - first), np.float32)
        heard = False
        for position, sound in self._pieces:
            begin, after = max(position, first), min(position + len(sound), last)
            if begin < after:
                samples[begin - first : after - first] = sound[begin - position : after - position]
                heard = True
        return samples if heard else None

    def _put(self, position: int, sound: NDArray[np.float32]) -> None:
        if len(sound) == 0:
            return
        self._pieces.append((position, sound))
        self.until = (position + len(sound)) / SAMPLE_RATE
        while self._pieces[0][0] < position - MOST_HELD_SECONDS * SAMPLE_RATE:
            self._pieces.popleft()
