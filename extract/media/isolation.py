"""Functions that run in processes of their own, where they may crash, hang or eat memory without harm.

Media libraries parse what strangers made. A fault in one of them must cost a video, not the run: so each file is
read by a process of its own that is forked from a small server which has the libraries loaded (some milliseconds),
may take so much memory and processor time and no more, dies with its parent, and is killed once it has shown no
progress for a while.
"""

import multiprocessing
import os
import resource
import select
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

from extract.base.errors import InputError
from extract.media.messages import BrokenMessage, Inbox, Message, send
from extract.media.silence import Silence

Key = TypeVar("Key", bound=Hashable)
# What a worker runs: it gets an outbox and the task's arguments.
Job = Callable[..., None]

# Without progress for so long, as ``silence`` counts it, a worker is killed. The slowest single step seen, one 8K
# picture, takes a second.
STALL_SECONDS = 60.0
# Beside what the libraries take when they are loaded.
WORKER_BYTES = 1_600_000_000
# Decoded ahead of what the parent has taken.
OUTBOX_BYTES = 64_000_000
SECONDS_BETWEEN_SIGNS = 1.0
# The parent waits for messages so long at a time; a wait that took longer was suspended, or had no processor.
WAIT_SECONDS = 0.25
# Linux's limit on the path of a socket, and where multiprocessing puts the server's below the temporary folder.
LONGEST_SOCKET, SOCKET_BELOW = 107, "/pymp-12345678/listener-12345678"
DONE, FAILED, ALIVE = "done", "failed", "alive"
# The kind of a failure where the worker itself could say nothing any more.
LOST = "lost"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["extract.media.worker"])


@dataclass(frozen=True)
class Task(Generic[Key]):
    """A function to run in a process of its own.

    Attributes:
        key: Names the task among others.
        job: A function of a module, called with an ``Outbox`` and the arguments.
        arguments: Its arguments; they are pickled on their way to the worker.
    """

    key: Key
    job: Job
    arguments: tuple[Any, ...]


class Outbox:
    """Takes a worker's messages and sends them while the worker goes on.

    Args:
        connection: The pipe to the parent.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._last_sign = monotonic()
        for work in (self._send, self._leave_with_parent):
            threading.Thread(target=work, daemon=True).start()

    def put(self, name: str, *arrays: Any, **values: Any) -> None:
        """Send a message; waits while too much is unsent."""
        message = Message(name, values, arrays)
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._bytes + message.bytes <= OUTBOX_BYTES)
            self._waiting.append(message)
            self._bytes += message.bytes
            self._last_sign = monotonic()
            self._changed.notify_all()

    def alive(self) -> None:
        """Say that the work goes on; cheap enough for every frame."""
        if monotonic() - self._last_sign >= SECONDS_BETWEEN_SIGNS:
            self.put(ALIVE)

    def flush(self) -> None:
        """Wait until everything is sent."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)

    def _leave_with_parent(self) -> None:
        # A parent that was killed cannot stop its workers; but nobody then holds the other end of the pipe.
        broken = select.poll()
        broken.register(self._connection.fileno(), 0)
        broken.poll()
        os._exit(1)

    def _send(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                message = self._waiting[0]
            try:
                send(self._connection, message)
            except OSError:  # the parent has lost interest, or is gone
                os._exit(1)
            with self._changed:
                self._waiting.popleft()
                self._bytes -= message.bytes
                self._changed.notify_all()


def run_tasks(tasks: Iterable[Task[Key]], workers: int) -> Iterator[tuple[Key, Message]]:
    """Run tasks, several at a time, and give what they say.

    Messages of one task come in order; those of different tasks come as they may.

    Args:
        tasks: What to run; taken one by one as workers become free.
        workers: Processes at a time.

    Yields:
        Key of the task and a message. The last of each task is ``done``, or ``failed`` with the values ``kind``
        (class of the exception, or ``lost`` if the worker crashed or was killed) and ``reason``.

    Raises:
        InputError: If the path of the folder for temporary files is too long for the server's socket.
    """
    running: dict[Connection, Worker[Key]] = {}
    remaining = iter(tasks)
    try:
        while True:
            while len(running) < workers and (task := next(remaining, None)) is not None:
                worker = Worker(task)
                running[worker.connection] = worker
            if not running:
                return
            began = monotonic()
            ready = wait(running, timeout=WAIT_SECONDS)
            waited = min(monotonic() - began, WAIT_SECONDS)
            # Now, before the caller takes its time over a message.
            for worker in running.values():
                worker.silence.waited(waited)
            for connection, worker in list(running.items()):
                message = worker.read() if connection in ready else worker.judged()
                if message is None:
                    continue
                if message.name in (DONE, FAILED):
                    del running[connection]
                    worker.stop()
                if message.name != ALIVE:
                    yield worker.task.key, message
    finally:
        for worker in running.values():
            worker.stop()


def _check_room_for_socket() -> None:
    # Longer ones of the server end in an error that names nothing.
    folder = tempfile.gettempdir()
    most = LONGEST_SOCKET - len(SOCKET_BELOW)
    if len(os.fsencode(folder)) > most:
        raise InputError(f"TMPDIR: {folder}: is longer than {most} bytes; set it to a shorter path")


def allow_processor_seconds(seconds: float) -> None:
    """Let the worker that calls this take so many more seconds of processor time before it is killed."""
    used = time.process_time()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = int(used + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


class Worker(Generic[Key]):
    """A process that runs one task, as its parent sees it.

    Args:
        task: What it runs.

    Raises:
        InputError: If the path of the folder for temporary files is too long for the server's socket.

    Attributes:
        task: What it runs.
        connection: What to wait for before ``read``.
        silence: To be told how long the parent waited; see ``judged``.
    """

    def __init__(self, task: Task[Key]) -> None:
        _check_room_for_socket()
        self.task = task
        self.connection, theirs = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_work, args=(theirs, task.job, task.arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._inbox = Inbox(self.connection)
        # Once the worker runs: the server may take a minute to load the libraries from a slow disk.
        self.silence = Silence(int(self._process.pid or 0))

    def read(self) -> Message | None:
        """Take what has arrived; gives the message that ends with it, if any, or why the worker is given up."""
        before = self._inbox.bytes_read
        try:
            message = self._inbox.read()
        except (EOFError, ConnectionError):
            # Its exit code comes by way of the fork server, which may have to wait for its turn.
            self._process.join(STALL_SECONDS)
            return _failed(LOST, _cause(self._process.exitcode))
        except BrokenMessage as error:
            return _failed(LOST, str(error))
        if message is not None:
            self.silence.message_came()
            return message
        if self._inbox.bytes_read > before:
            self.silence.byte_came()
        return self._too_silent()

    def judged(self) -> Message | None:
        """Give a worker up that has been silent for too long, unless its pipe holds something by now."""
        return self.read() if self._too_silent() else None

    def _too_silent(self) -> Message | None:
        seconds = self.silence.exceeded(STALL_SECONDS)
        return None if seconds is None else _failed(LOST, f"made no progress for {seconds:.0f} s")

    def stop(self) -> None:
        """End the process, however it fares."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self.connection.close()


def _work(connection: Connection, job: Job, arguments: tuple[Any, ...]) -> None:
    _confine()
    outbox = Outbox(connection)
    try:
        job(outbox, *arguments)
    except Exception as error:
        # Whatever it is, it concerns this file alone; the parent decides.
        outbox.put(FAILED, kind=type(error).__name__, reason=_one_line(error))
    else:
        outbox.put(DONE)
    outbox.flush()
    # The libraries' own clearing up may crash or hang, after everything has been said.
    os._exit(0)


def _confine() -> None:
    # Ctrl-C and a scheduler's signals reach the whole group; the parent decides.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    most = pages * resource.getpagesize() + WORKER_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _failed(kind: str, reason: str) -> Message:
    return Message(FAILED, {"kind": kind, "reason": reason})


def _cause(exit_code: int | None) -> str:
    if exit_code == -signal.SIGXCPU:
        return "took more processor time than a file of its size may"
    if exit_code is not None and exit_code < 0:
        return f"its decoder was ended by {signal.Signals(-exit_code).name}"
    return f"its decoder ended without a word (exit code {exit_code})"


def _one_line(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"needs more than {WORKER_BYTES / 1e9:.1f} GB of memory"
    text = " ".join(str(error).split())
    known = type(error).__module__.startswith("extract.")
    return text if known and text else f"{type(error).__name__}: {text}"
