from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from train.model.audio_tcn import AudioTCN
from train.model.avadclip import AudioVisualTeacher, VideoStudent
from train.model.branches import DualBranch, alignment_logits
from train.model.enhancement import EnhancementNet, UncertaintyNet
from train.model.fusion import AdaptiveFusion
from train.model.vadclip import VadCLIP

NETWORKS = [AudioVisualTeacher, VideoStudent, VadCLIP]


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def batch(dim: int = 16, snippets: int = 8) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return torch.randn(2, snippets, dim), torch.randn(2, snippets, dim), torch.tensor([8, 5]), torch.randn(3, dim)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_is_called_alike_and_gives_scores_for_every_row(network: Any) -> None:
    visual, audio, length, text = batch()
    output = network(max_snippets=8, dim=16).eval()(visual, audio, length, text)
    assert output.anomaly_logits.shape == (2, 8)
    assert output.class_logits.shape == (2, 8, 3)
    assert output.features.shape == (2, 8, 16)
    assert (output.log_variance is None) == (network is not VideoStudent)


@pytest.mark.parametrize("network", NETWORKS)
def test_only_the_teacher_hears(network: Any) -> None:
    visual, audio, length, text = batch()
    model = network(max_snippets=8, dim=16).eval()
    same = torch.equal(
        model(visual, audio, length, text).anomaly_logits, model(visual, 2 * audio, length, text).anomaly_logits
    )
    assert same == (network is not AudioVisualTeacher)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_video_scores_the_same_in_any_batch(network: Any) -> None:
    visual, audio, length, text = batch()
    model = network(max_snippets=8, dim=16).eval()
    together = model(visual, audio, length, text)
    alone = model(visual[1:], audio[1:], length[1:], text)
    torch.testing.assert_close(together.anomaly_logits[1:], alone.anomaly_logits)
    torch.testing.assert_close(together.class_logits[1:], alone.class_logits)


@pytest.mark.parametrize("network", [AudioVisualTeacher, VideoStudent])
def test_the_paper_form_of_the_prompt_changes_the_classes_and_not_the_anomaly_score(network: Any) -> None:
    released, paper = (network(max_snippets=8, dim=16, prompt=form).eval() for form in ("released", "paper"))
    paper.load_state_dict(released.state_dict())
    inputs = batch()
    assert torch.equal(released(*inputs).anomaly_logits, paper(*inputs).anomaly_logits)
    assert not torch.allclose(released(*inputs).class_logits, paper(*inputs).class_logits)


def test_the_audio_tcn_equals_explicit_sums_over_past_rows() -> None:
    tcn = AudioTCN(dim=4).eval()
    audio = torch.randn(10, 4)
    x = audio
    blocks: Any = tcn.blocks
    for block, dilation in zip(blocks, (1, 2, 4), strict=True):
        y = x
        for weight, bias in ((block.conv1.weight, block.conv1.bias), (block.conv2.weight, block.conv2.bias)):
            past = [y[t - dilation] if t >= dilation else torch.zeros(4) for t in range(10)]
            y = torch.stack([weight[:, :, 0] @ past[t] + weight[:, :, 1] @ y[t] + bias for t in range(10)]).relu()
        x = (x + y).relu()
    torch.testing.assert_close(tcn(audio[None])[0], x)


def test_the_audio_tcn_hears_fourteen_snippets_of_the_past_and_none_of_the_future() -> None:
    tcn = AudioTCN(dim=64).eval()
    audio = torch.randn(1, 40, 64)
    changed = audio.clone()
    changed[0, 20] += 10
    moved = (tcn(changed) - tcn(audio)).abs().amax(dim=-1)[0] > 0
    assert moved.nonzero().flatten().tolist() == list(range(20, 35))


def test_weight_normalised_convolutions_start_from_pytorchs_default_weights() -> None:
    torch.manual_seed(0)
    plain = torch.nn.Conv1d(8, 8, kernel_size=2)
    torch.manual_seed(0)
    blocks: Any = AudioTCN(dim=8).blocks
    torch.testing.assert_close(blocks[0].conv1.weight, plain.weight)


def test_a_closed_gate_leaves_the_video_as_it_is_and_an_open_one_adds_the_residual() -> None:
    fusion = AdaptiveFusion(dim=4)
    visual, audio = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    fusion.gate.weight.data.zero_()
    fusion.gate.bias.data.fill_(-200)
    assert torch.equal(fusion(visual, audio), visual)
    fusion.gate.bias.data.fill_(200)
    layers: Any = fusion.residual
    hidden = F.linear(torch.cat([visual, audio], dim=-1), layers[0].weight, layers[0].bias)
    exact_gelu = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    torch.testing.assert_close(fusion(visual, audio), visual + F.linear(exact_gelu, layers[2].weight, layers[2].bias))


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_enhancement_net_adds_rectified_convolutions_over_neighbours(blocks: int) -> None:
    net = EnhancementNet(blocks, dim=4)
    assert len(net.blocks) == blocks
    x = torch.randn(6, 4)
    expected = x
    for conv in net.blocks:
        weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
        padded = F.pad(expected, (0, 0, 1, 1))
        rows = [sum(weight[:, :, tap] @ padded[t + tap] for tap in range(3)) + bias for t in range(6)]
        expected = expected + torch.stack(rows).relu()
    torch.testing.assert_close(net(x[None])[0], expected)


def test_theta_is_minus_the_features_where_its_convolutions_are_silent() -> None:
    net = UncertaintyNet(dim=4)
    torch.nn.init.zeros_(net.layers[3].get_parameter("weight"))
    net.layers[3].get_parameter("bias").data = torch.tensor([-1.0, 0.0, 1.0, 2.0])
    x = torch.randn(1, 3, 4)
    torch.testing.assert_close(net(x), -(x + torch.tensor([0.0, 0.0, 1.0, 2.0])))


def test_the_uncertainty_reads_the_encoder_and_not_the_enhanced_features() -> None:
    student = VideoStudent(max_snippets=8, dim=16)
    visual, audio, length, text = batch()
    before = student(visual, audio, length, text)
    student.enhancement.blocks[0].get_parameter("bias").data += 1
    after = student(visual, audio, length, text)
    assert not torch.equal(after.features, before.features)
    assert after.log_variance is not None
    assert before.log_variance is not None
    assert torch.equal(after.log_variance, before.log_variance)


def test_the_anomaly_logit_reads_the_features_plus_their_mlp() -> None:
    branches = DualBranch(dim=4)
    x = torch.randn(1, 2, 4)
    hidden = branches.mlp.c_fc(x)
    summed = x + branches.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))
    weight, bias = branches.classifier.weight, branches.classifier.bias
    torch.testing.assert_close(branches(x, torch.randn(3, 4))[0], (summed @ weight[0]) + bias)


def test_alignment_is_a_cosine_over_the_temperature_whatever_the_lengths_of_the_vectors() -> None:
    features = torch.tensor([[[3.0, 4.0], [0.0, -7.0]]])
    classes = torch.tensor([[[5.0, 0.0], [0.0, 0.1]]])
    expected = torch.tensor([[[0.6, 0.8], [0.0, -1.0]]]) / 0.07
    torch.testing.assert_close(alignment_logits(features, classes), expected)
