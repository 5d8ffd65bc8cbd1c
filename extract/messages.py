"""What a worker process tells the process that started it: JSON and arrays over a pipe, never pickled objects.

A worker reads files that nobody vouches for, so that what it sends is checked like a file.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = ("uint8", "float32", "float64", "int64")
# An RGB picture of 8192 x 8192 fits.
MOST_BYTES = 1 << 28
MOST_HEADER_BYTES = 1 << 16


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
    """Write a message to a pipe."""
    layout = [[array.dtype.name, array.shape] for array in message.arrays]
    connection.send_bytes(json.dumps([message.name, message.values, layout]).encode())
    for array in message.arrays:
        connection.send_bytes(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def receive(connection: Connection) -> Message:
    """Read the next message from a pipe.

    Raises:
        EOFError: If the other end was closed.
        BrokenMessage: If what arrived is no message.
    """
    try:
        name, values, layout = json.loads(connection.recv_bytes(MOST_HEADER_BYTES))
        arrays = tuple(_receive_array(connection, kind, shape) for kind, shape in layout)
    except EOFError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise BrokenMessage(f"a message cannot be read: {error}") from error
    if not isinstance(name, str) or not isinstance(values, dict):
        raise BrokenMessage("a message has no name or no values")
    return Message(name, values, arrays)


def _receive_array(connection: Connection, kind: str, shape: Sequence[int]) -> NDArray[Any]:
    if kind not in TYPES:
        raise BrokenMessage(f"a message holds an array of {kind}")
    content = connection.recv_bytes(MOST_BYTES)
    return np.frombuffer(bytearray(content), kind).reshape(shape)
