import pytest
import torch

from train.baselines.ur_dmu import URDMU
from train.baselines.ur_dmu_audio_visual import URDMUAudioVisual
from train.samples import Batch


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def batch_of(length: list[int], rows: int) -> Batch:
    visual, audio = torch.randn(2, len(length), rows, 8)
    valid = torch.arange(rows)[None, :, None] < torch.tensor(length)[:, None, None]
    labels = torch.tensor([[1.0, 0], [0, 1]]).repeat(len(length) // 2, 1)
    return Batch(visual * valid, audio * valid, torch.tensor(length), labels)


def deaf_pair() -> tuple[URDMU, URDMUAudioVisual]:
    """The visual form, and an audio-visual one with its weights that gives the sound none."""
    visual, both = URDMU(8, pieces=20).eval(), URDMUAudioVisual(8, 8, pieces=20).eval()
    weights = visual.state_dict()
    kernel = weights["embedding.weight"]
    both.load_state_dict(weights | {"embedding.weight": torch.cat([kernel, torch.zeros_like(kernel)], dim=1)})
    return visual, both


def test_it_has_the_parameters_of_one_wider_layer() -> None:
    count = sum(parameter.numel() for parameter in URDMUAudioVisual().parameters())
    assert count == 6_492_929
    assert count - sum(parameter.numel() for parameter in URDMU().parameters()) == 512 * 512 * 3


def test_without_weights_for_the_sound_it_scores_and_learns_as_the_visual_form() -> None:
    visual, both = deaf_pair()
    batch = batch_of([20, 13], 20)
    scores = [network(batch.visual, batch.audio, batch.length).anomaly_logits for network in (visual, both)]
    torch.testing.assert_close(scores[0], scores[1])
    losses = []
    for network in (visual, both):
        torch.manual_seed(1)
        losses.append(network.losses(batch))
    torch.testing.assert_close(losses[0], losses[1])


def test_both_streams_are_cut_at_the_same_pieces() -> None:
    network = URDMUAudioVisual(8, 8, pieces=4).eval()
    kernel = network.embedding.weight.data
    kernel[:, 8:] = -kernel[:, :8]
    # Sound that equals the frames takes all from them, in every piece, only if its pieces are theirs.
    batch = batch_of([20, 13], 20)
    batch = batch._replace(audio=batch.visual)
    silent = batch._replace(visual=0 * batch.visual, audio=0 * batch.audio)
    losses = []
    for each in (batch, silent):
        torch.manual_seed(1)
        losses.append(network.losses(each))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-4)


def test_silence_gives_finite_losses() -> None:
    batch = batch_of([20, 13], 20)
    network = URDMUAudioVisual(8, 8, pieces=20)
    losses = network.losses(batch._replace(audio=0 * batch.audio))
    losses["total"].backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_sound_that_comes_a_row_later_changes_the_score() -> None:
    network = URDMUAudioVisual(8, 8, pieces=20).eval()
    batch = batch_of([20, 20], 20)
    scores = [
        network(batch.visual, audio, batch.length).anomaly_logits
        for audio in (batch.audio, batch.audio.roll(1, dims=1))
    ]
    assert (scores[0] - scores[1]).abs().max() > 1e-4
