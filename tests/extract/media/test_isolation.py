import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extract.base.errors import InputError
from extract.media import isolation, silence
from extract.media.isolation import Task, run_tasks
from extract.media.messages import Inbox, Message
from tests.extract import jobs


def framed(header: bytes) -> bytes:
    return struct.pack("!I", len(header)) + header


def said(job: Callable[..., None], *arguments: object) -> list[Message]:
    return [message for _, message in run_tasks([Task("a", job, arguments)], workers=1)]


def reason(job: Callable[..., None], *arguments: object) -> tuple[str, str]:
    last = said(job, *arguments)[-1]
    assert last.name == "failed"
    return last.values["kind"], last.values["reason"]


def test_messages_arrive_in_order_and_whole() -> None:
    messages = said(jobs.count, 50)
    assert [message.name for message in messages] == ["number"] * 50 + ["done"]
    for number, message in enumerate(messages[:-1]):
        assert message.values == {"number": number}
        assert np.array_equal(message.arrays[0], np.full((2, 3), number, np.float32))


@pytest.mark.parametrize("workers", [1, 3])
def test_every_task_is_run_once_whatever_the_number_of_workers(workers: int) -> None:
    heard: dict[int, list[Any]] = {}
    for key, message in run_tasks([Task(n, jobs.count, (n,)) for n in range(6)], workers):
        heard.setdefault(key, []).append(message.values.get("number", message.name))
    assert heard == {n: [*range(n), "done"] for n in range(6)}


def test_a_crash_is_a_reason_after_what_was_said_before() -> None:
    number, end = said(jobs.say_and_crash)
    assert number.values == {"number": 1}
    assert (end.name, end.values["kind"]) == ("failed", "lost")
    assert "SIGSEGV" in end.values["reason"]


def test_a_crash_does_not_touch_the_others() -> None:
    tasks = [Task(n, jobs.say_and_crash if n == 1 else jobs.count, () if n == 1 else (3,)) for n in range(4)]
    ends = {key: message.name for key, message in run_tasks(tasks, workers=2) if message.name in ("done", "failed")}
    assert ends == {0: "done", 1: "failed", 2: "done", 3: "done"}


def test_exceptions_are_reasons_of_one_line() -> None:
    assert reason(jobs.raise_reason) == ("UnreadableVideo", "has no video stream")
    assert reason(jobs.raise_other) == ("KeyError", "KeyError: 'odd'")


def test_a_worker_without_progress_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "STALL_SECONDS", 1.0)
    started = time.monotonic()
    assert reason(jobs.sleep, 600) == ("lost", "made no progress for 1 s")
    assert time.monotonic() - started < 300


def test_a_worker_that_is_slow_but_goes_on_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "STALL_SECONDS", 3.0)
    assert [message.name for message in said(jobs.work_slowly, 4.5)] == ["done"]


def test_a_consumer_that_takes_ten_times_the_stall_time_a_batch_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = 0.0
    monkeypatch.setattr(isolation, "monotonic", lambda: time.monotonic() + away)
    told = tmp_path / "told"
    tasks = [Task(0, jobs.count, (3,)), Task(1, jobs.count_when_told, (told, 3)), Task(2, jobs.count, (3,))]
    heard: dict[int, list[str]] = {}
    for key, message in run_tasks(tasks, workers=3):
        heard.setdefault(key, []).append(message.name)
        away += 10 * isolation.STALL_SECONDS
        told.touch()
    assert heard == {key: ["number"] * 3 + ["done"] for key in range(3)}


def test_a_parent_that_was_suspended_while_it_waited_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = 0.0
    told = tmp_path / "told"

    def suspended(connections: Iterable[Connection], timeout: float) -> list[object]:
        nonlocal away
        away += 10 * isolation.STALL_SECONDS
        if away > 50 * isolation.STALL_SECONDS:
            told.touch()
        time.sleep(0.1)
        return list(wait(connections, timeout=0))

    monkeypatch.setattr(isolation, "monotonic", lambda: time.monotonic() + away)
    monkeypatch.setattr(isolation, "wait", suspended)
    monkeypatch.setattr(silence, "_activity", lambda _: (0.0, True))
    assert [message.name for message in said(jobs.count_when_told, told, 3)] == ["number"] * 3 + ["done"]


@pytest.mark.parametrize(
    "beginning",
    [b"\0", struct.pack("!I", 1000) + b'["picture"', framed(b'["picture", {}, [["uint8", [64, 64, 3]]]]') + bytes(100)],
)
def test_a_worker_that_is_stopped_within_a_message_holds_nobody_up(
    beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(silence, "SPARED", 2)
    tasks = [Task(0, jobs.stop_within_a_message, (beginning,)), Task(1, jobs.count, (3,))]
    ends = {key: message for key, message in run_tasks(tasks, workers=2) if message.name in ("done", "failed")}
    assert ends[0].values == {"kind": "lost", "reason": "made no progress for 2 s"}
    assert ends[1].name == "done"


def test_a_message_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(silence, "SPARED", 2)
    assert reason(jobs.send_a_byte_at_a_time) == ("lost", "made no progress for 2 s")


def test_a_worker_that_is_stopped_and_continued_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(silence, "SPARED", 10_000)
    names = []
    for _, message in run_tasks([Task(0, jobs.say_pid_and_count_slowly, (5,))], workers=1):
        names.append(message.name)
        if message.name == "pid":
            pid = int(message.values["pid"])
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(2.0, os.kill, (pid, signal.SIGCONT)).start()
    assert names == ["pid"] + ["number"] * 5 + ["done"]


def test_a_job_that_is_suspended_and_continued_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from extract.media import isolation; "
        "from extract.media.isolation import Task; "
        "from tests.extract import jobs; "
        "isolation.STALL_SECONDS = 1.0; said = []\n"
        "for key, message in isolation.run_tasks([Task(n, jobs.count_slowly, (20,)) for n in range(2)], 2):\n"
        "    said.append(message.name); Path(sys.argv[1]).write_text(str(len(said)))\n"
        "print(said.count('number'), said.count('done'))"
    )
    begun = tmp_path / "begun"
    command = [sys.executable, "-c", code, str(begun)]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True) as job:
        pid_in(begun)
        os.killpg(job.pid, signal.SIGSTOP)
        time.sleep(2.0)
        # The parent looks around before its workers run again.
        os.kill(job.pid, signal.SIGCONT)
        time.sleep(0.3)
        os.killpg(job.pid, signal.SIGCONT)
        said, _ = job.communicate()
    assert said.split() == ["40", "2"]


def test_a_worker_that_waits_for_a_processor_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = False
    monkeypatch.setattr(silence, "_activity", lambda _: (0.0, asleep))
    quiet = silence.Silence(0)
    for _ in range(240):
        quiet.waited(1.0)
    assert quiet.exceeded(60.0) is None
    asleep = True
    for _ in range(61):
        quiet.waited(1.0)
    assert quiet.exceeded(60.0) == 60.0


def test_a_worker_that_computes_without_a_sign_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1000))
    monkeypatch.setattr(silence, "_activity", lambda _: (float(next(seconds)), False))
    quiet = silence.Silence(0)
    for _ in range(60):
        quiet.waited(1.0)
    assert quiet.exceeded(60.0) is None
    quiet.waited(1.0)
    assert quiet.exceeded(60.0) == 60.0


def test_a_worker_that_spins_runs_out_of_processor_time() -> None:
    kind, text = reason(jobs.spin)
    assert kind == "lost"
    assert "processor time" in text


def test_a_worker_that_eats_memory_is_stopped_in_time() -> None:
    assert reason(jobs.eat_memory) == ("MemoryError", "needs more than 1.6 GB of memory")


@pytest.mark.parametrize("job", [jobs.send_rubbish, jobs.send_foreign_array])
def test_what_is_no_message_is_not_believed(job: Callable[..., None]) -> None:
    kind, text = reason(job)
    assert kind == "lost"
    assert "a message" in text


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("!I", 0xFFFFFFFF),
        framed(b'["picture", {}, [["uint8", [1000000, 1000000]]]]'),
        framed(b'["picture", {}, [["uint8", [-1, -64]]]]'),
        framed(b'["picture", {}, [["uint8", [2.5]]]]'),
        framed(b'["picture", {}, [' + b", ".join([b'["uint8", [200000000]]'] * 3) + b"]]"),
        framed(b'["picture", {}]'),
        framed(b'["picture", 1, []]'),
        framed(b"[" * 60_000),
    ],
)
def test_a_malformed_length_or_layout_ends_the_worker_before_room_is_made(content: bytes) -> None:
    kind, text = reason(jobs.send_bytes, content)
    assert kind == "lost"
    assert "a message" in text


def test_room_is_made_for_what_arrives_and_not_for_what_is_announced() -> None:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with ours, theirs:
        inbox = Inbox(ours)
        os.write(theirs.fileno(), framed(b'["picture", {}, [["uint8", [200000000]]]]') + b"some")
        tracemalloc.start()
        try:
            assert inbox.read() is None
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 1_000_000


def test_a_parent_that_looks_away_leaves_no_worker_behind(tmp_path: Path) -> None:
    tasks = [Task(0, jobs.count, (2,)), Task(1, jobs.write_pid_and_sleep, (tmp_path / "pid",))]
    messages = run_tasks(tasks, workers=2)
    next(messages)
    pid = pid_in(tmp_path / "pid")
    messages.close()  # type: ignore[attr-defined]
    assert gone(pid)


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from extract.media.isolation import Task, run_tasks; "
        "from tests.extract import jobs; "
        "list(run_tasks([Task(0, jobs.write_pid_and_sleep, (Path(sys.argv[1]),))], 1))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pid")]) as parent:
        pid = pid_in(tmp_path / "pid")
        parent.kill()
    assert gone(pid)


def pid_in(path: Path) -> int:
    ends = time.monotonic() + 300
    while time.monotonic() < ends:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise TimeoutError(f"nobody wrote {path}")


def gone(pid: int) -> bool:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        try:
            os.kill(pid, signal.SIG_DFL)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_temporary_folder_whose_path_leaves_no_room_for_a_socket_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = f"/{'x' * 100}"
    monkeypatch.setattr("tempfile.tempdir", folder)
    with pytest.raises(InputError, match=f"^TMPDIR: {folder}: is longer than 75 bytes; set it to a shorter path$"):
        said(jobs.count, 1)


def test_the_longest_temporary_folder_that_is_allowed_has_room_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder = Path(f"{folder}{'x' * (75 - len(os.fsencode(folder)))}")
    folder.mkdir()
    words = "from tests.extract.media.test_isolation import said, jobs; assert said(jobs.count, 1)[-1].name == 'done'"
    environment = os.environ | {"TMPDIR": str(folder)}
    subprocess.run([sys.executable, "-c", words], env=environment, check=True)
