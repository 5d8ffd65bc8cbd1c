"""How every ``python -m <package>.<command>`` ends: quietly, or with one line that says what to mend."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

from extract.base.errors import InputError
from extract.base.lock import sole_run
from extract.base.printable import printable
from extract.base.storage import is_out_of_memory, storage_trouble

GO_ON = "finished videos and saved epochs are kept, run the same command to go on"


class Terminated(BaseException):
    """The process was asked to end by SIGTERM, as Slurm does before it kills a job."""


def run(main: Callable[[], None]) -> None:
    """Run a command and turn what the user can mend into one line on stderr and an exit status.

    Args:
        main: Parses ``sys.argv`` and does the step's work.

    Raises:
        SystemExit: With status 1 after an ``InputError``, a full or failing disk or too little memory, 130 after
            Ctrl-C, 141 where nobody reads the output any more, and 143 after SIGTERM. Any other exception is a defect
            of ours and keeps its traceback.
    """
    with plain_streams():
        _run(main)


def _run(main: Callable[[], None]) -> None:
    signals: list[int] = []
    try:
        with _sigterm_raises(signals), _sole_run_of(sys.argv[1:]):
            try:
                main()
            except SystemExit:  # --help
                sys.stdout.flush()
                raise
            sys.stdout.flush()
    except InputError as error:
        _end(1, f"error: {error}")
    except BrokenPipeError:
        # As a program that knows nothing of the signal ends: `python -m ... | head` is no error to talk about.
        _speak_to_nobody()
        raise SystemExit(141) from None
    except KeyboardInterrupt:
        _end(130, f"interrupted; {GO_ON}")
    except Terminated:
        _end_workers()
        _end(143, f"terminated (SIGTERM); {GO_ON}")
    except Exception as error:
        if signals:
            # A library has made an error of its own of it: torch does when it is saving.
            _end_workers()
            _end(143, f"terminated (SIGTERM); {GO_ON}")
        if is_out_of_memory(error):
            _end(1, f"error: memory has run out ({_first_line(error)}); give the job more, or a smaller batch; {GO_ON}")
        if trouble := storage_trouble(error):
            path = getattr(error, "filename", None) or _first_line(error)
            _end(1, f"error: {path}: {trouble}; mend that and run the same command again")
        raise


@contextmanager
def plain_streams() -> Iterator[None]:
    """Let strangers' text reach the terminal as text: no command of a terminal's, and what it cannot spell escaped."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Plain(stream) if hasattr(stream, "buffer") else stream for stream in before)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # after an error, which has been told
            _speak_to_nobody()
        sys.stdout, sys.stderr = before


def _speak_to_nobody() -> None:
    # Or the interpreter, as it ends, would try once more and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Plain(io.TextIOBase):
    """A text stream that prints a terminal's commands escaped, but for what ends or begins a line anew."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        spelled = text if text.isprintable() else "".join(map(_escaped, text))
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(spelled.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return bool(self._stream.isatty())

    def fileno(self) -> int:
        return int(self._stream.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(self._stream.encoding)

    @property
    def buffer(self) -> Any:
        return self._stream.buffer


def _escaped(character: str) -> str:
    return character if character in "\n\r\t" else printable(character)


def _end(status: int, message: str) -> None:
    print(message, file=sys.stderr, flush=True)
    raise SystemExit(status) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def _sigterm_raises(signals: list[int]) -> Iterator[None]:
    """Unwind on SIGTERM as on Ctrl-C, so that no half-written file stays behind, and note it in ``signals``."""
    ours = os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        # A second signal must not cut the tidying short.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.getpid() == ours:
            signals.append(number)
            raise Terminated
        # A forked worker has inherited this function; it has nothing to tidy and must go.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    except Terminated:
        # Stays deaf until the process ends.
        raise
    except BaseException:
        signal.signal(signal.SIGTERM, before)
        raise
    signal.signal(signal.SIGTERM, before)


def _end_workers() -> None:
    # Not imported for the many commands without workers.
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing else ():
        child.kill()


def _sole_run_of(words: Sequence[str]) -> AbstractContextManager[None]:
    """Let one run at a time into the folder of unfinished work, which every command that resumes calls --partial."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--partial", type=Path)
    try:
        partial: Path | None = parser.parse_known_args(words)[0].partial
    except argparse.ArgumentError:
        return nullcontext()
    return nullcontext() if partial is None or {"-h", "--help"} & set(words) else sole_run(partial)
