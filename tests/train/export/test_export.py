"""ONNX models, compared by ONNX Runtime with the networks that they come from."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from extract.base.errors import InputError
from tests.evaluate.test_score import save_model
from train.checkpoint import load_for_scoring
from train.export import METADATA
from train.export.__main__ import NEEDED, main
from train.networks import build_network
from train.settings import Architecture

missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed (requirements-export.txt)")


@needs_onnx
@pytest.mark.parametrize("model", ["vadclip", "student", "teacher"])
def test_an_exported_model_scores_as_its_checkpoint_does(tmp_path: Path, model: str) -> None:
    import onnxruntime

    save_model(tmp_path / "model.safetensors", model)
    main([str(tmp_path / "model.safetensors"), "--out", str(tmp_path / "model.onnx")])
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    checkpoint = load_for_scoring(tmp_path / "model.safetensors", torch.device("cpu"))
    about = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
    assert (about["model"], about["checkpoint_sha256"]) == (model, checkpoint.sha256)
    rows = about["max_snippets"]
    for lengths in ([3], [rows, 1, 5, rows]):
        random = np.random.default_rng(len(lengths))
        visual, sound = (random.standard_normal((len(lengths), rows, 512)).astype(np.float32) for _ in range(2))
        given = {"visual": visual, "length": np.array(lengths)} | ({"audio": sound} if model == "teacher" else {})
        anomaly, classes = session.run(["anomaly", "classes"], given)
        with torch.inference_mode():
            output = checkpoint.network(
                torch.from_numpy(visual), torch.from_numpy(sound), torch.tensor(lengths), checkpoint.text
            )
        valid = np.arange(rows) < np.array(lengths)[:, None]
        np.testing.assert_allclose(anomaly[valid], output.anomaly_logits.sigmoid().numpy()[valid], atol=1e-4)
        np.testing.assert_allclose(classes[valid], output.class_logits.softmax(-1).numpy()[valid], atol=1e-4)


@pytest.mark.parametrize("model", ["dsanet", "tpwng", "ur_dmu"])
def test_what_is_computed_again_to_train_is_exported_as_it_scores(model: str) -> None:
    network = build_network(Architecture(model, max_snippets=16, window=16), 7).eval()
    given = torch.randn(2, 16, 512), torch.randn(2, 16, 512), torch.tensor([16, 9]), torch.randn(7, 512)
    batch = torch.export.Dim("batch", min=1, max=8)
    shapes = {"visual": {0: batch}, "audio": {0: batch}, "length": {0: batch}, "text": None}
    exported = torch.export.export(network, given, dynamic_shapes=shapes, strict=True).module()
    length = torch.tensor([3, 16, 1])
    visual, audio = torch.randn(2, 3, 16, 512).masked_fill(torch.arange(16)[:, None] >= length[:, None, None], 0.0)
    with torch.inference_mode():
        found, expected = (one(visual, audio, length, given[3]).anomaly_logits for one in (exported, network))
    torch.testing.assert_close(found, expected)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path / "model.safetensors", "vadclip")
    monkeypatch.setattr("extract.base.packages.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"needs onnx, onnxscript, onnxruntime, which are not installed; pip install -r"
    ):
        main([str(tmp_path / "model.safetensors"), "--out", str(tmp_path / "model.onnx")])
    with pytest.raises(InputError, match="--visual-weights and --encoder-out: give both or neither"):
        main(["c", "--out", "o", "--encoder-out", "e"])
