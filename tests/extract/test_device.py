from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from extract.device import pick_device
from extract.errors import InputError


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="no usable GPU"):
        pick_device("cuda")
    with pytest.raises(InputError, match="use auto, cpu or cuda"):
        pick_device("tpu")


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
