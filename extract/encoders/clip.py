"""The frozen visual encoder: CLIP ViT-B/16 as OpenAI trained it, or another of open_clip's models."""

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import open_clip
import open_clip.convert
import open_clip.model
import torch
from torch import Tensor, nn

from extract.base.device import exact_arithmetic
from extract.base.errors import InputError
from extract.base.precision import PRECISIONS
from extract.encoders.packed_tower import PackedTower, can_pack
from extract.encoders.preprocessing import CLIP_PICTURES, Pictures
from extract.encoders.weights import (
    CALIBRATED,
    file_sha256,
    is_calibrated,
    load_strictly,
    random_seed,
    read_state_dict,
    seeded,
)
from extract.image_models import ENCODER, ImageModel, find_model, normalisation

DTYPES = dict(zip(PRECISIONS, (torch.float32, torch.bfloat16), strict=True))
# The file ViT-B-16.pt as OpenAI released it. It is a TorchScript program, so only OpenAI's files are opened as such.
OPENAI_SHA256 = "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"
# Length of a trained encoder's image embeddings, and the pictures that bring an untrained one's to it.
TRAINED_NORM = 10.0
NOISES = 8
OPENAI_SETTINGS = ("input_resolution", "context_length", "vocab_size")


def load_clip(weights: str, encoder: str = ENCODER) -> tuple[nn.Module, str]:
    """Make CLIP, image and text tower, frozen and in eval mode.

    Args:
        weights: ``random:<seed>`` for untrained weights, the same for a seed every time;
            ``random:<seed>:calibrated`` for the same with image embeddings that are centred and as long as trained
            ones, by pictures of coloured noise and not by anyone's data; or the path of a safetensors
            file or plain state dict with open_clip's tensor names, of OpenAI's own ``ViT-B-16.pt`` (or whichever is
            the encoder's), or of Apple's MobileCLIP. Nothing is ever downloaded.
        encoder: Which of open_clip's models, see `extract.image_models`.

    Returns:
        open_clip's model, float32 on the CPU, and the identity of its weights: as given if untrained, or the
        sha256 of the file.

    Raises:
        InputError: If open_clip has no such model, or the file is absent, of another kind, or does not fit the model.
    """
    named = find_model(encoder)
    seed = random_seed(weights)
    if is_calibrated(weights) and not _can_calibrate(named):
        raise InputError(f"weights {weights!r}: calibration is for open_clip's own ViTs, not for {encoder}")
    # Before the model is made, which takes seconds: a file that cannot be read is told at once.
    read = None if seed is not None else _read_file(Path(weights), named)
    with seeded(seed or 0), _no_warning_of_random_weights():
        model: nn.Module = open_clip.create_model(named.model, pretrained=None, precision="fp32", device="cpu")
    if read is not None:
        identity = read.sha256
        load_strictly(model, _under_its_names(read, model), weights, encoder)
    else:
        identity = f"random:{seed}{CALIBRATED if is_calibrated(weights) else ''}"
    model.eval().requires_grad_(False)
    if seed is not None and is_calibrated(weights):
        with seeded(seed):
            _calibrate(model.get_submodule("visual"))
    return model, identity


def picture_rule(encoder: str, weights: str) -> Pictures:
    """Say what the pictures of an encoder are like.

    Args:
        encoder: Its name.
        weights: Its weights; trained ones fit one normalisation only.

    Raises:
        InputError: If open_clip has no such model, or does not tell which normalisation its weights fit.
    """
    named = find_model(encoder)
    return Pictures(named.side, *normalisation(named, trained=random_seed(weights) is None))


class ClipImageEncoder:
    """CLIP's image tower with one batch shape.

    Every call of the network gets exactly ``batch`` images, the last ones zeros if need be. A matrix product of
    one shape treats a row alike whatever the other rows hold, so that a video's features depend neither on its
    neighbours nor on its length, as long as no batch mixes videos.

    Args:
        model: From ``load_clip``; it is copied.
        batch: Images a call. More fill a GPU better; a CPU is nearly as fast with 2, of which short videos waste less.
        precision: ``fp32``, or ``bf16``: about three times as fast, with features off by about 1 percent.
        device: Where to compute.
        encoder: Name of the model.
        rule: What its pictures are like.

    Raises:
        InputError: If bf16 is asked for on a CPU for a network that convolves; see `Wav2ClipEncoder`.

    Attributes:
        batch: As given.
        device: As given.
        width: Numbers of an embedding, D.
        rule: As given.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        batch: int,
        precision: str,
        device: torch.device,
        encoder: str = ENCODER,
        rule: Pictures = CLIP_PICTURES,
    ) -> None:
        named = find_model(encoder)
        if batch < 1 or precision not in PRECISIONS:
            raise InputError(f"batch {batch} must be at least 1 and precision {precision!r} one of fp32, bf16")
        if precision == "bf16" and device.type == "cpu" and not named.is_transformer:
            raise InputError(
                f"precision: bf16 is not for {encoder} on a CPU, where convolutions give wrong numbers in it (pytorch "
                "issue 163347); use fp32"
            )
        self.batch = batch
        self.device = device
        self.width = named.width
        self.rule = rule
        self._dtype = DTYPES[precision]
        tower = model.get_submodule("visual")
        self._tower: Callable[[Tensor], Tensor]
        if can_pack(tower, device, self._dtype):
            self._tower = PackedTower(tower, batch, self._dtype)
        else:
            # Whole in bfloat16: autocast converts the weights on every call.
            self._tower = copy.deepcopy(tower).to(device, self._dtype).eval()

    def replace_tower(self, tower: nn.Module) -> None:
        """Take another form of the same tower, [B, 3, side, side] float32 to [B, D], on the processor and in fp32."""
        if self._dtype != torch.float32 or self.device.type != "cpu":
            raise InputError("another form of the image tower computes on the processor in fp32; use these")
        self._tower = tower

    def encode(self, images: Tensor) -> Tensor:
        """Encode the images of one video.

        Args:
            images: [M, 3, side, side] float32, normalised; any M.

        Returns:
            [M, D] float32 on the CPU, not L2-normalised.
        """
        return self.begin(images)()

    def begin(self, images: Tensor) -> Callable[[], Tensor]:
        """Begin to encode; a GPU computes while the caller prepares the next images.

        Args:
            images: As for ``encode``.

        Returns:
            A function that waits for what ``encode`` gives.
        """
        with torch.inference_mode(), exact_arithmetic():
            features = torch.cat([self._encode_padded(part) for part in torch.split(images, self.batch)])
        if self.device.type == "cpu":
            return lambda: features
        # Pinned, and copied behind these kernels but before those of the next call.
        copied = features.to("cpu", non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()

        def result() -> Tensor:
            done.synchronize()
            return copied

        return result

    def _encode_padded(self, images: Tensor) -> Tensor:
        padded = torch.zeros(self.batch, *images.shape[1:], dtype=self._dtype, device=self.device)
        padded[: len(images)] = images
        return self._tower(padded)[: len(images)].float()


@torch.no_grad()
def _calibrate(tower: Any) -> None:
    """Centre an untrained image tower's embeddings and bring them to a trained one's length.

    Untrained, all pictures' embeddings have one large vector in common, beside which what tells them apart is small.
    Only the last normalisation changes, by noise whose spectra fall as photographs' do, or more steeply.
    """
    side = tower.image_size[0]
    hertz = torch.fft.fftfreq(side)[:, None].square() + torch.fft.rfftfreq(side).square()
    hertz[0, 0] = 1 / side**2
    steepness = torch.linspace(1, 2, NOISES)[:, None, None, None]
    spectrum = torch.fft.rfft2(torch.randn(NOISES, 3, side, side)) / hertz.sqrt() ** steepness
    pictures = torch.fft.irfft2(spectrum)
    pictures = pictures / pictures.std(dim=(1, 2, 3), keepdim=True)
    normalised: list[Tensor] = []
    last = tower.get_submodule("ln_post")
    hook = last.register_forward_hook(lambda module, given, result: normalised.append(result))
    features = tower(pictures)
    hook.remove()
    scale = TRAINED_NORM / (features - features.mean(dim=0)).norm(dim=1).mean()
    last.get_parameter("weight").mul_(scale)
    last.get_parameter("bias").sub_(normalised[0][:, 0].mean(dim=0) * scale)


def _can_calibrate(named: ImageModel) -> bool:
    return named.is_transformer and "timm_model_name" not in open_clip.get_model_config(named.model)["vision_cfg"]


class _WeightsFile(NamedTuple):
    """What a weights file holds: its ``sha256``, its tensors, and whether OpenAI named them, as open_clip does."""

    sha256: str
    state: dict[str, Tensor]
    is_openais: bool


def _read_file(path: Path, named: ImageModel) -> _WeightsFile:
    sha256 = file_sha256(path)
    url = open_clip.get_pretrained_url(named.model, "openai") or ""
    if sha256 == OPENAI_SHA256 and named.model != ENCODER:
        raise InputError(f"weights {path}: are OpenAI's for {ENCODER}, not for {named.name}")
    if f"/{sha256}/" in url or sha256 == OPENAI_SHA256:
        return _WeightsFile(sha256, _openai_state(path), is_openais=True)
    return _WeightsFile(sha256, read_state_dict(path), is_openais=False)


def _under_its_names(read: _WeightsFile, model: nn.Module) -> dict[str, Tensor]:
    """Give a file's tensors under the names that they have in open_clip's model."""
    if read.is_openais:
        return read.state
    state: dict[str, Tensor] = open_clip.convert.convert_state_dict(model, read.state)
    if "positional_embedding" in state and hasattr(model, "text"):
        # As open_clip named the text tower's tensors before it stood apart.
        state = open_clip.model.convert_to_custom_text_state_dict(state)
    return state


def _openai_state(path: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    return {name: value for name, value in state.items() if name not in OPENAI_SETTINGS}


@contextmanager
def _no_warning_of_random_weights() -> Iterator[None]:
    # open_clip warns of a model without pretrained weights; here that is wanted, or about to be mended.
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
