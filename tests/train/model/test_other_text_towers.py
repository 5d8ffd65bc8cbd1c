"""Text towers unlike OpenAI's: tokens that read both ways, another place to read from, a projection with a bias."""

from typing import Any

import open_clip
import pytest
import torch

from train.baselines.dsanet import AdaptedText
from train.baselines.tpwng import PromptedText
from train.model.prompts import LearnablePrompt

PROMPTS = ["normal", "car accident", "riot"]
VISION = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 40, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
TOWERS = {
    "causal": {},
    "MobileCLIP's": {"no_causal_mask": True},
    "SigLIP's": {"no_causal_mask": True, "pool_type": "last", "proj_bias": True, "vocab_size": 32000},
    "without projection": {"proj_type": "none"},
}


@pytest.fixture(params=TOWERS)
def clip(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    given = TOWERS[request.param]
    wide = 32 if "proj_type" in given else 24
    model = open_clip.CustomTextCLIP(wide, VISION, TEXT | given).eval()
    if given.get("proj_bias"):
        torch.nn.init.normal_(model.text.text_projection.bias)
    return model


@torch.no_grad()
def test_bare_prompts_give_what_open_clip_gives(clip: Any) -> None:
    tokens = open_clip.tokenize(PROMPTS, 40) % clip.vocab_size
    torch.testing.assert_close(LearnablePrompt(clip, PROMPTS, 0, 0)(), clip.encode_text(tokens), rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_context_that_spells_tokens_gives_what_those_tokens_give(clip: Any) -> None:
    """The learned vectors set to the embeddings of words: the prompt is then the sentence with these words in it."""
    prompt = LearnablePrompt(clip, PROMPTS[2:], 2, 1)
    look_up = clip.text.token_embedding.weight
    start, name, end, *padding = open_clip.tokenize(PROMPTS[2:], 40)[0].tolist()
    words = [320, 1125, 2862]
    for place, word in ((1, words[0]), (2, words[1]), (4, words[2])):
        prompt.context[place] = look_up[word]
    sentence = torch.tensor([[start, words[0], words[1], name, words[2], end, *padding[:-3]]])
    # The end token is found as the largest one.
    assert sentence.argmax() == 5
    within = sentence % clip.vocab_size
    if clip.text.pool_type == "argmax":
        assert within.argmax() == 5
    torch.testing.assert_close(prompt(), clip.encode_text(within), rtol=0, atol=1e-5)


def test_every_text_side_learns_through_it(clip: Any) -> None:
    for side in (LearnablePrompt(clip, PROMPTS), PromptedText(clip, PROMPTS), AdaptedText(clip, PROMPTS, 1, 0.1)):
        embeddings = side()
        assert embeddings.shape == (3, clip.text.output_dim)
        assert len(embeddings.unique(dim=0)) == 3
        embeddings.square().sum().backward() if not isinstance(side, AdaptedText) else embeddings[:, 0].sum().backward()
        learned = [parameter for parameter in side.parameters() if parameter.requires_grad]
        assert learned
        assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in learned)
