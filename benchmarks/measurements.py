"""What a benchmark measured beside what it should reach, as a table and as JSON."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from extract.base.files import write_text

FORMAT = "avadclip-benchmark"
# Seconds after which a work is not repeated once more: on a slow machine the first time is long beside its set-up.
PATIENCE = 15.0
PRODUCT_SIZE = 4096
PRODUCT_TRIES = 5
PRODUCT_PATIENCE = 6.0


class Times(NamedTuple):
    """How long a work took: ``seconds`` by the clock, ``processor_seconds`` over all threads."""

    seconds: float
    processor_seconds: float


def fastest(work: Callable[[], object], repeats: int, patience: float = PATIENCE) -> Times:
    """Time a work and give the least of each, because other work on the machine can only add to them.

    Args:
        work: What to time.
        repeats: How often at the most, after a first time that only counts where no other follows.
        patience: Seconds after which it is not repeated.
    """
    found: list[Times] = []
    begun = time.perf_counter()
    while len(found) <= repeats:
        started, started_processor = time.perf_counter(), time.process_time()
        work()
        found.append(Times(time.perf_counter() - started, time.process_time() - started_processor))
        if time.perf_counter() - begun > patience:
            break
    timed = found[1:] or found
    return Times(min(one.seconds for one in timed), min(one.processor_seconds for one in timed))


class Rates(NamedTuple):
    """GFLOP/s by the clock and by the processor's seconds."""

    clock: float
    processor: float


def product_rates() -> dict[str, Rates]:
    """Give what a large matrix product reaches, in fp32 and, where the hardware computes it, in bf16."""
    import torch

    from extract.base.precision import AUTO, resolve

    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    matrix = torch.randn(PRODUCT_SIZE, PRODUCT_SIZE, generator=torch.Generator().manual_seed(0))
    gflop = 2 * PRODUCT_SIZE**3 / 1e9
    rates = {}
    for precision in dict.fromkeys(("fp32", resolve(AUTO, "cpu"))):
        operand = matrix.to(dtypes[precision])
        took = fastest(partial(torch.matmul, operand, operand), PRODUCT_TRIES, PRODUCT_PATIENCE)
        rates[precision] = Rates(gflop / took.seconds, gflop / took.processor_seconds)
    return rates


@dataclass(frozen=True)
class Measurement:
    """One figure of a benchmark.

    Attributes:
        name: What was measured.
        value: The figure.
        unit: Its unit, such as ``s``, ``GFLOPS`` or ``%``.
        at_most: What it should not exceed, if there is such a target.
        at_least: What it should reach, if there is such a target.
        how: What the figure means and what it was taken on, in a few words.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    how: str = ""

    @property
    def target(self) -> str:
        """The target in words; empty if there is none."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}" if self.at_least is not None else ""

    @property
    def holds(self) -> bool | None:
        """Whether the target is met; ``None`` without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.value >= self.at_least if self.at_least is not None else None


def publish(benchmark: str, measurements: Sequence[Measurement], out: Path, settings: dict[str, Any]) -> None:
    """Print the figures and write them with the machine and the settings they were taken with.

    Args:
        benchmark: Name of the program.
        measurements: Its figures.
        out: JSON to write.
        settings: What the figures depend on.
    """
    result = {
        "format": FORMAT,
        "benchmark": benchmark,
        "machine": machine(),
        "settings": {name: str(value) for name, value in settings.items()},
        "measurements": [asdict(one) | {"target": one.target, "holds": one.holds} for one in measurements],
    }
    write_text(out, json.dumps(result, indent=2) + "\n")
    print(f"{benchmark} ({machine()})")
    width = max(len(one.name) for one in measurements)
    for one in measurements:
        verdict = {True: "holds", False: "MISSED", None: ""}[one.holds]
        print(f"  {one.name:{width}} {one.value:10.4g} {one.unit:9} {one.target:14} {verdict:6} {one.how}".rstrip())
    sys.stdout.flush()


def machine() -> str:
    """Name the processor and how many of its cores this process may use."""
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {_processor()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
