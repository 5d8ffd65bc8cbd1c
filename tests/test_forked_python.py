"""The Python that starts at once does what the real one does, and ends as it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import forked_python

PROGRAM = """
import os, sys, threading, time
from pathlib import Path
print(sys.argv[1:], Path.cwd().name, os.environ["GIVEN"], sys.stdin.read(), Path(sys.argv[0]).name, __name__)
print("said aside", file=sys.stderr)
threading.Timer(0.2, lambda: Path("late").write_text("done")).start()
kind = sys.argv[1]
if kind == "fails":
    raise ValueError("wrong")
if kind == "words":
    sys.exit("not so")
sys.exit(int(kind))
"""


@pytest.mark.parametrize("kind", ["0", "3", "fails", "words"])
def test_it_does_what_the_real_one_does(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a b.d").mkdir()
    folder = tmp_path / "a b.d"
    (folder / "program.py").write_text(PROGRAM)
    ended = []
    for python in (Path(sys.executable), forked_python.folder() / "python"):
        done = subprocess.run(
            [python, "-m", "program", kind, os.fsdecode(b"\xff \n'")],
            cwd=folder, env=os.environ | {"GIVEN": "é"}, input=b"a\xc3\xa9", capture_output=True, check=False,
        )  # fmt: skip
        assert (folder / "late").read_text() == "done"
        (folder / "late").unlink()
        last = done.stderr.splitlines()[-1]
        ended.append((done.returncode, done.stdout, b"said aside" in done.stderr, last))
    assert ended[0] == ended[1]


def test_a_program_that_is_not_a_module_is_the_real_one_s() -> None:
    command = [forked_python.folder() / "python", "-c", "import os; print(os.getppid())"]
    assert int(subprocess.run(command, capture_output=True, check=True).stdout) == os.getpid()


WAITING = "import signal, sys, time\n{}\nopen('ready', 'w').close()\ntime.sleep(60)\n"


@pytest.mark.parametrize(
    ("program", "number", "status"),
    [
        ("", signal.SIGTERM, -signal.SIGTERM),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))", signal.SIGTERM, 7),
        ("", signal.SIGINT, -signal.SIGINT),
    ],
)
def test_signals_reach_the_program(tmp_path: Path, program: str, number: signal.Signals, status: int) -> None:
    (tmp_path / "waiting.py").write_text(WAITING.format(program))
    command = [forked_python.folder() / "python", "-m", "waiting"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        wait_for(tmp_path / "ready")
        process.send_signal(number)
        assert process.wait(60) == status


def test_a_program_goes_with_who_asked_for_it(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING.format("import os; open('pid', 'w').write(str(os.getpid()))"))
    command = [forked_python.folder() / "python", "-m", "waiting"]
    with subprocess.Popen(command, cwd=tmp_path) as process:
        wait_for(tmp_path / "ready")
        process.kill()
    fork, until = Path("/proc") / (tmp_path / "pid").read_text(), time.monotonic() + 60
    while fork.exists() and fork.joinpath("stat").read_text().split()[2] != "Z":
        assert time.monotonic() < until
        time.sleep(0.05)


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
