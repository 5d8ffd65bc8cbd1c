"""``snakemake --logger progress``: one line that moves, in place of Snakemake's account of every job.

Snakemake takes any package beside the Snakefile whose name begins with ``snakemake_logger_plugin_`` for a plugin
(``python -m snakemake`` looks there), which is why this folder is at the top. Snakemake stays the main process, so
Ctrl-C, SIGTERM and the exit status are its own. Its whole account is in the log file that it keeps in any case.
"""

import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase
from tqdm import tqdm

from extract.base.printable import printable
from snakemake_logger_plugin_progress.time_left import Running, Steps, seconds_of, spoken

TAIL = 15
# Seconds between two lines where none can move, such as in a file.
PLAIN_EVERY = 30
# Of Snakemake's remarks, those that a person has to know at once.
TOLD = ("Nothing to be done", "Terminating processes", "Will exit", "Trying to restart", "Complete log")


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Settings of the plugin.

    Attributes:
        earlier: Folder of the benchmark files that an earlier run left.
    """

    earlier: Optional[Path] = field(  # noqa: UP045 - Snakemake makes the flag from this spelling only
        default=None,
        metadata={"help": "Folder of an earlier run's benchmark files, from which the time left is estimated."},
    )


class LogHandler(LogHandlerBase):
    """Shows where the run stands, and what is wrong with it."""

    def __post_init__(self) -> None:
        """Start the clock that moves the line."""
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._start = time.time()
        self._told = 0.0
        self._stopping = False
        self._steps = Steps()
        if isinstance(self.settings, LogHandlerSettings) and self.settings.earlier:
            self._steps.earlier = seconds_of(Path(self.settings.earlier))
        self._bar: Any = None
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._clock.start()

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's own messages on the screen."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake keeps its log itself."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake's own does."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Snakemake's own does."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Counts by rule are enough."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one of Snakemake's messages; a defect here must never end the run."""
        try:
            with self._lock:
                self._take(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Take the line away."""
        self._ended.set()
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None
        super().close()

    def _take(self, record: logging.LogRecord) -> None:
        if self.common_settings.dryrun:
            # Nothing moves; what would be done is what was asked for.
            self._say("\n".join(map(printable, self.format(record).splitlines())))
            return
        said = vars(record)
        event = said.get("event")
        if event == LogEvent.RESOURCES_INFO and said.get("cores"):
            self._steps.cores = int(said["cores"])
        elif event == LogEvent.RUN_INFO:
            self._steps.total.update({rule: n for rule, n in said["stats"].items() if rule != "total"})
            self._say(
                f"{self._steps.total.total()} steps. What Snakemake does: the newest file in .snakemake/log; "
                "each step has its own log."
            )
        elif event == LogEvent.JOB_INFO:
            words = [said["rule_name"], *map(str, (said.get("wildcards") or {}).values())]
            step = Running(said["rule_name"], printable(" ".join(words)), record.created)
            self._steps.started(said["jobid"], step, int(said.get("threads") or 1))
        elif event == LogEvent.JOB_FINISHED:
            self._steps.finished(said["job_id"], record.created)
            if self._steps.done == self._steps.total.total():
                self._say(f"{self._steps.done} steps done in {spoken(record.created - self._start)}")
        elif event == LogEvent.JOB_ERROR:
            failed = self._steps.running.pop(said["jobid"], None)
            what = failed.what if failed else printable(said["rule_name"])
            self._say(f"Stopped: {what}" if self._stopping else f"\nFailed: {what}")
            for path in [] if self._stopping else said.get("log") or []:
                self._say(tail(Path(path)))
        elif event in (None, LogEvent.ERROR, LogEvent.GROUP_ERROR):
            text = self.format(record)
            self._stopping = self._stopping or text.startswith("Terminating processes")
            # What the command was stands in Snakemake's log; its step is reported as failed next.
            if text.startswith("RuleException:\nCalledProcessError"):
                return
            if text and (record.levelno >= logging.WARNING or text.startswith(TOLD)):
                self._say("\n".join(map(printable, text.splitlines())))
        self._show(record.created)

    def _tick(self) -> None:
        while not self._ended.wait(1.0):
            with self._lock:
                self._show(time.time())

    def _show(self, now: float) -> None:
        if self._ended.is_set() or not self._steps.running:
            return
        line = status(self._steps, now)
        if not sys.stderr.isatty():
            if now - self._told >= PLAIN_EVERY:
                self._told = now
                self._say(line)
            return
        if self._bar is None:
            self._bar = tqdm(total=100, bar_format="{bar:12} {desc}", dynamic_ncols=True, leave=False, file=sys.stderr)
        left, gone = self._steps.seconds_left(now), now - self._start
        self._bar.n = int(100 * gone / (gone + left)) if gone + left > 0 else 0
        self._bar.set_description_str(line, refresh=True)

    def _say(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)
        sys.stderr.flush()


def status(steps: Steps, now: float) -> str:
    """Say where a run stands: step n of m, time left, what runs."""
    first, *others = [step.what for step in steps.running.values()]
    seconds = steps.seconds_left(now)
    left = f"about {spoken(max(seconds, 60))}" if steps.is_guess() else spoken(seconds)
    beside = f" and {len(others)} more" if others else ""
    return f"step {steps.done + 1} of {steps.total.total()}, {left} left: {first}{beside}"


def tail(path: Path) -> str:
    """Give a log's last lines, control characters escaped, and its path."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 100_000))
            lines = file.read().decode("utf-8", "replace").splitlines()[-TAIL:]
    except OSError as error:
        return f"Its log {path} cannot be read: {error.strerror}"
    if not any(line.strip() for line in lines):
        return f"Its log is empty: {path}"
    return "\n".join([f"Last lines of its log, {path}:", *(f"  {printable(line)}" for line in lines)])
