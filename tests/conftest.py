"""One thread a test process: there are as many of those as cores, and threads that wait for a core spin."""

import os
import sys
from collections.abc import Iterator

import pytest

# Before torch is loaded, here and in the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Set torch back to one thread after a test, since commands that run in the test's process set their own."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
