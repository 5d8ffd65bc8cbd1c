"""A ``python`` for tests that starts at once: forks of one process that has loaded what the commands import.

Of the seconds that a command of the pipeline takes on a test's few videos, two to five go into loading torch and
open_clip, and a whole run has some forty of them. So one server a test process loads the libraries, and none of the
project's own modules, and the ``python`` in ``folder()`` asks it for a fork, which takes over its files, folder,
environment and words, and then does what ``python -m`` does. It passes signals on and ends as the fork ends. What it
cannot do so (``-c``, other settings of Python's own) it gives to the real one.

Tests of kills, of a scheduler that spies on its jobs and of other Pythons do without; so does ``tests.smoke``, which
tries the real start of all commands. With ``FRESH_PYTHON`` in the environment there is no server.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
FRESH = "FRESH_PYTHON"
# Where the real one is.
REAL = Path(sys.executable).parent
# Of Python's own settings, the one that a fork can still take.
SEARCHED = "PYTHONPATH"
SECONDS_TO_LOAD = 300.0
# What commands import, most of it only when they run.
LOADED = (
    "torch", "torch.utils.tensorboard", "torchaudio", "torchvision", "open_clip", "h5py", "av", "soxr", "scipy.signal",
    "sklearn.metrics", "safetensors.torch", "jsonschema", "matplotlib.figure", "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg", "pandas", "yaml", "PIL.Image", "wav2clip.model", "tqdm", "tabulate",
    # Snakemake's, but not itself, which looks for plugins in the folder where it starts.
    "sqlmodel", "jinja2", "docutils.parsers.rst.directives.images", "yte", "nbformat", "pulp",
)  # fmt: skip
# As the rules have them, which some libraries read when they are loaded.
ENVIRONMENT = {"HDF5_USE_FILE_LOCKING": "FALSE", "HF_HUB_OFFLINE": "1"}
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

CLIENT = """#!{python} -IS
import os, sys
words, settings = sys.argv[1:], {settings!r}
mine = {{name: value for name, value in os.environ.items() if name.startswith("PYTHON") and name != {searched!r}}}
if words[:1] != ["-m"] or mine != settings:
    os.execv({python!r}, [{python!r}, *words])
import json, signal, socket
asked = {{"words": words[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
for number in {signals!r}:
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, lambda number, _: server.send(bytes([number])))
content = json.dumps(asked).encode()
socket.send_fds(server, [len(content).to_bytes(4, "big")], [0, 1, 2])
server.sendall(content)
answer = server.recv(4)
if len(answer) < 4:
    sys.exit("the forked Python ended without a word")
status = int.from_bytes(answer, "big", signed=True)
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""


@cache
def folder() -> Path:
    """Start the server and give the folder with its ``python``; the real one's with ``FRESH_PYTHON``."""
    if os.environ.get(FRESH):
        return REAL
    place = Path(tempfile.mkdtemp(prefix="python-"))
    address = str(place / "server")
    settings = {name: value for name, value in os.environ.items() if name.startswith("PYTHON") and name != SEARCHED}
    signals = [int(number) for number in PASSED_ON]
    client = CLIENT.format(
        python=sys.executable, settings=settings, searched=SEARCHED, address=address, signals=signals
    )
    (place / "python").write_text(client)
    (place / "python").chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forked_python", address],
        cwd=ROOT, env=os.environ | ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    atexit.register(server.stdin.close)
    ready, _, _ = select.select([server.stdout], [], [], SECONDS_TO_LOAD)
    if not ready or server.stdout.readline() != b"ready\n":
        server.kill()
        raise RuntimeError("the server of forked Pythons did not start; FRESH_PYTHON=1 does without")
    return place


def serve(address: str) -> dict[str, Any]:
    """Answer until standard input ends; returns what was asked, in each fork."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    # Forks are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, 0], [], [])
        if 0 in ready:
            os._exit(0)
        client, _ = listener.accept()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            return _taken_over(client)
        client.close()


def _taken_over(client: socket.socket) -> dict[str, Any]:
    """Become what was asked for, while another fork waits for its end."""
    length, files, _, _ = socket.recv_fds(client, 4, 3)
    content = b""
    while len(content) < int.from_bytes(length, "big"):
        content += client.recv(1 << 20)
    asked: dict[str, Any] = json.loads(content)
    child = os.fork()
    if child:
        _report(child, client)
    client.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    return asked


def _report(child: int, client: socket.socket) -> None:
    """Pass signals on to a fork and say how it ended; a client that is gone takes it along."""
    handle = os.pidfd_open(child)
    watched = select.poll()
    for one in (handle, client.fileno()):
        watched.register(one, select.POLLIN)
    while True:
        ready = dict(watched.poll())
        if handle in ready:
            _, ended = os.waitpid(child, 0)
            with suppress(OSError):
                client.sendall(os.waitstatus_to_exitcode(ended).to_bytes(4, "big", signed=True))
            os._exit(0)
        told = client.recv(1)
        os.kill(child, told[0] if told else signal.SIGKILL)
        if not told:
            os._exit(0)


def _be_command(words: list[str]) -> NoReturn:
    """Do what ``python -m`` does with these words, and end; but leave the memory as it is, which takes a second."""
    sys.path[0:1] = [str(Path.cwd()), *filter(None, os.environ.get(SEARCHED, "").split(os.pathsep))]
    sys.argv = words
    status = 1
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    _be_command(serve(sys.argv[1])["words"])
