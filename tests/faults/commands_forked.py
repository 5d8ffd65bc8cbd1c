"""``python -m tests.faults.commands_forked``: run commands, each in a fork of one process that has loaded them all.

Reads a JSON list ``[module, words]`` a line and answers each with what came of it. The terminal is ASCII, and a
command may take so much processor time and no more.
"""

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from extract.image_models import ENCODER

ROOT = Path(__file__).parents[2]
PROCESSOR_SECONDS, SECONDS = 20, 200
MEMORY_BYTES = 12 << 30


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, below zero that of a signal, and what it said."""

    status: int
    out: str
    err: str


@contextmanager
def forked_commands(modules: Sequence[str]) -> Iterator[Callable[[str, Sequence[str]], Ended]]:
    """Start the process that has the commands loaded; give a function that runs one."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict", "OMP_NUM_THREADS": "1", "COLUMNS": "400"}
    command = [sys.executable, "-m", "tests.faults.commands_forked", *modules]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as server:
        asked, answers = server.stdin, server.stdout
        assert asked is not None
        assert answers is not None

        def run(module: str, words: Sequence[str]) -> Ended:
            asked.write(json.dumps([module, list(words)]) + "\n")
            asked.flush()
            return Ended(**json.loads(answers.readline()))

        try:
            yield run
        finally:
            asked.close()


def _serve(modules: Sequence[str]) -> None:
    # All that the commands import, most of them only when they run.
    for package in ("extract", "train", "evaluate"):
        for path in sorted((ROOT / package).rglob("*.py")):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    mains = {module: _main_of(module) for module in modules}
    _spare_random_weights()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        module, words = json.loads(line)
        print(json.dumps(asdict(_run(mains[module], module, words))), file=answers, flush=True)


def _main_of(module: str) -> Callable[[], None]:
    found = importlib.import_module(module)
    main: Callable[[], None] = (found if hasattr(found, "main") else importlib.import_module(f"{module}.__main__")).main
    return main


def _spare_random_weights() -> None:
    # Seconds each, of the tenth of a second that most cases take.
    for name, module in (("load_clip", "extract.encoders.clip"), ("load_wav2clip", "extract.encoders.wav2clip")):
        imported = importlib.import_module(module)
        load: Callable[..., Any] = getattr(imported, name)
        random = load("random:0")
        for user in list(sys.modules.values()):
            if getattr(user, name, None) is load:
                setattr(user, name, partial(_loaded, load, random))


def _loaded(load: Callable[..., Any], random: Any, weights: str, *encoder: str) -> Any:
    return random if weights == "random:0" and encoder in ((), (ENCODER,)) else load(weights, *encoder)


def _run(main: Callable[[], None], module: str, words: Sequence[str]) -> Ended:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _be(main, module, words)
        _, ended = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(ended)
        return Ended(status, *(_content(file) for file in (out, err)))


def _content(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("ascii", "backslashreplace"))


def _be(main: Callable[[], None], module: str, words: Sequence[str]) -> None:
    """Be the command, in a fork, and end as it does."""
    from extract.base import command

    signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.argv = [f"{module.replace('.', '/')}.py", *words]
    status = 1
    try:
        command.run(main)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1:])
