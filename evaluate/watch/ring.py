"""The last seconds of a source as it sent them, compressed. Runs in a worker process.

The ring begins with a key frame and forgets whole groups of pictures, so that what is left can be decoded.
"""

from collections import deque
from fractions import Fraction
from typing import NamedTuple

import av

# More than 10 s of the densest stream that cameras send.
RING_BYTES = 64_000_000


class Piece(NamedTuple):
    """A packet, out of libav's hands.

    Attributes:
        stream: Index of its stream.
        seconds: When it is to be decoded, on the source's clock.
        key: Whether pictures can be decoded from it on.
        content: Its bytes.
        pts: Time of presentation, in ticks.
        dts: Time of decoding, in ticks.
        duration: In ticks; 0 if unknown.
        tick: Seconds.
    """

    stream: int
    seconds: float
    key: bool
    content: bytes
    pts: int
    dts: int
    duration: int
    tick: Fraction


def piece_of(packet: av.Packet) -> Piece:
    """Take a packet that has a time of presentation."""
    dts = packet.pts if packet.dts is None else packet.dts
    key = packet.stream.type == "video" and bool(packet.is_keyframe)
    return Piece(
        packet.stream_index, float(dts * packet.time_base), key, bytes(packet), packet.pts, dts, packet.duration or 0,
        packet.time_base,
    )  # fmt: skip


class Ring:
    """The last packets of a source.

    Args:
        seconds: How much is kept at least, as far as there is room.
        most_bytes: How much room there is.
    """

    def __init__(self, seconds: float, most_bytes: int = RING_BYTES) -> None:
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._pieces: deque[Piece] = deque()
        self._keys: deque[float] = deque()  # seconds of the key frames that are held
        self._bytes = 0

    def add(self, piece: Piece) -> None:
        """Take the next packet."""
        if piece.key:
            self._keys.append(piece.seconds)
        elif not self._keys:
            return
        self._pieces.append(piece)
        self._bytes += len(piece.content)
        oldest = piece.seconds - self._seconds
        while self._keys and ((len(self._keys) > 1 and self._keys[1] <= oldest) or self._bytes > self._most_bytes):
            self._forget()

    def since(self, seconds: float) -> list[Piece]:
        """Give what is held from the last key frame at or before a moment on; from the first one, if that is later."""
        start = max((key for key in self._keys if key <= seconds), default=self._keys[0] if self._keys else 0.0)
        held = list(self._pieces)
        first = next((number for number, piece in enumerate(held) if piece.key and piece.seconds >= start), len(held))
        return held[first:]

    def _forget(self) -> None:
        """Forget the first group of pictures."""
        self._keys.popleft()
        while self._pieces:
            if self._keys and self._pieces[0].key and self._pieces[0].seconds >= self._keys[0]:
                return
            self._bytes -= len(self._pieces.popleft().content)
