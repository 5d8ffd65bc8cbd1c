"""Freed memory is used again, in a process of its own: the setting is the whole process's."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from extract.base.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def faults_of_a_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [np.ones(2_000_000) for _ in range(10)]  # 16 MB each
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults_of_a_step()
print(faults_of_a_step())
"""


def faults_of_the_second_step(memory: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, memory], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")
def test_a_second_step_finds_the_memory_of_the_first() -> None:
    assert faults_of_the_second_step("given back") > 1000
    assert faults_of_the_second_step("kept") < 100
