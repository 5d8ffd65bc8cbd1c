"""Checkpoints as training scripts leave them."""

import argparse
import collections
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from extract.base.errors import InputError
from extract.encoders.weights import read_state_dict

NAMES = (
    "frame_position_embeddings.weight", "temporal.resblocks.0.ln_1.weight", "gc1.weight", "mlp1.c_fc.weight",
    "classifier.weight", "text_prompt_embeddings.weight",
)  # fmt: skip
STATE = {name: torch.full((4, 4), float(number)) for number, name in enumerate(NAMES)}
OPTIMIZER = torch.optim.AdamW([nn.Parameter(torch.zeros(3))]).state_dict()


def epoch(key: str, state: object, **others: object) -> dict[str, Any]:
    return {"epoch": 3, key: state, "optimizer_state_dict": OPTIMIZER, **others}


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in STATE.items()}


def written(folder: Path, content: object, *, old: bool = False) -> Path:
    torch.save(content, folder / "model.pth", _use_new_zipfile_serialization=not old)
    return folder / "model.pth"


WRAPPED = {
    "a parallel module's": prefixed("module."),
    "a compiled module's": prefixed("_orig_mod."),
    "a compiled parallel module's": prefixed("_orig_mod.module."),
    "an epoch": epoch("model_state_dict", STATE, ap=0.85),
    "an epoch with a NumPy score": epoch("model_state_dict", STATE, ap=np.float64(0.85)),
    "an epoch with NumPy arrays": epoch("state_dict", STATE, history=np.arange(3.0), best=np.int64(2)),
    "an epoch with the script's arguments": epoch("model", STATE, args=argparse.Namespace(lr=1e-5, out=Path("x"))),
    "Lightning's": epoch("state_dict", collections.OrderedDict(prefixed("model.")), callbacks={"best": np.float32(1)}),
    "a parallel module's epoch": epoch("net", prefixed("module.")),
}


# An old file does not say which classes it names, so only the usual ones are stood in for.
CASES = [(name, old) for old in (False, True) for name in WRAPPED if not (old and "arguments" in name)]


@pytest.mark.parametrize(("name", "old"), CASES)
def test_a_state_dict_is_found_in_what_a_training_script_saved(tmp_path: Path, name: str, old: bool) -> None:
    found = read_state_dict(written(tmp_path, WRAPPED[name], old=old))
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


def test_a_prefix_is_taken_off_in_a_safetensors_file_too(tmp_path: Path) -> None:
    save_file(prefixed("module."), tmp_path / "model.safetensors")
    assert read_state_dict(tmp_path / "model.safetensors").keys() == STATE.keys()


def test_a_prefix_that_not_every_name_has_is_part_of_the_names(tmp_path: Path) -> None:
    state = {"module.weight": torch.zeros(2), "bias": torch.ones(2)}
    assert read_state_dict(written(tmp_path, state)).keys() == state.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (nn.Linear(2, 2), "tensors by name; it holds a whole module, which is not run"),
        (epoch("model", nn.Linear(2, 2)), "it holds epoch, model, optimizer_state_dict;"),
        (epoch("model", STATE, ema=STATE), "it holds several, model and ema;"),
        ([torch.zeros(2)], "it holds a list;"),
        ({"weights": np.zeros(3)}, "it holds weights;"),
        ({"\x1b[1mname": 1}, r"it holds \\x1b\[1mname;"),
        ({}, "it holds nothing;"),
    ],
)
def test_what_holds_no_state_dict_is_refused_in_one_line_that_says_what_it_holds(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_state_dict(written(tmp_path, content))
    text = str(refused.value)
    assert "torch.save(model.state_dict(), FILE)" in text
    assert text.isprintable()


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return shutil.copyfile, (str(self.path.parent / "model.pth"), str(self.path))


def test_nothing_that_stands_beside_the_tensors_is_run(tmp_path: Path) -> None:
    found = read_state_dict(written(tmp_path, epoch("model", STATE, args=Trap(tmp_path / "sprung"))))
    assert found.keys() == STATE.keys()
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"text\n", b"PK\x03\x04" + bytes(20)])
def test_what_torch_cannot_read_is_said_without_its_advice(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pth").write_bytes(content)
    with pytest.raises(InputError, match="no safetensors file and no plain state dict") as refused:
        read_state_dict(tmp_path / "model.pth")
    assert str(refused.value).isprintable()
    assert "trust" not in str(refused.value)
