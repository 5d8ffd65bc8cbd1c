"""Decoded frames as upright RGB pictures.

libav's filters do it, the ones that decord takes and in its order: a frame is turned, brought to one size, converted.
The pictures are decord's to the bit, which a test compares; colours are read in the standard that the frame names.
(Only where H.264 itself asks to be turned, and not the container, do they differ: decord does not turn them.)
"""

import av
import numpy as np
from numpy.typing import NDArray

# libav's transpose filters by the quarters that a frame asks to be turned by, counter-clockwise.
TURNS = {1: ("cclock",), -1: ("clock",), 2: ("clock", "clock"), -2: ("clock", "clock")}


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
        turns = _turns(frame.rotation)
        if self._size is None:
            self._size = (frame.height, frame.width) if len(turns) == 1 else (frame.width, frame.height)
        # A stream may change its size or format on its way; the filters are made for one of each.
        kind = (frame.width, frame.height, frame.format.name)
        if kind != self._converts:
            self._graph, self._converts = _graph(frame, turns, self._size), kind
        self._graph.vpush(frame)
        picture: NDArray[np.uint8] = self._graph.vpull().to_ndarray()
        return picture


def _turns(degrees: int) -> tuple[str, ...]:
    # PyAV cuts 89.99 down to 89.
    quarters = round(degrees / 90)
    return TURNS.get(quarters, ()) if abs(degrees - 90 * quarters) <= 1 else ()


def _graph(frame: av.VideoFrame, turns: tuple[str, ...], size: tuple[int, int]) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        *(graph.add("transpose", direction) for direction in turns),
        graph.add("scale", f"{size[0]}:{size[1]}"),
        graph.add("format", "rgb24"),
        graph.add("buffersink"),
    ).configure()
    return graph
