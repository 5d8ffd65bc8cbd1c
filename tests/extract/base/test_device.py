from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from extract.base import device_line
from extract.base.device import GRANTS, pick_device, take_device
from extract.base.errors import InputError


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in GRANTS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("without_gpu")
def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused() -> None:
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="no usable GPU"):
        pick_device("cuda")
    with pytest.raises(InputError, match="use auto, cpu or cuda"):
        pick_device("tpu")


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("grant", GRANTS)
def test_a_job_that_was_given_a_gpu_never_falls_back_to_the_processor(
    grant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(grant, "2")
    with pytest.raises(InputError, match=f"given a GPU \\({grant}=2\\) and torch finds none .* write device: cpu"):
        pick_device("auto")
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("hidden", ["", "-1", "NoDevFiles"])
def test_gpus_that_are_hidden_are_not_given(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert pick_device("auto") == torch.device("cpu")


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize(("version", "why"), [("12.8", "nvidia-smi"), (None, "built without CUDA")])
def test_a_refusal_says_where_to_look(version: str | None, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", version)
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    for requested in ("auto", "cuda"):
        with pytest.raises(InputError, match=why):
            pick_device(requested)


@pytest.mark.usefixtures("without_gpu")
def test_the_line_names_the_processor_and_says_when_auto_found_no_gpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    take_device("cpu", 2)
    take_device("auto", 1)
    assert capsys.readouterr().err.splitlines() == [
        "device: cpu, AVX2, 2 threads",
        "device: cpu, AVX2, 1 thread; device: auto, and torch finds no GPU here",
    ]


@pytest.mark.parametrize(
    ("shown", "version"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sat Feb 24 UTC 2024\nGCC 12.2.0\n",
            "535.161.08",
        ),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n", "570.86.15"),
        ("something else\n", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_line_names_a_gpu_and_its_driver(
    shown: str | None, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shown is not None:
        (tmp_path / "version").write_text(shown, encoding="utf-8")
    monkeypatch.setattr(device_line, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"NVIDIA H100 number {device.index}")
    described = device_line.describe_device(torch.device("cuda", 1), 8)
    assert described == f"NVIDIA H100 number 1, driver {version}, 8 threads"


def test_jobs_take_different_gpus_and_share_once_all_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"gpu-{index}"))
    # A lock belongs to an open file, so that one process can stand for several.
    assert [pick_device("auto").index for _ in range(3)] == [0, 1, 0]
    assert "sharing the first" in capsys.readouterr().err
    assert len(list(tmp_path.glob("avadclip-*.lock"))) == 2
