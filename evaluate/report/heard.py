"""The sound of a video as a figure shows it: a mel spectrogram over the same time as the scores."""

import sys
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

from extract.media.audio_track import AudioTrack, UnreadableAudio, read_audio
from extract.media.reading import read_sound
from extract.media.resampling import SAMPLE_RATE

BANDS = 64
N_FFT, HOP = 1024, 256
# A figure is some thousand pixels wide.
MOST_COLUMNS = 800
# Below the loudest, in decibels.
DEPTH = 80.0
COLUMNS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """A mel spectrogram.

    Attributes:
        decibels: [64, W] from -80 to 0, the loudest; all -80 for silence. The lowest band comes first.
        edges: [W + 1] float64, where each column begins and the last one ends, in seconds since the first frame.
    """

    decibels: NDArray[np.float32]
    edges: NDArray[np.float64]


def hear(path: Path, start: float, seconds: float, *, here: bool = False) -> Spectrogram | None:
    """Give the spectrogram of a video's sound; ``None`` without an audio stream, or where it cannot be read.

    Args:
        path: The video file.
        start: When its first frame is shown, in seconds on the container's axis.
        seconds: How long the video lasts.
        here: Whether to decode in this process, as in one that may be lost itself.
    """
    if seconds <= 0:
        return None
    try:
        track = (read_audio if here else read_sound)(path, start, start + seconds)
    except UnreadableAudio as error:
        print(f"{path}: drawn without its sound: {error}", file=sys.stderr)
        return None
    return None if track is None or len(track.samples) < N_FFT else _spectrogram(track)


def _spectrogram(track: AudioTrack) -> Spectrogram:
    count = len(track.samples)
    # Columns of equal length, read some at a time: hours of sound are never held whole.
    length = max(HOP, -(-count // MOST_COLUMNS))
    columns = -(-count // length)
    power = np.zeros((BANDS, columns), np.float32)
    for first in range(0, columns, COLUMNS_AT_ONCE):
        samples = np.asarray(track.samples[first * length : (first + COLUMNS_AT_ONCE) * length], np.float32)
        power[:, first : first + COLUMNS_AT_ONCE] = _columns(samples, length)
    edges = np.minimum(np.arange(columns + 1) * length, count) / SAMPLE_RATE
    if not power.any():
        return Spectrogram(np.full_like(power, -DEPTH), edges)
    return Spectrogram(librosa.power_to_db(power, ref=np.max, top_db=DEPTH).astype(np.float32), edges)


def kilohertz_rows(kilohertz: float) -> float:
    """Give the row of a spectrogram, as a fraction, at which a frequency lies."""
    centres = librosa.mel_frequencies(BANDS, fmin=0, fmax=SAMPLE_RATE / 2)
    return float(np.interp(kilohertz * 1000, centres, np.arange(BANDS)))


def _columns(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Average the power of the mel bands over every ``length`` samples: [64, ceil(n / length)]."""
    filled = np.pad(samples, (0, max(0, N_FFT - len(samples))))
    bands = librosa.feature.melspectrogram(
        y=filled, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP, n_mels=BANDS, center=True, power=2.0
    )  # [64, 1 + n // 256], a window around every 256th sample
    bands = bands[:, : 1 + len(samples) // HOP]
    columns = -(-len(samples) // length)
    middles = np.minimum(np.arange(bands.shape[1]) * HOP, len(samples) - 1)
    firsts = np.minimum(np.searchsorted(middles // length, np.arange(columns)), bands.shape[1] - 1)
    sums = np.add.reduceat(bands, firsts, axis=1)
    counts = np.diff(np.append(firsts, bands.shape[1]))
    averaged: NDArray[np.float32] = (sums / np.maximum(counts, 1)).astype(np.float32)
    return averaged
