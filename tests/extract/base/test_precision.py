"""What `precision: auto` means on a machine, read from what the machine says of itself."""

from pathlib import Path

import pytest

from extract.base import precision
from extract.base.precision import processor_computes_bf16, resolve, warn_if_emulated

SIERRA = "processor\t: 0\nmodel name\t: laptop\nflags\t\t: fpu sse2 avx avx2 fma avx512f avx512_vnni\n"
SAPPHIRE = "processor\t: 0\nflags\t\t: fpu sse2 avx2 avx512f avx512_bf16 amx_bf16 amx_tile\n"
ZEN = "processor\t: 0\nflags\t\t: fpu sse2 avx2 avx512f avx512_bf16\n"
GRAVITON = "processor\t: 0\nFeatures\t: fp asimd sve bf16 i8mm\n"
# A name that says bf16 is no unit for it.
BOASTER = "processor\t: 0\nmodel name\t: amx_bf16 bf16 edition\nflags\t\t: fpu avx2\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a GPU whose processor is what the test writes."""
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "SIGNS_OF_A_GPU", ())
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(precision.processor_computes_bf16, "__defaults__", (info,))
    return info


@pytest.mark.parametrize(("said", "has"), [(SIERRA, False), (SAPPHIRE, True), (ZEN, True), (GRAVITON, True)])
def test_auto_is_bf16_where_the_processor_has_units_for_it(machine: Path, said: str, has: bool) -> None:
    machine.write_text(said)
    assert resolve("auto", "cpu") == ("bf16" if has else "fp32")
    assert resolve("auto", "auto") == ("bf16" if has else "fp32")


def test_a_name_is_no_unit_and_a_machine_that_says_nothing_has_none(machine: Path) -> None:
    assert not processor_computes_bf16()
    machine.write_text(BOASTER)
    assert not processor_computes_bf16()


def test_a_precision_asked_for_in_words_is_taken(machine: Path) -> None:
    machine.write_text(SIERRA)
    assert resolve("bf16", "cpu") == "bf16"
    machine.write_text(SAPPHIRE)
    assert resolve("fp32", "cpu") == "fp32"


def test_sound_stays_fp32_on_any_processor(machine: Path) -> None:
    machine.write_text(SAPPHIRE)
    assert resolve("auto", "cpu", on_cpu="fp32") == "fp32"


def test_units_that_onednn_may_not_use_do_not_count(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write_text(SAPPHIRE)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    assert resolve("auto", "cpu") == "fp32"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "ALL")
    assert resolve("auto", "cpu") == "bf16"


@pytest.mark.parametrize(
    ("has", "best", "expected"), [(True, "bf16", "bf16"), (False, "bf16", "fp32"), (True, "fp32", "fp32")]
)
def test_a_gpu_decides_where_there_is_one(
    machine: Path, monkeypatch: pytest.MonkeyPatch, has: bool, best: str, expected: str
) -> None:
    machine.write_text(SAPPHIRE if expected == "fp32" else SIERRA)
    monkeypatch.setattr(precision, "SIGNS_OF_A_GPU", (machine,))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: has and not including_emulation)
    assert resolve("auto", "auto", on_gpu=best) == expected


def test_emulated_bf16_is_warned_of_with_what_it_costs(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine.write_text(SAPPHIRE)
    warn_if_emulated("bf16", "cpu")
    machine.write_text(SIERRA)
    warn_if_emulated("fp32", "cpu")
    warn_if_emulated("bf16", "cuda")
    assert capsys.readouterr().err == ""
    warn_if_emulated("bf16", "cpu")
    (line,) = capsys.readouterr().err.splitlines()
    assert "emulates it" in line
    assert "times as long as in fp32" in line
