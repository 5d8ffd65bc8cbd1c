import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchaudio.transforms import Spectrogram

from extract.base.errors import InputError
from extract.encoders.running_statistics import RunningStatistics
from extract.encoders.wav2clip import Wav2Clip, Wav2ClipEncoder

VALUES = st.lists(st.floats(-20, 20), min_size=1, max_size=30)


def add(statistics: RunningStatistics, values: list[float]) -> tuple[float, float]:
    return statistics.add(len(values), sum(values), sum(value * value for value in values))


@given(st.lists(VALUES, min_size=1, max_size=10))
def test_they_are_those_of_everything_so_far(parts: list[list[float]]) -> None:
    statistics, so_far = RunningStatistics(), []
    for part in parts:
        so_far += part
        mean, deviation = add(statistics, part)
        assert mean == pytest.approx(np.mean(so_far), abs=1e-9)
        expected = np.std(so_far, ddof=1) if len(so_far) > 1 else 0
        assert deviation == pytest.approx(expected, abs=1e-4)


def test_what_is_older_than_the_horizon_fades() -> None:
    statistics = RunningStatistics(horizon=100)
    for _ in range(50):
        add(statistics, [0.0] * 10)
    for _ in range(50):
        mean, _ = add(statistics, [1.0] * 10)
    assert mean == pytest.approx(1 - 0.9**50, abs=1e-6)
    with pytest.raises(InputError, match="horizon 0 must be above 0"):
        RunningStatistics(horizon=0)


def test_snippets_are_embedded_alike_one_by_one_and_together_and_know_nothing_later(wav2clip_model: Wav2Clip) -> None:
    random = np.random.default_rng(0)
    sound = (random.standard_normal(4 * 4000) * np.repeat([0.01, 0.5, 0.1, 0.3], 4000)).astype(np.float32)
    spans = np.stack([np.arange(4) * 4000, (np.arange(4) + 1) * 4000], axis=1)
    encoder = Wav2ClipEncoder(wav2clip_model, batch=2, precision="fp32", device=torch.device("cpu"))
    together = encoder.encode_running(sound, spans, RunningStatistics())
    statistics = RunningStatistics()
    alone = np.concatenate([encoder.encode_running(sound, spans[row : row + 1], statistics) for row in range(4)])
    np.testing.assert_allclose(alone, together, atol=1e-4 * np.abs(together).max())
    without_end = encoder.encode_running(sound[:8000], spans[:2], RunningStatistics())
    np.testing.assert_allclose(without_end, together[:2], atol=1e-4 * np.abs(together).max())

    # By hand: what the third snippet is standardised by.
    picture = torch.log(Spectrogram(n_fft=512, hop_length=353)(torch.from_numpy(sound[:12000].reshape(3, 4000))) + 1e-7)
    by_hand = (picture[2] - picture.mean()) / picture.std()
    with torch.inference_mode():
        expected = wav2clip_model(by_hand[None, None])[0].numpy()
    np.testing.assert_allclose(together[2], expected, atol=1e-3 * np.abs(expected).max())
    # The last one has heard everything, as whole videos have.
    np.testing.assert_allclose(encoder.encode(sound, spans)[3], together[3], atol=1e-3 * np.abs(together).max())
