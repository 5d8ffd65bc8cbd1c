"""From decoded pictures and sound to snippets, as soon as each is whole. Runs in a worker process.

As in files (``extract.media.sampling``): a snippet is ``stride`` frames, seen through the first of them, and hears what
sounds while they are shown.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from evaluate.watch.hearing import Hearing
from extract.media.clock import DEFAULT_FRAME_SECONDS
from extract.media.rgb import RgbConversion

# Sound comes in packets, and often later than the pictures beside it; a snippet waits for it no longer than this.
SOUND_SECONDS = 0.5


@dataclass
class Snippet:
    """What is looked at and heard at once.

    Attributes:
        picture: Its first frame, RGB [H, W, 3] uint8.
        start: When that is shown, in seconds of the source's clock.
        end: When its last frame ends.
        came: When its last frame came, in seconds of this machine's monotonic clock.
        sound: [n] float32 at 16 kHz; ``None`` where nothing was heard.
    """

    picture: NDArray[np.uint8]
    start: float
    end: float = 0.0
    came: float = 0.0
    sound: NDArray[np.float32] | None = None


class Snippets:
    """Makes snippets of what is decoded.

    Args:
        stride: Frames a snippet.
        hearing: The sound; ``None`` for a source without, or a model that does not listen.
    """

    def __init__(self, stride: int, hearing: Hearing | None) -> None:
        self._stride = stride
        self._hearing = hearing
        self._to_rgb = RgbConversion()
        self._frames = 0
        self._current: Snippet | None = None
        self._waiting: deque[Snippet] = deque()

    def see(self, frame: av.VideoFrame, seconds: float, came: float) -> None:
        """Take the next frame.

        Args:
            frame: As decoded.
            seconds: When it is shown, on the source's clock.
            came: When its packet came, on this machine's.
        """
        place = self._frames % self._stride
        self._frames += 1
        if place == 0:
            self._current = Snippet(self._to_rgb(frame), seconds)
        if place == self._stride - 1 and self._current is not None:
            one = self._current
            shown = seconds - one.start
            step = shown / place if place > 0 and shown > 0 else float(DEFAULT_FRAME_SECONDS)
            one.end, one.came = seconds + step, came
            self._waiting.append(one)
            self._current = None

    def whole(self, now: float, *, last: bool = False) -> Iterator[Snippet]:
        """Give the snippets whose sound has come, or been waited for.

        Args:
            now: This machine's monotonic clock, seconds.
            last: Whether no more sound will come.
        """
        while self._waiting:
            one = self._waiting[0]
            hearing = self._hearing
            # A stream of sound that has never sounded is not waited for.
            silent = hearing is None or hearing.until == float("-inf")
            if not (silent or last or now - one.came > SOUND_SECONDS) and hearing and hearing.until < one.end:
                return
            self._waiting.popleft()
            if hearing is not None:
                one.sound = hearing.cut(one.start, one.end)
            yield one
