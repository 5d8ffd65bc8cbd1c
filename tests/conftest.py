"""What every test process owes the others on its machine: one thread, and memory that it gives back."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Several test processes share the cores, and threads that wait for one another spin on the cores of others unless told
# not to: a step with two threads took three times as long. Before torch is loaded, here and in the commands that tests
# start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Folders of tests that take minutes: whole runs of the pipeline, and trainings.
LONG = ("workflow", "cluster", "faults", "train")

# How long an example takes, or to draw some, tells how fast and busy a machine is, not whether anything is wrong.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that no test process waits long for another at the end."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in LONG)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Set torch back to one thread after a test, since commands that run in the test's process set their own."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="module")
def memory_given_back() -> Iterator[None]:
    """Give memory back after a file of tests: commands ask the C library to keep it (``extract.base.allocator``)."""
    yield
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
