"""The line that a step's log begins with: what it computes on."""

import re
from pathlib import Path

import torch

DRIVER = Path("/proc/driver/nvidia/version")


def describe_device(device: torch.device, threads: int) -> str:
    """Name a processor, for example ``cpu, AVX2, 2 threads`` or ``NVIDIA H100, driver 550.54.15, 8 threads``."""
    counted = f"{threads} {'thread' if threads == 1 else 'threads'}"
    if device.type == "cpu":
        return f"cpu, {torch.backends.cpu.get_cpu_capability()}, {counted}"
    return f"{torch.cuda.get_device_name(device)}, driver {driver_version()}, {counted}"


def driver_version() -> str:
    """Read the version of NVIDIA's kernel driver, which torch does not tell; ``unknown`` where it is not shown."""
    try:
        content = DRIVER.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    found = re.search(r"^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)*)\s", content, re.MULTILINE)
    return found[1] if found else "unknown"
