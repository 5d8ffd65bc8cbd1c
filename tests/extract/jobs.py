"""Things that go wrong in a worker process, for test_isolation."""

import ctypes
import os
import signal
import struct
import time
from pathlib import Path

import numpy as np

from extract.media.decode import UnreadableVideo
from extract.media.isolation import Outbox, allow_processor_seconds


def count(outbox: Outbox, numbers: int) -> None:
    for number in range(numbers):
        outbox.put("number", np.full((2, 3), number, np.float32), number=number)


def say_and_crash(outbox: Outbox) -> None:
    outbox.put("number", number=1)
    outbox.flush()
    crash(outbox)


def crash(outbox: Outbox) -> None:
    ctypes.string_at(0)


def raise_reason(outbox: Outbox) -> None:
    raise UnreadableVideo("has no\nvideo stream")


def raise_other(outbox: Outbox) -> None:
    raise KeyError("odd")


def sleep(outbox: Outbox, seconds: float) -> None:
    time.sleep(seconds)


def work_slowly(outbox: Outbox, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(0.05)
        outbox.alive()


def spin(outbox: Outbox) -> None:
    allow_processor_seconds(0)
    while True:
        outbox.alive()


def eat_memory(outbox: Outbox) -> None:
    eaten = []
    while True:
        eaten.append(np.empty(100_000_000, np.uint8))


def write_pid_and_sleep(outbox: Outbox, path: Path) -> None:
    path.write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def count_slowly(outbox: Outbox, numbers: int) -> None:
    for number in range(numbers):
        outbox.put("number", number=number)
        time.sleep(0.05)


def say_pid_and_count_slowly(outbox: Outbox, numbers: int) -> None:
    outbox.put("pid", pid=os.getpid())
    count_slowly(outbox, numbers)


def count_when_told(outbox: Outbox, told: Path, numbers: int) -> None:
    while not told.exists():
        time.sleep(0.02)
    count(outbox, numbers)


def stop_within_a_message(outbox: Outbox, beginning: bytes) -> None:
    os.write(outbox._connection.fileno(), beginning)
    os.kill(os.getpid(), signal.SIGSTOP)


def send_a_byte_at_a_time(outbox: Outbox) -> None:
    os.write(outbox._connection.fileno(), struct.pack("!I", 60_000))
    while True:
        os.write(outbox._connection.fileno(), b" ")
        time.sleep(0.02)


def send_bytes(outbox: Outbox, content: bytes) -> None:
    os.write(outbox._connection.fileno(), content)
    time.sleep(600)


def send_rubbish(outbox: Outbox) -> None:
    outbox._connection.send_bytes(b"\x80\x04not json")
    time.sleep(600)


def send_foreign_array(outbox: Outbox) -> None:
    outbox._connection.send_bytes(b'["a", {}, [["object", [1]]]]')
    time.sleep(600)
