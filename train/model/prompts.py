"""Class embeddings: a learnable prompt per model, then an audio-visual prompt per video.

VadCLIP (arXiv 2308.11681), "Learnable Prompt" and "Anomaly-Focus Visual Prompt"; AVadCLIP (arXiv 2504.04495), eq. 4-7.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extract.base.errors import InputError
from train.model.clip_text import ClipTextEncoder, PromptTokens, prompt_tokens
from train.model.layers import QuickGeluMLP

if TYPE_CHECKING:
    import open_clip

PromptForm = Literal["none", "released", "paper"]


class LearnablePrompt(nn.Module):
    """Class names inside learned context vectors, through CLIP's frozen text transformer.

    A sequence is: start token, ``prefix`` learned vectors, the name's tokens, ``postfix`` learned
    vectors, end token. All classes share the context. Each sequence takes the context's vector at its
    own position, so a longer name shifts which of them follow it.

    CLIP reads the start token and the prefix once for all classes: with causal attention they are the same in each.
    A text tower without it reads every sequence whole, with its padding.

    Only ``context`` is learned and worth saving; the rest follows from CLIP and the prompts.

    Args:
        clip: An open_clip model, shared and frozen (see `ClipTextEncoder`).
        prompts: One bare class name per class, the normal class first.
        prefix: Learned vectors before the name.
        postfix: Learned vectors between the name and the end token.

    Raises:
        InputError: If a prompt does not fit into CLIP's positions, 77 in OpenAI's.
    """

    fixed: Tensor
    is_fixed: Tensor
    position: Tensor
    mask: Tensor | None
    end: Tensor

    def __init__(self, clip: "open_clip.CLIP", prompts: Sequence[str], prefix: int = 10, postfix: int = 10) -> None:
        super().__init__()
        tokens = prompt_tokens(clip, prompts)
        context_length, dim = tokens.embeddings.shape[1:]
        lengths: list[int] = tokens.name_lengths.tolist()
        for prompt, length in zip(prompts, lengths, strict=True):
            if 1 + prefix + length + postfix >= context_length:
                raise InputError(
                    f"prompts: {prompt!r} has {length} tokens, which with {prefix} + {postfix} learned vectors "
                    f"is more than CLIP's {context_length} positions hold; shorten it"
                )
        self.context = nn.Parameter((0.01 * torch.randn(context_length, dim)).to(tokens.embeddings.device))
        self.encoder = ClipTextEncoder(clip)
        lay_out = _shared_start if self.encoder.is_causal else _whole_sequences
        layout = lay_out(tokens, prefix, postfix)
        device = tokens.embeddings.device
        end = layout.end
        if self.encoder.reads_last:
            end = torch.arange(1, len(prompts) + 1) * context_length - 1
        mask = None if layout.mask is None else layout.mask.to(tokens.embeddings)
        self.register_buffer("fixed", layout.fixed, persistent=False)
        self.register_buffer("is_fixed", layout.is_fixed.to(device), persistent=False)
        self.register_buffer("position", layout.position.to(device), persistent=False)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("end", end.to(device), persistent=False)

    def forward(self) -> Tensor:
        """Class embeddings of step 1, ``[C, D]``, not normalised, differentiable in ``context``."""
        # An embedding rather than an index: the latter's gradient is added up in no fixed order by several threads.
        context = F.embedding(self.position, self.context)  # [S, D]
        embeddings = torch.where(self.is_fixed, self.fixed, context)  # [S, D]
        output: Tensor = self.encoder(embeddings, self.position, self.mask, self.end)
        return output


class _Layout(NamedTuple):
    """Sequences one after another, see `ClipTextEncoder.forward`.

    Attributes:
        fixed: Token embeddings ``[S, W]``, zeros where the learned context stands.
        is_fixed: Where they are not ``[S, 1]`` bool.
        position: Place of each token in its sequence ``[S]``.
        mask: What each token may attend to ``[S, S]``; ``None`` for whole sequences.
        end: Index of each class's end token ``[C]``.
    """

    fixed: Tensor
    is_fixed: Tensor
    position: Tensor
    mask: Tensor | None
    end: Tensor


def _shared_start(tokens: PromptTokens, prefix: int, postfix: int) -> _Layout:
    """Lay out what all classes begin with once, then each class's own tokens up to its end."""
    lengths: list[int] = tokens.name_lengths.tolist()
    shared = 1 + prefix
    sizes = [shared, *(length + postfix + 1 for length in lengths)]
    ends = torch.tensor(sizes).cumsum(0) - 1  # [1 + C]
    # The first sequence is what all begin with, the others are the classes' own parts.
    sequence = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))  # [S]
    position = torch.cat([torch.arange(shared), *(shared + torch.arange(size) for size in sizes[1:])])
    sees = (position <= position[:, None]) & ((sequence == 0) | (sequence == sequence[:, None]))  # [S, S]
    fixed = tokens.embeddings.new_zeros(len(position), tokens.embeddings.shape[-1])
    is_fixed = torch.zeros(len(position), 1, dtype=torch.bool)
    fixed[0], is_fixed[0] = tokens.embeddings[0, 0], True
    for row, (length, end) in enumerate(zip(lengths, ends[1:].tolist(), strict=True)):
        start = end - postfix - length
        held = [*range(start, start + length), end]
        fixed[held] = tokens.embeddings[row, 1 : length + 2]
        is_fixed[held] = True
    mask = torch.zeros(sees.shape).masked_fill(~sees, -math.inf)
    return _Layout(fixed, is_fixed, position, mask, ends[1:])


def _whole_sequences(tokens: PromptTokens, prefix: int, postfix: int) -> _Layout:
    """Lay out every class's sequence with its padding."""
    classes, length, width = tokens.embeddings.shape
    fixed = tokens.embeddings.new_zeros(classes, length, width)
    is_fixed = torch.zeros(classes, length, 1, dtype=torch.bool)
    ends: list[int] = []
    for row, name in enumerate(tokens.name_lengths.tolist()):
        end = 1 + prefix + name + postfix
        held = [0, *range(1 + prefix, 1 + prefix + name), *range(end, length)]
        of = [0, *range(1, 1 + name), *range(1 + name, 1 + name + length - end)]
        fixed[row, held] = tokens.embeddings[row, of]
        is_fixed[row, held] = True
        ends.append(row * length + end)
    position = torch.arange(length).repeat(classes)
    return _Layout(fixed.flatten(0, 1), is_fixed.flatten(0, 1), position, None, torch.tensor(ends))


def audio_visual_prompt(features: Tensor, anomaly_logits: Tensor) -> Tensor:
    """Summarise each video by its anomalous part (AVadCLIP eq. 4): ``normalize(sum_t logit_t X_t)``.

    The weights are raw logits, of either sign, and every row takes part, padding too.

    Args:
        features: ``[B, T, D]``.
        anomaly_logits: ``[B, T]``.

    Returns:
        ``[B, D]`` of unit length.
    """
    return F.normalize(torch.einsum("bt,btd->bd", anomaly_logits, features), dim=-1)


def same_for_every_class(text: Tensor, prompt: Tensor) -> Tensor:
    """The `released` form of eq. 5 and 6: the video's prompt as it is.

    The released networks weight it with a softmax over C equal similarities; those weights cancel
    when the classes are summed up again, so they are left out.

    Args:
        text: Class embeddings of step 1 ``[C, D]``.
        prompt: ``[B, D]``.

    Returns:
        ``[B, C, D]``.
    """
    return prompt[:, None, :].expand(-1, len(text), -1)


def without_prompt(text: Tensor, prompt: Tensor) -> Tensor:
    """No audio-visual prompt (Table 4): zeros ``[B, C, D]``, so that all videos share the classes of step 1."""
    return torch.zeros_like(prompt)[:, None, :].expand(-1, len(text), -1)


def weighted_by_similarity(text: Tensor, prompt: Tensor) -> Tensor:
    """The `paper` form of eq. 5 and 6: the more a class resembles the video, the more of the prompt it gets.

    Args:
        text: Class embeddings of step 1 ``[C, D]``.
        prompt: ``[B, D]``.

    Returns:
        ``[B, C, D]``: the prompt times the softmax over the classes of its inner products with them.
    """
    weights = (prompt @ text.T).softmax(dim=-1)  # [B, C]
    return weights[:, :, None] * prompt[:, None, :]


class ClassEmbedding(nn.Module):
    """Class embeddings of steps 2 and 3, one set per video: ``e = c + p_c``, then ``e + MLP(e)`` (eq. 4-7).

    Args:
        form: How the video's prompt reaches the classes: `released`, what released weights need, `paper`, or `none`.
        dim: Width D.
    """

    def __init__(self, form: PromptForm = "released", dim: int = 512) -> None:
        super().__init__()
        self.class_prompts = {
            "none": without_prompt,
            "released": same_for_every_class,
            "paper": weighted_by_similarity,
        }[form]
        self.mlp = QuickGeluMLP(dim)

    def forward(self, features: Tensor, anomaly_logits: Tensor, text: Tensor) -> Tensor:
        """Adapt the classes to each video.

        Args:
            features: ``[B, T, D]``, what the two branches read.
            anomaly_logits: The classification branch's logits ``[B, T]``.
            text: Class embeddings of step 1 ``[C, D]``.

        Returns:
            ``[B, C, D]``, not normalised.
        """
        embeddings = text + self.class_prompts(text, audio_visual_prompt(features, anomaly_logits))  # [B, C, D]
        output: Tensor = embeddings + self.mlp(embeddings)
        return output
