import hashlib
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from torchaudio.transforms import Spectrogram

from extract.base.errors import InputError
from extract.demo.plan import frame_times, plan_data_set
from extract.demo.sounds import play
from extract.encoders.wav2clip import Wav2Clip, Wav2ClipEncoder, batch_rows, batches_of_one_width, load_wav2clip

CPU = torch.device("cpu")
SNIPPET = 4000


def noise(samples: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal(samples) * np.linspace(0.01, 0.5, samples)).astype(np.float32)


def consecutive(count: int, length: int = SNIPPET) -> np.ndarray:
    edges = np.arange(count + 1) * length
    return np.stack([edges[:-1], edges[1:]], axis=1)


def encoder(model: Wav2Clip, batch: int = 4) -> Wav2ClipEncoder:
    return Wav2ClipEncoder(model, batch=batch, precision="fp32", device=CPU)


def released_layout(model: Wav2Clip) -> dict[str, torch.Tensor]:
    """The state dict as the released file has it, with what else that file holds."""
    return {
        **model.state_dict(),
        "audio_encoder.spectrogram.window": torch.hann_window(512),
        "image_transform.sequential.0.weight": torch.zeros(512, 512),
    }


def test_one_call_equals_the_wav2clip_package(wav2clip_model: Wav2Clip) -> None:
    package = pytest.importorskip("wav2clip.model.encoder", reason="wav2clip 0.1.0 is not installed")
    theirs = package.ResNetExtractor(checkpoint=released_layout(wav2clip_model), scenario="frozen", transform=True)
    samples = noise(5 * SNIPPET)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(samples.reshape(5, SNIPPET))).numpy()
    ours = encoder(wav2clip_model).encode(samples, consecutive(5))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_untrained_weights_tell_the_demos_sounds_apart(wav2clip_model: Wav2Clip) -> None:
    plans = plan_data_set(seed=0, train=8, test=2, max_snippets=400)
    embedded = []
    for plan in plans:
        heard = play(plan, np.array(frame_times(plan), np.float64))
        sound = soxr.resample(heard, 44_100, 16_000).astype(np.float32)
        embedded.append(encoder(wav2clip_model).encode(sound, consecutive(len(sound) // 10_667, 10_667)))
    rows = np.concatenate(embedded)
    apart = np.linalg.norm(rows - rows.mean(axis=0), axis=1).mean()
    # Without statistics of its own an untrained network gives a common part five times as long as the differences.
    assert np.linalg.norm(rows.mean(axis=0)) < 3 * apart


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone(wav2clip_model: Wav2Clip) -> None:
    before = torch.get_rng_state()
    again, identity = load_wav2clip("random:0")
    other, _ = load_wav2clip("random:1")
    assert torch.equal(torch.get_rng_state(), before)
    assert identity == "random:0"
    assert all(torch.equal(again.state_dict()[name], value) for name, value in wav2clip_model.state_dict().items())
    assert not torch.equal(other.audio_encoder.conv1.weight, again.audio_encoder.conv1.weight)
    assert not any(module.training for module in again.modules())
    # Drawn as the package draws its own, not as torchvision does, which leaves these at 1.
    assert again.audio_encoder.layer4[1].bn2.weight.std().item() == pytest.approx(0.02, rel=0.2)


def test_the_released_layout_loads_with_its_sha256(wav2clip_model: Wav2Clip, tmp_path: Path) -> None:
    path = tmp_path / "Wav2CLIP.pt"
    torch.save(released_layout(wav2clip_model), path)
    loaded, identity = load_wav2clip(str(path))
    assert identity == hashlib.sha256(path.read_bytes()).hexdigest()
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in wav2clip_model.state_dict().items())


def test_a_file_without_the_mlp_is_refused(wav2clip_model: Wav2Clip, tmp_path: Path) -> None:
    state = {name: value for name, value in wav2clip_model.state_dict().items() if "transform" not in name}
    torch.save(state, tmp_path / "trunk.pt")
    with pytest.raises(InputError, match=r"trunk\.pt.*audio_transform"):
        load_wav2clip(str(tmp_path / "trunk.pt"))


def test_statistics_are_those_of_the_whole_video(wav2clip_model: Wav2Clip) -> None:
    # Two lengths one sample apart, as 29.97 frames a second give, and one other width.
    edges = np.cumsum([0, 4000, 4001, 4000, 4001, 6000])
    spans = np.stack([edges[:-1], edges[1:]], axis=1)
    samples = noise(int(edges[-1]))
    front_end = Spectrogram(n_fft=512, hop_length=353)
    images = [torch.log(front_end(torch.from_numpy(samples[a:b])) + 1e-7) for a, b in spans.tolist()]
    values = torch.cat([image.flatten() for image in images]).double()
    with torch.inference_mode():
        plain = [wav2clip_model(((i - values.mean()) / values.std()).float()[None, None])[0] for i in images]
    expected = torch.stack(plain).numpy()
    ours = encoder(wav2clip_model, batch=2).encode(samples, spans)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_batch_size_changes_no_feature_beyond_rounding(wav2clip_model: Wav2Clip) -> None:
    samples, spans = noise(7 * SNIPPET), consecutive(7)
    small, large = (encoder(wav2clip_model, batch).encode(samples, spans) for batch in (2, 16))
    np.testing.assert_allclose(small, large, rtol=0, atol=1e-4 * np.abs(large).max())


def test_sound_that_ends_within_a_snippet_goes_on_as_zeros(wav2clip_model: Wav2Clip) -> None:
    samples = noise(2 * SNIPPET)[: SNIPPET + 1500]
    padded = np.pad(samples, (0, SNIPPET - 1500))
    ours = encoder(wav2clip_model)
    assert np.array_equal(ours.encode(samples, consecutive(2)), ours.encode(padded, consecutive(2)))


def test_a_snippet_shorter_than_one_window_is_filled_with_zeros(wav2clip_model: Wav2Clip) -> None:
    samples = noise(200)
    ours = encoder(wav2clip_model)
    short = ours.encode(samples, np.array([[0, 200]]))
    assert np.array_equal(short, ours.encode(np.pad(samples, (0, 312)), np.array([[0, 512]])))
    assert np.isfinite(short).all()


def test_digital_silence_is_finite(wav2clip_model: Wav2Clip) -> None:
    features = encoder(wav2clip_model).encode(np.zeros(3 * SNIPPET, np.float32), consecutive(3))
    assert np.isfinite(features).all()
    assert encoder(wav2clip_model).encode(np.zeros(0, np.float32), np.empty((0, 2), np.int64)).shape == (0, 512)


def test_batches_hold_one_width_and_every_snippet_once() -> None:
    lengths = np.array([4000, 700, 4001, 4000, 9000, 700, 4236, 4000])
    edges = np.concatenate([[0], np.cumsum(lengths)])
    batches = list(batches_of_one_width(np.stack([edges[:-1], edges[1:]], axis=1), 2))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) <= 2
        assert len({int(length) // 353 for length in lengths[rows]}) == 1


def test_a_picture_that_stands_for_minutes_does_not_fill_the_memory() -> None:
    assert batch_rows(31, 32) == 32
    assert batch_rows(640, 32) == 3
    assert batch_rows(30_000, 32) == 1


def test_half_precision_is_refused_on_a_cpu_where_its_convolutions_are_wrong() -> None:
    model, _ = load_wav2clip("random:0")
    with pytest.raises(InputError, match="audio precision: bf16 gives wrong numbers on CPUs"):
        Wav2ClipEncoder(model, batch=4, precision="bf16", device=CPU)


def test_calibrated_weights_are_refused_for_sound_which_has_no_others() -> None:
    with pytest.raises(InputError, match=r"write random:3$"):
        load_wav2clip("random:3:calibrated")
