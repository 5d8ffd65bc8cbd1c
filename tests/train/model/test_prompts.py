from typing import Any

import open_clip
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from extract.base.errors import InputError
from extract.labels.prompt_tokens import MOST_TOKENS
from train.model.clip_text import ClipTextEncoder, prompt_tokens
from train.model.prompts import (
    ClassEmbedding,
    LearnablePrompt,
    audio_visual_prompt,
    same_for_every_class,
    weighted_by_similarity,
)

PROMPTS = ["normal", "car accident", "roadAccidents"]


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def prompt(clip: Any) -> LearnablePrompt:
    torch.manual_seed(0)
    return LearnablePrompt(clip, PROMPTS)


def full_sequences(prompt: LearnablePrompt, clip: Any) -> tuple[Tensor, Tensor]:
    """All 77 positions of every prompt, put together token by token, and the end tokens' positions."""
    tokenizer = open_clip.SimpleTokenizer()
    look_up = clip.token_embedding.weight
    sequences, ends = [], []
    for name in PROMPTS:
        ids = tokenizer.encode(name)
        rows = list(prompt.context)
        rows[0] = look_up[tokenizer.sot_token_id]
        rows[11 : 11 + len(ids)] = [look_up[token] for token in ids]
        ends.append(1 + 10 + len(ids) + 10)
        rows[ends[-1]] = look_up[tokenizer.eot_token_id]
        sequences.append(torch.stack(rows))
    return torch.stack(sequences), torch.tensor(ends)


def encode_whole(sequences: Tensor, ends: Tensor, clip: Any) -> Tensor:
    """CLIP's text tower over all positions of every sequence."""
    encoded = clip.transformer(sequences + clip.positional_embedding, attn_mask=clip.attn_mask)
    output: Tensor = clip.ln_final(encoded)[torch.arange(len(ends)), ends] @ clip.text_projection
    return output


def test_the_tokens_that_matter_give_what_all_77_positions_of_every_class_give(
    prompt: LearnablePrompt, clip: Any
) -> None:
    sequences, ends = full_sequences(prompt, clip)
    assert sequences.shape == (3, 77, 512)
    # The start token and the prefix once, then each class up to its end token.
    assert len(prompt.position) == 11 + sum(end + 1 - 11 for end in ends.tolist())
    torch.testing.assert_close(prompt(), encode_whole(sequences, ends, clip), rtol=0, atol=1e-5)


def test_the_context_gets_the_gradient_that_all_77_positions_give(prompt: LearnablePrompt, clip: Any) -> None:
    asked = torch.randn(3, 512)
    (ours,) = torch.autograd.grad((prompt() * asked).sum(), prompt.context)
    whole = encode_whole(*full_sequences(prompt, clip), clip)
    (expected,) = torch.autograd.grad((whole * asked).sum(), prompt.context)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_the_encoder_agrees_with_open_clip_on_plain_prompts(clip: Any) -> None:
    tokens = prompt_tokens(clip, PROMPTS)
    encoder, position = ClipTextEncoder(clip), torch.arange(77)
    ends = (tokens.name_lengths + 1).tolist()
    ours = torch.cat(
        [
            encoder(embeddings, position, clip.attn_mask, torch.tensor([end]))
            for embeddings, end in zip(tokens.embeddings, ends, strict=True)
        ]
    )
    with torch.no_grad():
        expected = clip.encode_text(open_clip.tokenize(PROMPTS))
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_only_the_context_learns_and_only_where_a_class_uses_it(prompt: LearnablePrompt, clip: Any) -> None:
    assert [name for name, parameter in prompt.named_parameters() if parameter.requires_grad] == ["context"]
    (gradient,) = torch.autograd.grad(prompt().square().sum(), prompt.context)
    reached = gradient.abs().amax(dim=1) > 0
    longest = int(prompt.position.max())
    assert reached.tolist() == [False] + [True] * 10 + [False] + [True] * (longest - 12) + [False] * (77 - longest)


def test_a_new_context_is_normal_with_a_standard_deviation_of_a_hundredth(prompt: LearnablePrompt) -> None:
    assert prompt.context.shape == (77, 512)
    assert prompt.context.mean().item() == pytest.approx(0, abs=2e-4)
    assert prompt.context.std().item() == pytest.approx(0.01, rel=0.02)


def test_a_prompt_too_long_for_clip_is_refused_by_name(clip: Any) -> None:
    # 1 + 10 + 55 + 10 puts the end token on position 76, the last one.
    LearnablePrompt(clip, ["normal", "riot " * 55])
    with pytest.raises(InputError, match=r"prompts: 'riot .* has 56 tokens"):
        LearnablePrompt(clip, ["normal", "riot " * 56])
    assert MOST_TOKENS == 55


def test_the_audio_visual_prompt_weights_every_row_by_its_raw_logit() -> None:
    features = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    logits = torch.tensor([[4.0, -2.0, -1.0]])
    # 4 [1, 0] - 2 [0, 1] - [1, 1] = [3, -3]
    expected = torch.tensor([[3.0, -3.0]]) / 18**0.5
    torch.testing.assert_close(audio_visual_prompt(features, logits), expected)


def test_the_released_form_gives_every_class_the_same_prompt() -> None:
    prompt = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
    given = same_for_every_class(torch.randn(3, 2), prompt)
    assert torch.equal(given, torch.stack([prompt] * 3, dim=1))


def test_the_released_form_equals_a_softmax_over_equal_similarities_summed_over_the_classes() -> None:
    prompt = F.normalize(torch.randn(2, 4), dim=-1)
    copies = torch.stack([prompt] * 3, dim=1)  # [B, C, D]
    equal = (copies @ copies.mT).softmax(dim=-1)  # [B, C, C], every weight 1 / C
    torch.testing.assert_close(same_for_every_class(torch.randn(3, 4), prompt), equal @ copies)


def test_the_paper_form_shares_the_prompt_out_by_similarity() -> None:
    text = torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    prompt = torch.tensor([[0.6, 0.8]])
    # Inner products 1.6 and 1.8.
    total = torch.tensor([1.6, 1.8]).exp().sum()
    expected = torch.stack([torch.tensor(s).exp() / total * prompt[0] for s in (1.6, 1.8)])[None]
    torch.testing.assert_close(weighted_by_similarity(text, prompt), expected)


@pytest.mark.parametrize(("form", "rule"), [("released", same_for_every_class), ("paper", weighted_by_similarity)])
def test_class_embeddings_add_the_prompt_once_and_then_a_residual_mlp(form: Any, rule: Any) -> None:
    embedding = ClassEmbedding(form, dim=4)
    features, logits, text = torch.randn(2, 5, 4), torch.randn(2, 5), torch.randn(3, 4)
    prompts = rule(text, audio_visual_prompt(features, logits))
    given = embedding(features, logits, text)
    for video in range(2):
        for label in range(3):
            e = text[label] + prompts[video, label]
            hidden = embedding.mlp.c_fc(e)
            torch.testing.assert_close(
                given[video, label], e + embedding.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))
            )
