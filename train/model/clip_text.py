"""The text side of CLIP, frozen: from prompts to token embeddings, and from those to class embeddings.

The model is built elsewhere (open_clip's ``ViT-B-16-quickgelu`` or another of its models); nothing here loads weights.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import open_clip


class PromptTokens(NamedTuple):
    """Prompts as CLIP's text transformer receives them.

    Attributes:
        embeddings: Token embeddings without positions ``[C, L, W]``: start token, the name's tokens, end token,
            then whatever the tokeniser pads with. L is 77 for OpenAI's CLIP.
        name_lengths: Tokens of each name, start and end not counted, ``[C]`` int64.
    """

    embeddings: Tensor
    name_lengths: Tensor


@torch.no_grad()
def prompt_tokens(clip: "open_clip.CLIP", prompts: Sequence[str]) -> PromptTokens:
    """Tokenise prompts with CLIP's byte-pair vocabulary and look up their embeddings.

    Args:
        clip: An open_clip model. One with another vocabulary must be untrained; then any numbering of words is as good.
        prompts: Bare class names, such as ``car accident``; the tokeniser lower-cases them.
    """
    # Scoring a checkpoint imports this module but needs no tokeniser, and open_clip is slow to import.
    import open_clip

    tower = _text_tower(clip)
    weight: Tensor = tower.token_embedding.weight
    tokens: Tensor = open_clip.tokenize(list(prompts), tower.context_length).to(weight.device)  # [C, L]
    # The end token has the highest id of the vocabulary.
    return PromptTokens(weight[tokens % len(weight)], tokens.argmax(dim=1) - 1)


class ClipTextEncoder(nn.Module):
    """CLIP's text transformer, from token embeddings to projected embeddings, its weights frozen.

    Gradients pass through to the input. The modules of ``clip`` are shared, not copied, and their
    parameters are set not to require gradients.

    Args:
        clip: An open_clip model; its text side is used, its token embedding is not.

    Attributes:
        is_causal: Whether a token reads those before it alone, as in OpenAI's CLIP. MobileCLIP's and SigLIP's tokens
            read the whole sequence, padding too.
        reads_last: Whether the last position of a sequence is what is read, in place of the end token.
    """

    projection_bias: nn.Parameter | None

    def __init__(self, clip: "open_clip.CLIP") -> None:
        super().__init__()
        tower = _text_tower(clip)
        self.transformer: nn.Module = tower.transformer
        self.ln_final: nn.Module = tower.ln_final
        self.positional_embedding: nn.Parameter = tower.positional_embedding
        self.text_projection: nn.Parameter = _projection(tower)
        bias = getattr(tower.text_projection, "bias", None)
        self.register_parameter("projection_bias", bias)
        self.is_causal = tower.attn_mask is not None
        self.reads_last: bool = getattr(tower, "pool_type", getattr(tower, "text_pool_type", "argmax")) == "last"
        self.requires_grad_(False)

    def sequence(self, longest: int) -> tuple[int, Tensor | None]:
        """Say how much of a sequence has to be read, and what each of its tokens may read.

        Args:
            longest: Tokens of the longest sequence, its end token included.

        Returns:
            Tokens L to read, and what each (row) may attend to ``[L, L]``: 0, or -inf where it may not; ``None``
            where all read all.
        """
        if self.is_causal:
            # Nothing behind the end token is read.
            return longest, torch.full((longest, longest), -math.inf).triu(1)
        return len(self.positional_embedding), None

    def read_at(self, end: Tensor) -> Tensor:
        """Give the positions ``[C]`` that class embeddings are read from, for those of the end tokens ``[C]``."""
        return torch.full_like(end, len(self.positional_embedding) - 1) if self.reads_last else end

    def project(self, x: Tensor, projection: Tensor | None = None) -> Tensor:
        """Normalise and project tokens ``[C, W]`` to ``[C, D]``, by ``projection`` ``[W, D]`` in place of its own."""
        output: Tensor = self.ln_final(x) @ (self.text_projection if projection is None else projection)
        return output if self.projection_bias is None else output + self.projection_bias

    def forward(self, embeddings: Tensor, position: Tensor, mask: Tensor | None, end: Tensor) -> Tensor:
        """Encode token embeddings that lie one after another, whatever sequences they form.

        Args:
            embeddings: ``[S, W]`` without positions.
            position: Place of each token in its sequence ``[S]`` int64, from 0.
            mask: What each token (row) may attend to: 0, or -inf where it may not, ``[S, S]``. Attention is causal, so
                a sequence needs nothing behind its end token, and sequences that begin alike may share those tokens.
                ``None`` for whole sequences of equal length, in each of which all tokens attend to all.
            end: Index of the token of each sequence that is read ``[C]`` int64.

        Returns:
            ``[C, D]``, projected into the space shared with images, not normalised.
        """
        x = embeddings + self.positional_embedding[position]
        if mask is None:
            whole = x.view(-1, len(self.positional_embedding), x.shape[-1])  # [C, L, W]
            x = self.transformer(whole, attn_mask=None).flatten(0, 1)
        else:
            x = self.transformer(x[None], attn_mask=mask)[0]  # [S, W]
        return self.project(x[end])


def _text_tower(clip: Any) -> Any:
    # Models of another text tower than OpenAI's have it as a part of its own.
    return getattr(clip, "text", clip)


def _projection(tower: Any) -> nn.Parameter:
    projection = tower.text_projection
    if projection is None:
        return nn.Parameter(torch.eye(tower.positional_embedding.shape[1]))
    return nn.Parameter(projection.weight.T) if isinstance(projection, nn.Linear) else projection
