import hashlib
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from extract.base.errors import InputError
from extract.encoders import clip as clip_encoder
from extract.encoders.clip import ClipImageEncoder, load_clip
from tests.workflow.project import SMALL

CPU = torch.device("cpu")
OTHER = SMALL["encoder"]
DEMO = "ViT-B-32-quickgelu"


@pytest.fixture(scope="module")
def small() -> torch.nn.Module:
    return load_clip("random:0", OTHER)[0]


def images(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(seed))


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    """Names of tensors that are not equal, or only in one."""
    both = one.keys() & other.keys()
    return (one.keys() ^ other.keys()) | {name for name in both if not torch.equal(one[name], other[name])}


def test_the_quickgelu_variant_is_built(clip: torch.nn.Module) -> None:
    activations = {type(module).__name__ for module in clip.modules() if "GELU" in type(module).__name__}
    assert activations == {"QuickGELU"}


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone(small: torch.nn.Module) -> None:
    before = torch.get_rng_state()
    again, identity = load_clip("random:0", OTHER)
    other, _ = load_clip("random:1", OTHER)
    assert torch.equal(torch.get_rng_state(), before)
    assert identity == "random:0"
    assert differing(again.state_dict(), small.state_dict()) == set()
    assert not torch.equal(other.state_dict()["token_embedding.weight"], small.state_dict()["token_embedding.weight"])
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_calibration_centres_untrained_features_by_noise_and_says_so() -> None:
    before = torch.get_rng_state()
    clip, _ = load_clip("random:0", DEMO)
    calibrated, identity = load_clip("random:0:calibrated", DEMO)
    assert torch.equal(torch.get_rng_state(), before)
    assert identity == "random:0:calibrated"
    assert differing(calibrated.state_dict(), clip.state_dict()) == {"visual.ln_post.weight", "visual.ln_post.bias"}
    # Other pictures of its kind: their spectra fall as photographs' do.
    random = np.random.default_rng(1)
    hertz = np.hypot(np.fft.fftfreq(224)[:, None], np.fft.rfftfreq(224))
    hertz[0, 0] = 1 / 224
    pictures = np.fft.irfft2(np.fft.rfft2(random.standard_normal((6, 3, 224, 224))) / hertz**1.5)
    pictures /= pictures.std(axis=(1, 2, 3), keepdims=True)
    with torch.inference_mode():
        raw, centred = (
            model.get_submodule("visual")(torch.from_numpy(pictures.astype(np.float32))) for model in (clip, calibrated)
        )
    assert raw.mean(dim=0).norm() > 0.8 * raw.norm(dim=1).mean()
    assert centred.mean(dim=0).norm() < 0.6 * centred.norm(dim=1).mean()
    assert 6 < centred.norm(dim=1).mean() < 15


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_weights_file_gives_its_weights_and_its_sha256(small: torch.nn.Module, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    state = {name: value.clone() for name, value in small.state_dict().items()}
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    loaded, identity = load_clip(str(path), OTHER)
    assert identity == hashlib.sha256(path.read_bytes()).hexdigest()
    assert differing(loaded.state_dict(), state) == set()


class Branch(torch.nn.Module):
    """Holds a state dict in nested modules, so that TorchScript saves it under the same names."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name in dict.fromkeys(key.split(".")[0] for key in state):
            if name in state:
                self.register_buffer(name, state[name])
            else:
                prefix = f"{name}."
                inner = {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
                self.add_module(name, Branch(inner))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*TorchScript archive:UserWarning")
def test_openais_own_file_is_opened_for_its_checksum_only(
    clip: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Laid out as OpenAI's: half precision, and three settings among the tensors.
    settings = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    state = {name: value.half() for name, value in clip.state_dict().items()}
    path = tmp_path / "ViT-B-16.pt"
    archive = Branch({**state, **{name: torch.tensor(value) for name, value in settings.items()}})
    torch.jit.save(torch.jit.script(archive), path)
    with pytest.raises(InputError, match="no safetensors file and no plain state dict"):
        load_clip(str(path))

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(clip_encoder, "OPENAI_SHA256", sha256)
    loaded, identity = load_clip(str(path))
    assert identity == sha256
    assert differing(loaded.state_dict(), {name: value.float() for name, value in state.items()}) == set()


@pytest.mark.parametrize("weights", ["random:", "random:x", "random:-1", "random:1.5"])
def test_a_malformed_seed_is_named(weights: str) -> None:
    with pytest.raises(InputError, match="random:<seed>"):
        load_clip(weights)


def test_a_weights_file_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.pt.*No such file"):
        load_clip(str(tmp_path / "absent.pt"))
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(InputError, match=r"text\.pt.*no plain state dict"):
        load_clip(str(tmp_path / "text.pt"))
    save_file({"other": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors: do not fit ViT-B-16-quickgelu"):
        load_clip(str(tmp_path / "other.safetensors"))
    torch.save({"visual.proj": "code"}, tmp_path / "mixed.pt")
    with pytest.raises(InputError, match=r"mixed\.pt: must hold a plain state dict"):
        load_clip(str(tmp_path / "mixed.pt"))


def test_fp32_features_are_those_of_open_clip(clip: torch.nn.Module) -> None:
    encoder = ClipImageEncoder(clip, batch=3, precision="fp32", device=CPU)
    batch = images(2)
    with torch.inference_mode():
        expected = clip.encode_image(batch)
    torch.testing.assert_close(encoder.encode(batch), expected, rtol=1e-4, atol=1e-4)


def test_features_do_not_depend_on_what_comes_after(clip: torch.nn.Module) -> None:
    encoder = ClipImageEncoder(clip, batch=2, precision="fp32", device=CPU)
    batch = images(3)
    together = encoder.encode(batch)
    assert together.shape == (3, 512)
    assert together.dtype == torch.float32
    assert torch.equal(encoder.encode(batch[:1]), together[:1])
    changed = torch.cat([batch[:1], images(1, seed=9)])
    assert torch.equal(encoder.encode(changed)[0], together[0])


def test_bf16_is_close_to_fp32(clip: torch.nn.Module) -> None:
    batch = images(1)
    exact = ClipImageEncoder(clip, batch=1, precision="fp32", device=CPU).encode(batch)
    half = ClipImageEncoder(clip, batch=1, precision="bf16", device=CPU).encode(batch)
    assert not torch.equal(half, exact)
    assert torch.nn.functional.cosine_similarity(half, exact).item() > 0.999
    assert next(clip.parameters()).dtype == torch.float32


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("open_clip tried to download")

    for name in ("download_pretrained", "download_pretrained_from_url", "download_pretrained_from_hf"):
        monkeypatch.setattr(f"{open_clip.__name__}.pretrained.{name}", refuse)
        if hasattr(open_clip.factory, name):
            monkeypatch.setattr(f"{open_clip.__name__}.factory.{name}", refuse)
    load_clip("random:0")
