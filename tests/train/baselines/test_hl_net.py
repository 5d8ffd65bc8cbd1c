import numpy as np
import pytest
import torch

from train.baselines.hl_net import HLNet, HLNetAudioVisual, score_adjacency
from train.samples import Batch


def test_the_loss_terms_by_hand() -> None:
    torch.manual_seed(0)
    network = HLNet(8).eval()
    visual, length = torch.randn(2, 40, 8), [40, 7]
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    batch = Batch(visual, visual, torch.tensor(length), labels)
    losses = network.losses(batch)

    with torch.inference_mode():
        _, logits, approximated = network._branches(visual, batch.length)
    videos = [(logits[i, :n].double().numpy(), approximated[i, :n].double().numpy()) for i, n in enumerate(length)]

    def video_loss(which: int) -> float:
        terms = []
        for video, valid, is_abnormal in zip(videos, length, (0, 1), strict=True):
            score = 1 / (1 + np.exp(-np.sort(video[which])[::-1][: valid // 16 + 1].mean()))
            terms.append(-np.log(score if is_abnormal else 1 - score))
        return float(np.mean(terms))

    distillation = np.mean([np.mean(np.log1p(np.exp(-weak)) / (1 + np.exp(-strong))) for strong, weak in videos])
    assert losses["classification"].item() == pytest.approx(video_loss(0), rel=1e-4)
    assert losses["approximator"].item() == pytest.approx(video_loss(1), rel=1e-4)
    assert losses["distillation"].item() == pytest.approx(distillation, rel=1e-4)
    total = video_loss(0) + video_loss(1) + 5 * distillation
    assert losses["total"].item() == pytest.approx(total, rel=1e-4)


def test_the_score_adjacency_by_hand() -> None:
    scores = np.array([0.1, 0.9, 0.4])
    closeness = 1 - np.abs(scores[:, None] - scores[None, :])
    exponentials = np.exp(1 / (1 + np.exp(-(closeness - 0.5) / 0.1)))
    expected = np.zeros((5, 5))
    expected[:3, :3] = exponentials / exponentials.sum(axis=1, keepdims=True)
    padded = torch.tensor([[*scores, 0.4, 0.1]], dtype=torch.float64)
    np.testing.assert_allclose(score_adjacency(padded, torch.tensor([3]))[0].numpy(), expected, rtol=1e-9)


def test_the_approximator_looks_only_at_the_row_and_four_before_it() -> None:
    network = HLNet(8).eval()
    visual = torch.randn(1, 12, 8, requires_grad=True)
    _, _, approximated = network._branches(visual, torch.tensor([12]))
    (gradient,) = torch.autograd.grad(approximated[0, 7], visual)
    assert gradient[0].abs().sum(dim=1).nonzero().squeeze(1).tolist() == [3, 4, 5, 6, 7]


def test_the_approximator_learns_at_half_the_rate() -> None:
    network = HLNet(8)
    fast, slow = network.parameter_groups(1e-4)
    assert (fast["lr"], slow["lr"]) == (1e-4, 5e-5)
    assert len(slow["params"]) == 6
    assert {id(p) for p in [*fast["params"], *slow["params"]]} == {id(p) for p in network.parameters()}


def test_only_the_audio_visual_form_hears() -> None:
    visual, audio, length = torch.randn(1, 9, 8), torch.randn(1, 9, 4), torch.tensor([9])
    for network, hears in ((HLNet(8), False), (HLNetAudioVisual(8, 4), True)):
        network.eval()
        logits = [network(visual, sound, length).anomaly_logits for sound in (audio, 0 * audio)]
        assert torch.equal(logits[0], logits[1]) != hears
