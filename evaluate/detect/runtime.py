"""The models that ``train.export`` writes, run by ONNX Runtime in the place of PyTorch's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from evaluate.detect.models import Tools
from extract.base.errors import InputError
from extract.base.packages import need_packages
from extract.base.regular_file import check_regular
from train.export import METADATA
from train.export.session import open_session

RUNTIME = "onnxruntime"
# So that the logarithm of a probability that is 0 in float32 stays a number.
LEAST = 1e-38


class Output(NamedTuple):
    """What a network gives: logits of anomaly [B, T] and of classes [B, T, C]."""

    anomaly_logits: Tensor
    class_logits: Tensor


class OnnxNetwork(nn.Module):
    """A scoring model, called as the network that it was made from; the texts are inside it.

    Args:
        path: The model.
        threads: Processor threads.
        checkpoint_sha256: Of the checkpoint that it must come from.
    """

    def __init__(self, path: Path, threads: int, checkpoint_sha256: str) -> None:
        super().__init__()
        self._session, about = _open(path, threads)
        if about.get("checkpoint_sha256") != checkpoint_sha256:
            raise InputError(f"{path}: comes from another checkpoint than the one given; export that one again")
        self._inputs = [one.name for one in self._session.get_inputs()]

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score windows; arguments as of a network."""
        given = {"visual": visual, "audio": audio, "length": length}
        feed = {name: given[name].cpu().numpy() for name in self._inputs}
        anomaly, classes = map(torch.from_numpy, self._session.run(["anomaly", "classes"], feed))
        return Output(anomaly.logit(), classes.clamp_min(LEAST).log())


class OnnxTower(nn.Module):
    """An image tower: [B, 3, 224, 224] float32 to [B, D].

    Args:
        path: The model.
        threads: Processor threads.
        weights: Identity of the weights that it must come from.

    Attributes:
        precision: Of its weights, ``fp32`` or ``int8``.
    """

    def __init__(self, path: Path, threads: int, weights: str) -> None:
        super().__init__()
        self._session, about = _open(path, threads)
        if about.get("weights") != weights:
            raise InputError(f"{path}: comes from the weights {about.get('weights')}, not {weights}; export those")
        self.precision = str(about.get("precision", "fp32"))

    def forward(self, images: Tensor) -> Tensor:
        """Embed images."""
        (features,) = self._session.run(["features"], {"images": images.numpy()})
        return torch.from_numpy(features)

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self  # a session has no weights that could be changed


def with_onnx(tools: Tools, scorer: Path, encoder: Path | None) -> Tools:
    """Put ONNX models in the place of a checkpoint's network and, if one is given, of the image tower.

    Args:
        tools: As loaded; on the processor.
        scorer: Model of the checkpoint.
        encoder: Model of the image tower.

    Raises:
        InputError: Naming the file, if it is none, comes from something else, or ONNX Runtime is not installed.
    """
    model = tools.model
    network = OnnxNetwork(scorer, tools.threads, model.checkpoint.sha256)
    says = "by ONNX Runtime"
    if encoder is not None:
        tower = OnnxTower(encoder, tools.threads, model.provenance.weights.split("; ")[0])
        tools.visual.replace_tower(tower)
        says += f", frames embedded in {tower.precision}"
    told = replace(model.provenance, note="; ".join(filter(None, [model.provenance.note, says])))
    return replace(tools, model=replace(model, checkpoint=replace(model.checkpoint, network=network), provenance=told))


def _open(path: Path, threads: int) -> tuple[Any, dict[str, Any]]:
    need_packages(str(path), [RUNTIME], "requirements-export.txt")
    try:
        check_regular(path)
        session = open_session(path, threads)
        about = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
    except ImportError:
        raise  # the package is at fault, not the model
    except FileNotFoundError:
        raise InputError(f"{path}: no such model") from None
    except KeyError:
        raise InputError(f"{path}: says not what it is; give a model of train.export") from None
    except Exception as error:
        raise InputError(f"{path}: is no ONNX model that can be run ({str(error).splitlines()[0]})") from None
    if not isinstance(about, dict):
        raise InputError(f"{path}: says not what it is; give a model of train.export")
    return session, about
