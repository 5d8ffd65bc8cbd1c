"""Encoders that are slow to make, made once."""

import pytest
import torch

from extract.encoders.clip import ClipImageEncoder, load_clip
from extract.encoders.wav2clip import Wav2Clip, load_wav2clip
from extract.image_models import ENCODER
from tests.extract.narrow_clip import narrow_clip
from tests.machine import QUICK


@pytest.fixture(scope="session")
def clip() -> torch.nn.Module:
    return load_clip("random:0")[0]


@pytest.fixture
def ready_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the visual step the seconds it takes to make random weights, and most of the computing."""
    clip = narrow_clip("random:0")[0]
    monkeypatch.setattr("extract.encoders.clip.load_clip", lambda weights, encoder=ENCODER: (clip, weights))


@pytest.fixture(scope="session")
def image_encoder(clip: torch.nn.Module) -> ClipImageEncoder:
    return ClipImageEncoder(clip, batch=4, precision=QUICK, device=torch.device("cpu"))


@pytest.fixture(scope="session")
def wav2clip_model() -> Wav2Clip:
    return load_wav2clip("random:0")[0]
