"""Which arithmetic a machine computes quickly, and so what ``precision: auto`` means on it.

Without units for it bfloat16 is emulated: right, and slow. Processors say what they have in ``/proc/cpuinfo``
(x86: ``amx_bf16``, ``avx512_bf16``; Arm: ``bf16``), GPUs from compute capability 8 on have it.
"""

import os
import sys
import time
from pathlib import Path

PRECISIONS = ("fp32", "bf16")
AUTO = "auto"
BF16_FLAGS = {"amx_bf16", "avx512_bf16", "bf16"}
# Instruction sets that oneDNN can be held to and that compute no bfloat16.
WITHOUT_BF16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
CPU_INFO = Path("/proc/cpuinfo")
# Of which one is there wherever a driver of NVIDIA's is; torch, which knows for sure, takes seconds to import.
SIGNS_OF_A_GPU = (Path("/dev/nvidiactl"), Path("/dev/dxg"))


def resolve(requested: str, device: str, *, on_cpu: str = "bf16", on_gpu: str = "bf16") -> str:
    """Say what a precision means on this machine.

    Args:
        requested: ``fp32``, ``bf16``, or ``auto``: bf16 where the hardware computes it, fp32 elsewhere.
        device: ``cpu``, ``cuda``, or ``auto``, a GPU where there is one.
        on_cpu: The best that a processor may be given; ``fp32`` for sound, whose convolutions PyTorch computes
            wrongly in bf16 there.
        on_gpu: The best that a GPU may be given; ``fp32`` for a method that knows nothing else.

    Returns:
        ``fp32`` or ``bf16``.
    """
    if requested != AUTO:
        return requested
    if device != "cpu" and any(path.exists() for path in SIGNS_OF_A_GPU):
        import torch

        if torch.cuda.is_available():
            return on_gpu if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return on_cpu if processor_computes_bf16() else "fp32"


def processor_computes_bf16(cpu_info: Path = CPU_INFO) -> bool:
    """Whether this processor has units for bfloat16, and oneDNN may use them."""
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BF16 or not cpu_info.exists():
        return False
    for line in cpu_info.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, words = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return not BF16_FLAGS.isdisjoint(words.split())
    return False


def warn_if_emulated(precision: str, device: str) -> None:
    """Say once, with a measurement, that a processor has to emulate the bfloat16 that was asked for.

    Args:
        precision: ``fp32`` or ``bf16``.
        device: Where it will be computed, ``cpu`` or ``cuda``.
    """
    if precision == "bf16" and device == "cpu" and not processor_computes_bf16():
        print(
            "precision bf16: this processor has no units for it and emulates it; a matrix product just took "
            f"{_slowdown():.1f} times as long as in fp32. precision: auto (or fp32) is quicker here",
            file=sys.stderr,
        )


def _slowdown(size: int = 512) -> float:
    import torch

    def seconds(dtype: torch.dtype) -> float:
        left = torch.ones(size, size, dtype=dtype)
        left @ left
        begun = time.perf_counter()
        left @ left
        return time.perf_counter() - begun

    return seconds(torch.bfloat16) / seconds(torch.float32)
