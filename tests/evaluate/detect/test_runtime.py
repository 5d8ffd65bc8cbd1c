"""Detection by ONNX Runtime says what PyTorch says."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluate.detect.__main__ import main
from extract.base.errors import InputError
from extract.encoders.clip import ENCODER
from tests.evaluate.watch.narrow import WEIGHTS, header_of, replacements
from tests.evaluate.watch.servers import write_alarms
from tests.extract.narrow_clip import narrow_clip
from tests.train.export.test_export import needs_onnx
from train.checkpoint import save_checkpoint
from train.export.__main__ import main as export
from train.learner import build_learner, checkpoint_tensors


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        "extract.encoders.wav2clip.load_wav2clip", replacements()["extract.encoders.wav2clip.load_wav2clip"]
    )
    monkeypatch.setattr("extract.encoders.clip.load_clip", lambda weights, encoder=ENCODER: narrow_clip(weights))
    import torch

    from extract.datasets import DATA_SETS

    path, header = tmp_path / "teacher.safetensors", header_of("teacher", max_snippets=8)
    learner, _ = build_learner(header.architecture, DATA_SETS["xd"], "random:0", 5, torch.device("cpu"))
    save_checkpoint(path, header, checkpoint_tensors(learner))
    write_alarms(tmp_path / "own.mp4", 8, [(3, 5)])
    return path


def detect(checkpoint: Path, out: Path, *more: str) -> tuple[np.ndarray, list[str]]:
    """Detect, and give the scores [T, 2 + C] and the notes."""
    main([str(checkpoint.parent / "own.mp4"), "--checkpoint", str(checkpoint), *WEIGHTS, "--out", str(out), *more])
    with (out / "own.csv").open(newline="") as file:
        rows = [[float(cell) for cell in row[4:]] for row in list(csv.reader(file))[1:]]
    return np.array(rows), json.loads((out / "own.json").read_text())["notes"]


@needs_onnx
def test_detection_by_onnx_runtime_is_pytorch_s(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, encoder = tmp_path / "model.onnx", tmp_path / "clip.onnx"
    words = [str(checkpoint), "--out", str(scorer)]
    export([*words, "--visual-weights", "random:0", "--encoder-out", str(encoder)])
    expected, _ = detect(checkpoint, tmp_path / "torch")
    runtime = ["--runtime", "onnx", "--onnx", str(scorer)]
    for more in ([], ["--encoder-onnx", str(encoder)]):
        found, notes = detect(checkpoint, tmp_path / "onnx", *runtime, *more)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert any("by ONNX Runtime" in note for note in notes)
    assert np.ptp(expected[:, 0]) > 1e-3
    small = tmp_path / "small.onnx"
    export([*words, "--visual-weights", "random:0", "--encoder-out", str(small), "--int8"])
    assert small.stat().st_size < 0.6 * encoder.stat().st_size
    found, notes = detect(checkpoint, tmp_path / "int8", *runtime, "--encoder-onnx", str(small))
    assert any("frames embedded in int8" in note for note in notes)
    assert 1e-6 < np.abs(found - expected).max() < 0.05
    monkeypatch.setattr("train.export.__main__.LEAST_ALIKE", 1.1)
    with pytest.raises(InputError, match=r"none\.onnx: in int8 a feature's cosine falls to 0\.9"):
        export([*words, "--visual-weights", "random:0", "--encoder-out", str(tmp_path / "none.onnx"), "--int8"])
    assert not (tmp_path / "none.onnx").exists()

    other = tmp_path / "other.safetensors"
    header = header_of("teacher", max_snippets=8)
    from safetensors.torch import load_file

    save_checkpoint(other, replace(header, note="another"), load_file(checkpoint))
    with pytest.raises(InputError, match=r"model\.onnx: comes from another checkpoint than the one given"):
        detect(other, tmp_path / "onnx", *runtime)
    with pytest.raises(InputError, match=r"clip\.onnx: .*another checkpoint|clip\.onnx: comes from another"):
        detect(checkpoint, tmp_path / "onnx", "--runtime", "onnx", "--onnx", str(encoder))
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match=r"noise\.onnx: is no ONNX model that can be run"):
        detect(checkpoint, tmp_path / "onnx", "--runtime", "onnx", "--onnx", str(tmp_path / "noise.onnx"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runtime", "onnx"], "--onnx: goes with --runtime onnx"),
        (["--onnx", "a.onnx"], "--onnx: goes with --runtime onnx"),
        (["--encoder-onnx", "a.onnx"], "--encoder-onnx: goes with --runtime onnx"),
        (["--runtime", "onnx", "--onnx", "a", "--device", "cuda"], "--device: .* run on the processor"),
        (["--runtime", "onnx", "--onnx", "a", "--encoder-onnx", "b", "--precision", "bf16"], "--precision: bf16"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        detect(tmp_path / "none.safetensors", tmp_path / "out", *words)


def test_a_model_without_its_runtime_says_what_to_install(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extract.base.packages.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"a\.onnx: needs onnxruntime, which is not installed; pip install -r req"):
        detect(checkpoint, tmp_path / "out", "--runtime", "onnx", "--onnx", str(tmp_path / "a.onnx"))
