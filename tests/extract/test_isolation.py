import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extract import isolation
from extract.isolation import Task, run_tasks
from extract.messages import Message
from tests.extract import jobs


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
    assert time.monotonic() - started < 20


def test_a_worker_that_is_slow_but_goes_on_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "STALL_SECONDS", 3.0)
    assert [message.name for message in said(jobs.work_slowly, 4.5)] == ["done"]


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


def test_a_parent_that_looks_away_leaves_no_worker_behind(tmp_path: Path) -> None:
    tasks = [Task(0, jobs.count, (2,)), Task(1, jobs.write_pid_and_sleep, (tmp_path / "pid",))]
    messages = run_tasks(tasks, workers=2)
    next(messages)
    pid = pid_in(tmp_path / "pid")
    messages.close()  # type: ignore[attr-defined]
    assert gone(pid)


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from extract.isolation import Task, run_tasks; "
        "from tests.extract import jobs; "
        "list(run_tasks([Task(0, jobs.write_pid_and_sleep, (Path(sys.argv[1]),))], 1))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pid")]) as parent:
        pid = pid_in(tmp_path / "pid")
        parent.kill()
    assert gone(pid)


def pid_in(path: Path) -> int:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise TimeoutError(f"nobody wrote {path}")


def gone(pid: int) -> bool:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            os.kill(pid, signal.SIG_DFL)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False
