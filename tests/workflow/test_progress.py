import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_logger_plugin_progress import status, tail
from snakemake_logger_plugin_progress.time_left import Running, Steps, seconds_of, spoken
from tests.forked_python import REAL
from tests.workflow.project import ROOT

# Tests that a shell runs in the background inherit that Ctrl-C is ignored.
HEEDING_CTRL_C = ("env", "--default-signal=INT")
COMMAND = (sys.executable, "-m", "snakemake", "--cores", "2", "--logger", "progress", "--nocolor", "--")


def steps(cores: int = 2, **total: int) -> Steps:
    return Steps(cores=cores, total=Counter(total), earlier=dict.fromkeys(total, 60.0))


def start(state: Steps, number: int, rule: str, now: float, threads: int = 1) -> None:
    state.started(number, Running(rule, f"{rule} {number}", now), threads)


def test_steps_that_run_side_by_side_count_once() -> None:
    state = steps(cores=2, a=4)
    assert state.seconds_left(0) == 120
    start(state, 1, "a", 0)
    start(state, 2, "a", 0)
    assert state.seconds_left(30) == 90


def test_a_step_that_takes_all_cores_runs_alone() -> None:
    state = steps(cores=2, a=4)
    start(state, 1, "a", 0, threads=2)
    assert state.seconds_left(0) == 240


def test_fewer_steps_than_cores_take_as_long_as_one() -> None:
    assert steps(cores=16, a=3).seconds_left(0) == 60


def test_finished_steps_correct_their_own_rule_and_the_speed_of_the_others() -> None:
    state = steps(cores=1, a=2, b=1)
    start(state, 1, "a", 0)
    state.finished(1, 180.0)
    # Its own rule as measured; of the others, what was known weighs in with a tenth of the run.
    assert state.seconds_left(180) == pytest.approx(180 + 60 * (180 + 18) / (60 + 18))


def test_a_quick_small_step_does_not_promise_a_quick_run() -> None:
    state = steps(cores=1, tiny=1, large=1)
    state.earlier = {"tiny": 3.0, "large": 300.0}
    start(state, 1, "tiny", 0)
    state.finished(1, 0.5)
    assert state.seconds_left(1) > 250


def test_a_step_that_is_late_makes_the_rest_longer_too() -> None:
    state = steps(cores=1, a=1, b=1)
    start(state, 1, "a", 0)
    assert state.seconds_left(0) == 120
    assert state.seconds_left(300) == pytest.approx(300 / 10 + 60 * (300 + 12) / (60 + 12))


def test_nothing_is_left_when_all_steps_are_done() -> None:
    state = steps(a=1)
    start(state, 1, "a", 0)
    state.finished(1, 5.0)
    assert state.seconds_left(5) == 0
    assert state.done == 1


@given(
    cores=st.integers(1, 64),
    jobs=st.lists(
        st.tuples(st.sampled_from(["visual", "train", "x"]), st.floats(0, 1e5), st.integers(1, 64)), max_size=12
    ),
    waiting=st.integers(0, 9),
    finished=st.integers(0, 12),
)
def test_the_time_left_is_never_negative_whatever_happens(
    cores: int, jobs: list[tuple[str, float, int]], waiting: int, finished: int
) -> None:
    state = Steps(cores=cores, total=Counter(rule for rule, _, _ in jobs) + Counter(x=waiting))
    for number, (rule, at, threads) in enumerate(jobs):
        start(state, number, rule, at, threads)
        if number < finished:
            state.finished(number, 1e5)
    left = state.seconds_left(1e5)
    assert 0 <= left < 1e9


def test_an_estimate_is_called_about_until_half_of_the_work_is_of_a_measured_kind() -> None:
    state = steps(cores=1, a=1, b=5)
    start(state, 1, "a", 0)
    assert status(state, 0) == "step 1 of 6, about 6 min left: a 1"
    state.finished(1, 60.0)
    start(state, 2, "b", 60)
    assert ", about 5 min left" in status(state, 60)
    state.finished(2, 120.0)
    start(state, 3, "b", 120)
    start(state, 4, "b", 120)
    assert status(state, 120) == "step 3 of 6, 4 min left: b 3 and 1 more"


def test_an_earlier_runs_benchmarks_are_read_and_damaged_ones_passed_over(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.tsv").write_text("s\th:m:s\n10.0\t0:00:10\n")
    (tmp_path / "train/b.tsv").write_text("s\th:m:s\n20.0\t0:00:20\n")
    (tmp_path / "learning.tsv").write_text("s\th:m:s\n3.5\t0:00:03\n")
    (tmp_path / "audio.tsv").write_bytes(b"\xff\x00")
    (tmp_path / "score.tsv").write_text("")
    (tmp_path / "visual.tsv").write_text("s\tx\nnan\t1\n")
    assert seconds_of(tmp_path) == {"train": 15.0, "learning": 3.5}
    assert seconds_of(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59, "less than a minute"), (60, "1 min"), (89, "1 min"), (91, "2 min"), (4800, "1 h 20 min")],
)
def test_times_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_only_the_last_lines_of_a_log_are_shown_without_its_terminal_commands(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"".join(b"line %d\n" % i for i in range(100)) + b"\x1b[31mred\xff\n")
    lines = tail(log).splitlines()
    assert str(log) in lines[0]
    assert (lines[1], lines[-2], lines[-1]) == ("  line 86", "  line 99", "  \\x1b[31mred�")
    assert "empty" in tail(tmp_path / "none") or "cannot be read" in tail(tmp_path / "none")


def project(folder: Path, *, step: str) -> dict[str, str]:
    (folder / "Snakefile").write_text(
        "rule all:\n    input: 'b.txt', 'c.txt'\n"
        "rule slow:\n    output: '{x}.txt'\n    log: 'logs/{x}.log'\n"
        f"    shell: {step!r}\n"
    )
    path = f"{REAL}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(ROOT), "PATH": path, "COLUMNS": "100"}


def test_a_failed_step_ends_with_its_logs_last_lines_and_path(tmp_path: Path) -> None:
    step = "printf 'the \\033[31mreason\\n' > {log}; [ {wildcards.x} = b ] && touch {output}"
    environment = project(tmp_path, step=step)
    done = subprocess.run(COMMAND, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Failed: slow c\nLast lines of its log, logs/c.log:\n  the \\x1b[31mreason\n" in done.stderr
    assert "printf" not in done.stderr
    # Not a terminal: nothing moves.
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    assert "step 1 of 3" in done.stderr


def on_terminal(command: tuple[str, ...], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 100))
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # Linux says so that the other side is closed.
        pass
    os.close(ours)
    return process.wait(), said.decode()


def test_on_a_terminal_one_line_moves_and_is_gone_at_the_end(tmp_path: Path) -> None:
    status, said = on_terminal(COMMAND, tmp_path, project(tmp_path, step="sleep 1.5; touch {output}"))
    assert status == 0, said
    assert said.count("\r") > 2
    assert "step 1 of 3, about 1 min left: slow" in said
    assert "3 steps done in less than a minute" in said
    assert len(said.split("\n")) < 8


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_without_a_lock_or_a_process_left(tmp_path: Path, number: signal.Signals) -> None:
    environment = project(tmp_path, step="touch {wildcards.x}.started {output}; sleep 6")
    with subprocess.Popen(
        (*HEEDING_CTRL_C, *COMMAND),
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*.started"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        # Both shells have come to their sleep, and Snakemake to its waiting.
        time.sleep(1)
        # A terminal sends Ctrl-C to all that runs in it.
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in said
    assert not list((tmp_path / ".snakemake").glob("locks/*"))
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
