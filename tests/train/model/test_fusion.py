"""The variants of Tables 4 to 6 differ from the models in what their names say, and in nothing else."""

import math

import pytest
import torch
from torch import Tensor

from extract.base.errors import InputError
from extract.shard import Widths
from train.model.avadclip import AudioVisualTeacher, VideoStudent
from train.model.fusion import Addition, Concatenation, CrossAttention
from train.networks import build_network
from train.settings import Architecture

B, T, D, C = 2, 8, 512, 3


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    visual, audio = torch.randn(2, B, T, D, generator=generator)
    return visual, audio, torch.tensor([8, 5]), torch.randn(C, D, generator=generator)


def outputs_change(network: torch.nn.Module, batch: tuple[Tensor, ...], changed: int) -> bool:
    network.eval()
    other = list(batch)
    other[changed] = other[changed] + 1
    with torch.no_grad():
        return not torch.equal(network(*batch).class_logits, network(*other).class_logits)


def test_addition_and_concatenation_are_what_they_are_called(batch: tuple[Tensor, ...]) -> None:
    visual, audio, *_ = batch
    assert torch.equal(Addition()(visual, audio), visual + audio)
    fusion = Concatenation(D)
    by_hand = visual @ fusion.linear.weight[:, :D].T + audio @ fusion.linear.weight[:, D:].T + fusion.linear.bias
    torch.testing.assert_close(fusion(visual, audio), by_hand)


@torch.no_grad()
def test_cross_attention_lets_each_snippet_of_the_video_weigh_the_whole_sound(batch: tuple[Tensor, ...]) -> None:
    visual, audio, *_ = batch
    fusion = CrossAttention(D)
    fused = fusion(visual, audio)
    for b in range(B):
        keys, values = fusion.key(audio[b]), fusion.value(audio[b])
        for t in range(T):
            query = fusion.query(visual[b, t])
            weights = torch.tensor([float(query @ key) / math.sqrt(D) for key in keys]).softmax(dim=0)
            expected = visual[b, t] + sum(weight * value for weight, value in zip(weights, values, strict=True))
            torch.testing.assert_close(fused[b, t], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fusion", ["adaptive", "cross_attention", "addition", "concatenation"])
def test_every_fusion_hears_the_audio(fusion: str, batch: tuple[Tensor, ...]) -> None:
    architecture = Architecture("teacher", layers=1, window=4, max_snippets=T, fusion=fusion)  # type: ignore[arg-type]
    assert architecture.reads_audio
    assert outputs_change(build_network(architecture), batch, changed=1)


def test_without_fusion_the_teacher_is_deaf_and_has_no_audio_branch(batch: tuple[Tensor, ...]) -> None:
    architecture = Architecture("teacher", layers=1, window=4, max_snippets=T, fusion="none")
    network = build_network(architecture)
    assert not architecture.reads_audio
    assert not outputs_change(network, batch, changed=1)
    assert outputs_change(network, batch, changed=0)
    assert not [name for name, _ in network.named_parameters() if name.startswith(("audio_tcn", "fusion"))]


def test_the_audio_only_model_sees_nothing(batch: tuple[Tensor, ...]) -> None:
    architecture = Architecture("student", layers=1, window=4, max_snippets=T, stream="audio")
    network = build_network(architecture)
    assert architecture.reads_audio
    assert outputs_change(network, batch, changed=1)
    assert not outputs_change(network, batch, changed=0)


def test_the_audio_only_model_is_the_student_given_sound(batch: tuple[Tensor, ...]) -> None:
    visual, audio, length, text = batch
    hearing = VideoStudent(T, 1, 4, stream="audio").eval()
    seeing = VideoStudent(T, 1, 4).eval()
    seeing.load_state_dict(hearing.state_dict())
    with torch.no_grad():
        heard, seen = hearing(visual, audio, length, text), seeing(audio, visual, length, text)
    assert torch.equal(heard.class_logits, seen.class_logits)


@pytest.mark.parametrize(
    "architecture",
    [Architecture("teacher", layers=1, window=4, max_snippets=T),
     Architecture("student", layers=1, window=4, max_snippets=T, stream="audio")],
    ids=["teacher", "audio-only student"],
)  # fmt: skip
def test_sound_of_another_width_passes_one_linear_layer_that_leaves_silence_silent(architecture: Architecture) -> None:
    usual = build_network(architecture, widths=Widths(24, 24))
    network = build_network(architecture, widths=Widths(24, 16)).eval()
    more = dict(network.named_parameters()).keys() - dict(usual.named_parameters()).keys()
    assert {name: dict(network.named_parameters())[name].shape for name in more} == {
        "audio_projection.weight": (24, 16)
    }
    weights = dict(network.state_dict())
    projection = weights.pop("audio_projection.weight")
    usual.load_state_dict(weights)
    usual.eval()
    visual, audio, length, text = torch.randn(B, T, 24), torch.randn(B, T, 16), torch.tensor([8, 5]), torch.randn(C, 24)
    audio[:, -2:] = 0
    with torch.no_grad():
        found = network(visual, audio, length, text)
        expected = usual(visual, audio @ projection.T, length, text)
    torch.testing.assert_close(found.class_logits, expected.class_logits)
    assert not network.audio_projection(audio)[:, -2:].any()


def test_without_the_prompt_a_video_does_not_change_the_classes(batch: tuple[Tensor, ...]) -> None:
    visual, _, _, text = batch
    network = AudioVisualTeacher(T, 1, 4, prompt="none").eval()
    embeddings = network.branches.class_embedding(visual, torch.randn(B, T), text)
    assert torch.equal(embeddings[0], embeddings[1])
    torch.testing.assert_close(embeddings[0], text + network.branches.class_embedding.mlp(text))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"fusion": "late"}, "fusion: 'late'"), ({"stream": "text"}, "stream: 'text'"), ({"prompt": "x"}, "prompt: 'x'")],
)
def test_an_unknown_variant_is_refused_by_name(change: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Architecture("teacher", layers=1, window=4, **change)  # type: ignore[arg-type]
