"""Decoded frames as upright RGB pictures.

libav's filters do it, the ones that decord takes and in its order: a frame is turned, brought to one size, converted.
The pictures are decord's to the bit, which a test compares; colours are read in the standard that the frame names.
(Only where H.264 itself asks to be turned, and not the container, do they differ: decord does not turn them.)
"""

import av
import numpy as np
from numpy.typing import NDArray

# libav's filters by the quarters that a frame asks to be turned by, counter-clockwise.
CLOCK, COUNTER = ("transpose", "clock"), ("transpose", "cclock")
TURNS = {1: (COUNTER,), -1: (CLOCK,), 2: (CLOCK, CLOCK), -2: (CLOCK, CLOCK)}
# The same where the display matrix mirrors too, as front cameras of phones write it; ffmpeg's own choice.
MIRRORED = {
    0: (("vflip", ""),),
    1: (("transpose", "clock_flip"),),
    -1: (("transpose", "cclock_flip"),),
    2: (("hflip", ""),),
    -2: (("hflip", ""),),
}


class RgbConversion:
    """Conversion of one video's frames; every picture has the size of the first."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._converts: tuple[int, int, str] | None = None
        self._graph = av.filter.Graph()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Give a frame as [H, W, 3] uint8.

        Raises:
            av.FFmpegError: If libav cannot convert it.
        """
        turns = _turns(frame.rotation, _mirrors(frame))
        if self._size is None:
            self._size = (frame.height, frame.width) if _lies(turns) else (frame.width, frame.height)
        # A stream may change its size or format on its way; the filters are made for one of each.
        kind = (frame.width, frame.height, frame.format.name)
        if kind != self._converts:
            self._graph, self._converts = _graph(frame, turns, self._size), kind
        self._graph.vpush(frame)
        picture: NDArray[np.uint8] = self._graph.vpull().to_ndarray()
        return picture


def _turns(degrees: int, mirrored: bool) -> tuple[tuple[str, str], ...]:
    # PyAV cuts 89.99 down to 89.
    quarters = round(degrees / 90)
    if abs(degrees - 90 * quarters) > 1:
        return ()
    return (MIRRORED if mirrored else TURNS).get(quarters, ())


def _lies(turns: tuple[tuple[str, str], ...]) -> bool:
    return sum(name == "transpose" for name, _ in turns) % 2 == 1


def _mirrors(frame: av.VideoFrame) -> bool:
    """Tell whether the display matrix, three rows of three 32-bit numbers, has a negative determinant."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return False
    a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5].tolist()
    return int(a) * int(d) < int(b) * int(c)


def _graph(frame: av.VideoFrame, turns: tuple[tuple[str, str], ...], size: tuple[int, int]) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        *(graph.add(name, setting or None) for name, setting in turns),
        graph.add("scale", f"{size[0]}:{size[1]}"),
        graph.add("format", "rgb24"),
        graph.add("buffersink"),
    ).configure()
    return graph
