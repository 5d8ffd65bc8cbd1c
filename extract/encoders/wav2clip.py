"""The frozen audio encoder: Wav2CLIP (arXiv 2110.11499), with a front end that does not depend on batching.

A ResNet-18 over log power spectrograms and an MLP into CLIP's space, both the classes of the package ``wav2clip``; only
the front end is ours. The tensors are named as in the released weights file: ``audio_encoder.*`` for the trunk and
``audio_transform.sequential.*`` for the MLP.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchaudio.transforms import Spectrogram
from torchvision.models import resnet
from wav2clip.model.encoder import MLPLayers
from wav2clip.model.resnet import BasicBlock, ResNet

from extract.base.device import exact_arithmetic
from extract.base.errors import InputError
from extract.base.precision import PRECISIONS
from extract.encoders.clip import DTYPES
from extract.encoders.running_statistics import RunningStatistics
from extract.encoders.weights import file_sha256, is_calibrated, load_strictly, random_seed, read_state_dict, seeded
from extract.media.sound_store import Samples
from extract.shard import DIMENSIONS

ENCODER = "Wav2CLIP"
SAMPLE_RATE = 16_000
N_FFT = 512
HOP = 353
PREPROCESSING = (
    "mono 16 kHz soxr_hq; per snippet power spectrogram n_fft 512 hop 353 hann centred; log(x+1e-7); "
    "mean/std of the whole video"
)
DROPOUT = 0.1
NOISES = 16
# A snippet of 16 frames at 24 frames a second is 31 columns wide; up to this width a batch is full.
FULL_BATCH_COLUMNS = 64


class Trunk(ResNet):  # type: ignore[misc]
    """The package's trunk from its standardised spectrogram on.

    Its own front end standardises over everything that it is given at once; see `Wav2ClipEncoder`.
    """

    def __init__(self) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        del self.spectrogram

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Map ``[B, 1, 257, W]`` to ``[B, 512]``."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(spectrogram))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        pooled: Tensor = self.avgpool(x).flatten(1)
        return pooled


class Wav2Clip(nn.Module):
    """Wav2CLIP's two networks: trunk ``audio_encoder`` and MLP ``audio_transform``."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_encoder = Trunk()
        self.audio_transform = MLPLayers([DIMENSIONS] * 3, dropout=DROPOUT)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Embed standardised log spectrograms.

        Args:
            spectrogram: [B, 1, 257, W], W = 1 + samples // 353.

        Returns:
            [B, 512], not L2-normalised.
        """
        embedding: Tensor = self.audio_transform(self.audio_encoder(spectrogram))
        return embedding


def load_wav2clip(weights: str) -> tuple[Wav2Clip, str]:
    """Make Wav2CLIP, MLP included, frozen and in eval mode.

    Args:
        weights: ``random:<seed>`` for untrained weights, the trunk's drawn as the wav2clip package draws its own
            and its statistics those of noise; or the path of the released ``Wav2CLIP.pt`` or a safetensors file with
            its tensor names. Entries of the file that belong to other parts of the training (images, the
            spectrogram's window) are left out.

    Returns:
        The module, float32 on the CPU, and the identity of its weights: ``random:<seed>`` or the sha256 of
        the file.

    Raises:
        InputError: If the file is absent, of another kind, or does not fit the module.
    """
    seed = random_seed(weights)
    if is_calibrated(weights):
        raise InputError(f"audio weights {weights!r}: is for frames; for sound write random:{seed}")
    # Before the model is made, which takes a second: a file that cannot be read is told at once.
    identity, state = f"random:{seed}", None
    if seed is None:
        identity, state = file_sha256(Path(weights)), read_state_dict(Path(weights))
    with seeded(seed or 0):
        model = Wav2Clip()
    with seeded(seed or 0):
        _spend_first_draws()
        _initialise(model)
        if seed is not None:
            _calibrate(model)
    if state is not None:
        load_strictly(model, {name: value for name, value in state.items() if _is_ours(name)}, weights)
    return model.eval().requires_grad_(False), identity


class Wav2ClipEncoder:
    """Wav2CLIP over the snippets of whole videos.

    Wav2CLIP standardises its spectrograms with one mean and standard deviation over everything it is given
    at once, so that embedding snippets in other groups gives other features. Here the two numbers are
    always those of the whole video. Snippets whose spectrograms are equally wide share batches of one
    padded shape, which never mix videos.

    Args:
        model: From ``load_wav2clip``; it is moved to ``device`` and converted.
        batch: Snippets a call of the network.
        precision: ``fp32``, or on a GPU ``bf16``. The encoder is small: bf16 gains little.
        device: Where to compute.

    Raises:
        InputError: If bf16 is asked for on a CPU, where PyTorch's convolutions give wrong numbers in it: for
            spectrograms of up to 32 columns they were off by half a standard deviation, or NaN (pytorch issues 163347
            and 169688; measured with torch 2.11 on an Intel Xeon with AMX).
    """

    def __init__(self, model: Wav2Clip, *, batch: int, precision: str, device: torch.device) -> None:
        if batch < 1 or precision not in PRECISIONS:
            raise InputError(f"batch {batch} must be at least 1 and precision {precision!r} one of fp32, bf16")
        if precision == "bf16" and device.type == "cpu":
            raise InputError("audio precision: bf16 gives wrong numbers on CPUs (pytorch issue 163347); use fp32")
        self._batch = batch
        self._device = device
        self._dtype = DTYPES[precision]
        self._model = model.to(device, self._dtype)
        self._spectrogram = Spectrogram(n_fft=N_FFT, hop_length=HOP).to(device)

    def encode(self, samples: Samples, spans: NDArray[np.int64]) -> NDArray[np.float32]:
        """Embed the sounding snippets of one video.

        Spectrograms are computed twice, once for their mean and standard deviation and once for the network:
        holding those of a long video would take ten times the room of its samples, which may lie in a file.

        Args:
            samples: The video's sound, mono, 16 kHz; [samples] float32.
            spans: First sample and the one after the last of every sounding snippet; [S, 2]. Samples
                outside the sound are zeros, and a snippet of fewer than 512 samples is filled with zeros.

        Returns:
            [S, 512] float32, not L2-normalised.
        """
        features = np.zeros((len(spans), DIMENSIONS), np.float32)
        if len(spans) == 0:
            return features
        with torch.inference_mode(), exact_arithmetic():
            mean, deviation = self._statistics(samples, spans)
            for rows in batches_of_one_width(spans, self._batch):
                spectrogram = (self._log_spectrogram(samples, spans[rows]) - mean) / (deviation + 1e-9)
                features[rows] = self._embed_padded(spectrogram)
        return features

    def encode_running(
        self, samples: Samples, spans: NDArray[np.int64], statistics: RunningStatistics
    ) -> NDArray[np.float32]:
        """Embed snippets one after the other, each standardised by the sound up to its own end.

        Args:
            samples: As for ``encode``.
            spans: As for ``encode``, in the order in which they sound.
            statistics: Of the sound before them; the snippets are added.

        Returns:
            [S, 512] float32, not L2-normalised.
        """
        features = np.zeros((len(spans), DIMENSIONS), np.float32)
        if len(spans) == 0:
            return features
        with torch.inference_mode(), exact_arithmetic():
            shift, scale = self._running(samples, spans, statistics)
            for rows in batches_of_one_width(spans, self._batch):
                spectrogram = self._log_spectrogram(samples, spans[rows])
                features[rows] = self._embed_padded((spectrogram - shift[rows]) / (scale[rows] + 1e-9))
        return features

    def _running(
        self, samples: Samples, spans: NDArray[np.int64], statistics: RunningStatistics
    ) -> tuple[Tensor, Tensor]:
        """Give what to subtract from and to divide by at every snippet; [S, 1, 1, 1] float32 each."""
        sums = torch.zeros(len(spans), 3, dtype=torch.float64)
        for rows in batches_of_one_width(spans, self._batch):
            values = self._log_spectrogram(samples, spans[rows]).double().flatten(1)  # [n, 257 * W]
            counts = torch.full((len(rows),), values.shape[1])
            sums[rows] = torch.stack([counts, values.sum(1).cpu(), values.square().sum(1).cpu()], dim=1)
        found = torch.tensor([statistics.add(*row) for row in sums.tolist()], dtype=torch.float32)
        shift, scale = found.to(self._device).view(-1, 2, 1, 1, 1).unbind(1)
        return shift, scale

    def _statistics(self, samples: Samples, spans: NDArray[np.int64]) -> tuple[float, float]:
        count, total, squares = 0, 0.0, 0.0
        for rows in batches_of_one_width(spans, self._batch):
            spectrogram = self._log_spectrogram(samples, spans[rows]).double()
            count += spectrogram.numel()
            total += float(spectrogram.sum())
            squares += float(spectrogram.square().sum())
        mean = total / count
        # Silence has none, and rounding must not make it negative.
        variance = max(0.0, (squares - count * mean * mean) / (count - 1))
        return mean, math.sqrt(variance)

    def _log_spectrogram(self, samples: Samples, spans: NDArray[np.int64]) -> Tensor:
        sounds = [_cut(samples, start, end) for start, end in spans.tolist()]
        # At a constant frame rate lengths differ by one sample at most; a spectrogram needs them equal.
        spectrogram: list[Tensor] = [torch.empty(0)] * len(sounds)
        for length in {len(sound) for sound in sounds}:
            rows = [row for row, sound in enumerate(sounds) if len(sound) == length]
            waves = torch.from_numpy(np.stack([sounds[row] for row in rows])).to(self._device)  # [n, length]
            for row, image in zip(rows, torch.log(self._spectrogram(waves) + 1e-7), strict=True):
                spectrogram[row] = image
        return torch.stack(spectrogram).unsqueeze(1)  # [n, 1, 257, W]

    def _embed_padded(self, spectrogram: Tensor) -> NDArray[np.float32]:
        rows, width = len(spectrogram), spectrogram.shape[-1]
        padded = torch.zeros(
            batch_rows(width, self._batch), *spectrogram.shape[1:], dtype=self._dtype, device=self._device
        )
        padded[:rows] = spectrogram
        features: NDArray[np.float32] = self._model(padded)[:rows].float().cpu().numpy()
        return features


def batches_of_one_width(spans: NDArray[np.int64], batch: int) -> Iterator[NDArray[np.int64]]:
    """Group snippets into batches of spectrograms of one width.

    Args:
        spans: First sample and the one after the last of every snippet; [S, 2].
        batch: Most snippets a batch.

    Yields:
        Row indices of ``spans``; each occurs once.
    """
    widths = 1 + np.maximum(spans[:, 1] - spans[:, 0], N_FFT) // HOP
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        size = batch_rows(int(width), batch)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


def batch_rows(width: int, batch: int) -> int:
    """Give the snippets a batch of spectrograms ``width`` columns wide: fewer where a picture stands for minutes."""
    return max(1, batch * FULL_BATCH_COLUMNS // max(width, FULL_BATCH_COLUMNS))


def _cut(samples: Samples, start: int, end: int) -> NDArray[np.float32]:
    sound = np.zeros(max(end - start, N_FFT), np.float32)
    first, last = max(start, 0), min(end, len(samples))
    if first < last:
        sound[first - start : last - start] = samples[first:last]
    return sound


def _spend_first_draws() -> None:
    """Draw what the networks once drew before `_initialise`, so that ``random:<seed>`` still means the same weights."""
    resnet.ResNet(resnet.BasicBlock, [2, 2, 2, 2])
    nn.Conv2d(1, 64, kernel_size=7, bias=False)
    for _ in range(2):
        nn.Linear(DIMENSIONS, DIMENSIONS)


@torch.no_grad()
def _initialise(model: Wav2Clip) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, mean=1, std=0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


@torch.no_grad()
def _calibrate(model: Wav2Clip) -> None:
    """Give an untrained network the statistics that training would: those of coloured noise.

    Without them its batch normalisations do nothing, every ReLU adds to what all sounds have in common, and all
    embeddings are one vector five times as long as what tells them apart; a classifier that reads them is saturated
    after its first step. The last bias takes off what is left in common.
    """
    spectrum = torch.fft.rfft(torch.randn(NOISES, SAMPLE_RATE))
    steepness = torch.linspace(0, 1, NOISES)[:, None]  # of the amplitude over frequency: from white to brown
    noise = torch.fft.irfft(spectrum / torch.arange(1, spectrum.shape[1] + 1) ** steepness)  # [noises, samples]
    pictures = torch.log(Spectrogram(n_fft=N_FFT, hop_length=HOP)(noise) + 1e-7).unsqueeze(1)  # [noises, 1, 257, W]
    whole = (1, 2, 3)
    pictures = (pictures - pictures.mean(dim=whole, keepdim=True)) / pictures.std(dim=whole, keepdim=True)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the statistics are those of this one batch
    model.train().audio_encoder(pictures)
    last = model.get_submodule("audio_transform.sequential.3")
    last.get_parameter("bias").sub_(model.eval()(pictures).mean(dim=0))


def _is_ours(name: str) -> bool:
    return name.startswith(("audio_encoder.", "audio_transform.")) and not name.startswith("audio_encoder.spectrogram.")
