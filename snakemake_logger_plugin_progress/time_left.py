"""How long the steps of a run still take: from an earlier run or known shares, corrected by what this run measures."""

import csv
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Seconds and threads of a step of the demo on two cores. Only their proportions count: the first steps of a run
# tell how fast this machine is.
SHARES = {
    "visual": (140.0, 2),
    "train": (60.0, 1),
    "demo_data": (20.0, 2),
    "audio": (15.0, 2),
    "score": (8.0, 1),
    "learning": (8.0, 1),
}
ANY_OTHER = (3.0, 1)


@dataclass(frozen=True)
class Running:
    """A step that runs.

    Attributes:
        rule: Its rule.
        what: What it is called on the screen.
        start: When it began, in seconds.
    """

    rule: str
    what: str
    start: float


@dataclass
class Steps:
    """Where a run stands.

    Attributes:
        cores: How many the run may use.
        earlier: Seconds a step of each rule took in an earlier run.
        total: Steps by rule, finished ones too.
        running: By Snakemake's number of a step.
        threads: Threads a step of a rule takes, as far as one has started.
        took: Seconds of the finished steps by rule.
    """

    cores: int = 1
    earlier: Mapping[str, float] = field(default_factory=dict)
    total: Counter[str] = field(default_factory=Counter)
    running: dict[int, Running] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    took: dict[str, list[float]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Finished steps."""
        return sum(map(len, self.took.values()))

    def started(self, number: int, step: Running, threads: int) -> None:
        """Take note of a step that has started."""
        self.running[number] = step
        self.threads[step.rule] = threads

    def finished(self, number: int, now: float) -> None:
        """Take note of a step that has finished; one that was never seen to start tells nothing."""
        step = self.running.pop(number, None)
        if step is not None:
            self.took.setdefault(step.rule, []).append(now - step.start)

    def seconds_left(self, now: float) -> float:
        """Estimate the rest of the run.

        Steps of one rule run side by side as the cores allow; rules come one after the other.
        """
        speed = self._speed(now)
        left = 0.0
        for rule, count in self.total.items():
            each = self._each(rule, speed)
            # A step that is late is not about to end: a tenth of what it took already may be missing.
            rests = [
                max(each - (now - step.start), (now - step.start) / 10)
                for step in self.running.values()
                if step.rule == rule
            ]
            waiting = max(0, count - len(self.took.get(rule, [])) - len(rests))
            beside = max(1, min(self.cores // self._threads(rule), waiting + len(rests)))
            left += max((sum(rests) + waiting * each) / beside, *rests, math.ceil(waiting / beside) * each, 0.0)
        return left

    def is_guess(self) -> bool:
        """Whether too little was measured, or known from an earlier run, to trust the estimate to the minute."""
        measured = sum(count * self._known(rule) for rule, count in self.total.items() if rule in self.took)
        return measured < self._known_in_all() / 2

    def _known_in_all(self) -> float:
        return sum(count * self._known(rule) for rule, count in self.total.items())

    def _speed(self, now: float) -> float:
        """Measured seconds for one expected, over the finished steps and those that are late."""
        # Short steps are mostly the start of a process: what is known weighs in with a tenth of the run.
        expected = measured = self._known_in_all() / 10
        for rule, times in self.took.items():
            expected += len(times) * self._known(rule)
            measured += sum(times)
        ratio = measured / expected if expected else 1.0
        for step in self.running.values():
            known, spent = self._known(step.rule), now - step.start
            if spent > known * ratio:
                expected, measured = expected + known, measured + spent
        return measured / expected if expected else 1.0

    def _each(self, rule: str, speed: float) -> float:
        times = self.took.get(rule)
        return sum(times) / len(times) if times else speed * self._known(rule)

    def _known(self, rule: str) -> float:
        return self.earlier.get(rule) or SHARES.get(rule, ANY_OTHER)[0]

    def _threads(self, rule: str) -> int:
        return min(self.cores, self.threads.get(rule) or SHARES.get(rule, ANY_OTHER)[1])


def seconds_of(folder: Path) -> dict[str, float]:
    """Give the mean seconds of a step by rule from Snakemake's benchmark files of an earlier run.

    Args:
        folder: ``RULE.tsv`` and ``RULE/*.tsv`` below it; it need not exist. A file that cannot be read tells nothing.
    """
    times: dict[str, list[float]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        try:
            with path.open(encoding="utf-8", newline="") as file:
                seconds = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            continue
        times.setdefault(path.relative_to(folder).with_suffix("").parts[0], []).extend(seconds)
    return {rule: mean for rule, of in times.items() if of and 0 < (mean := sum(of) / len(of)) < math.inf}


def spoken(seconds: float) -> str:
    """Say a time as people do: below a minute, ``4 min``, ``1 h 20 min``."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than a minute"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
