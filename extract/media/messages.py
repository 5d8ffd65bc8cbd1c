"""What a worker process tells the process that started it: JSON and arrays over a pipe, never pickled objects.

A worker reads files that nobody vouches for, so that what it sends is checked like a file. The wire is our own: the
pipes of multiprocessing wait without limit for the rest of a message and take any length for true.
"""

import json
import math
import os
import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = ("uint8", "float32", "float64", "int64")
# An RGB picture of 8192 x 8192 fits.
MOST_BYTES = 1 << 28
MOST_HEADER_BYTES = 1 << 16
# What a pipe holds.
PIECE_BYTES = 1 << 16

_LENGTH = struct.Struct("!I")


class BrokenMessage(Exception):  # noqa: N818, says what arrived
    """What arrived is no message."""


@dataclass(frozen=True, eq=False)
class Message:
    """One thing a worker says.

    Attributes:
        name: What it is, for example ``picture``.
        values: JSON values.
        arrays: Arrays of one of ``TYPES``.
    """

    name: str
    values: dict[str, Any]
    arrays: tuple[NDArray[Any], ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays)


def send(connection: Connection, message: Message) -> None:
    """Write a message to a pipe: four bytes for the header's length, the header, the arrays' bytes."""
    layout = [[array.dtype.name, array.shape] for array in message.arrays]
    header = json.dumps([message.name, message.values, layout]).encode()
    _write(connection, memoryview(_LENGTH.pack(len(header)) + header))
    for array in message.arrays:
        _write(connection, np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


class Inbox:
    """Puts messages together from what a pipe holds, and never waits for the rest.

    A worker may be stopped or hang anywhere, in the middle of a message too; and room is made for what has arrived,
    not for what a message says will.

    Args:
        connection: The end of the pipe to read from.

    Attributes:
        bytes_read: How much has arrived since the beginning.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.bytes_read = 0
        os.set_blocking(connection.fileno(), False)
        self._parts = _parts()
        self._wanted = next(self._parts)
        self._arrived = bytearray()

    def read(self) -> Message | None:
        """Read what is there, up to the end of a message.

        Returns:
            The message, or ``None`` where its end has not arrived yet.

        Raises:
            EOFError: If the other end was closed.
            BrokenMessage: If what arrived is no message.
        """
        while True:
            missing = self._wanted - len(self._arrived)
            if missing:
                try:
                    piece = os.read(self._connection.fileno(), min(missing, PIECE_BYTES))
                except BlockingIOError:
                    return None
                if not piece:
                    raise EOFError
                self._arrived += piece
                self.bytes_read += len(piece)
                continue
            part, self._arrived = self._arrived, bytearray()
            try:
                self._wanted = self._parts.send(part)
            except StopIteration as end:
                message: Message = end.value
                self._parts = _parts()
                self._wanted = next(self._parts)
                return message
            except (ValueError, TypeError, RecursionError) as error:
                raise BrokenMessage(f"a message cannot be read: {error}") from error


def _parts() -> Generator[int, bytearray, Message]:
    """Ask for a message's parts by their length in bytes, and make the message of them."""
    (length,) = _LENGTH.unpack((yield _LENGTH.size))
    if length > MOST_HEADER_BYTES:
        raise BrokenMessage(f"a message states a header of {length} bytes")
    name, values, layout = json.loads((yield length))
    if not isinstance(name, str) or not isinstance(values, dict):
        raise BrokenMessage("a message has no name or no values")
    if sum(_array_bytes(kind, shape) for kind, shape in layout) > MOST_BYTES:
        raise BrokenMessage(f"a message states more than {MOST_BYTES} bytes of arrays")
    arrays = []
    for kind, shape in layout:
        arrays.append(np.frombuffer((yield _array_bytes(kind, shape)), kind).reshape(shape))
    return Message(name, values, tuple(arrays))


def _array_bytes(kind: str, shape: Sequence[int]) -> int:
    if kind not in TYPES:
        raise BrokenMessage(f"a message holds an array of {kind}")
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise BrokenMessage(f"a message holds an array of shape {shape}")
    return math.prod(shape) * np.dtype(kind).itemsize


def _write(connection: Connection, content: memoryview) -> None:
    while content:
        content = content[os.write(connection.fileno(), content) :]
