"""The text side of CLIP, frozen: from prompts to token embeddings, and from those to class embeddings.

The model is built elsewhere (open_clip's ``ViT-B-16-quickgelu``); nothing here loads weights.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import open_clip


class PromptTokens(NamedTuple):
    """Prompts as CLIP's text transformer receives them.

    Attributes:
        embeddings: Token embeddings without positions ``[C, 77, D]``: start token, the name's tokens, end token,
            then whatever the tokeniser pads with.
        name_lengths: Tokens of each name, start and end not counted, ``[C]`` int64.
    """

    embeddings: Tensor
    name_lengths: Tensor


@torch.no_grad()
def prompt_tokens(clip: "open_clip.CLIP", prompts: Sequence[str]) -> PromptTokens:
    """Tokenise prompts with CLIP's byte-pair vocabulary and look up their embeddings.

    Args:
        clip: An open_clip model with a ``token_embedding``.
        prompts: Bare class names, such as ``car accident``; the tokeniser lower-cases them.
    """
    # Scoring a checkpoint imports this module but needs no tokeniser, and open_clip is slow to import.
    import open_clip

    weight: Tensor = clip.token_embedding.weight
    tokens: Tensor = open_clip.tokenize(list(prompts)).to(weight.device)  # [C, 77]
    # The end token has the highest id of the vocabulary.
    return PromptTokens(weight[tokens], tokens.argmax(dim=1) - 1)


class ClipTextEncoder(nn.Module):
    """CLIP's causal text transformer, from token embeddings to projected embeddings, its weights frozen.

    Gradients pass through to the input. The modules of ``clip`` are shared, not copied, and their
    parameters are set not to require gradients.

    Args:
        clip: An open_clip model; its text side is used, its token embedding is not.
    """

    def __init__(self, clip: "open_clip.CLIP") -> None:
        super().__init__()
        self.transformer: nn.Module = clip.transformer
        self.ln_final: nn.Module = clip.ln_final
        self.positional_embedding: nn.Parameter = clip.positional_embedding
        self.text_projection: nn.Parameter = clip.text_projection
        self.requires_grad_(False)

    def forward(self, embeddings: Tensor, position: Tensor, mask: Tensor, end: Tensor) -> Tensor:
        """Encode token embeddings that lie one after another, whatever sequences they form.

        Args:
            embeddings: ``[S, D]`` without positions.
            position: Place of each token in its sequence ``[S]`` int64, 0 to 76.
            mask: What each token (row) may attend to: 0, or -inf where it may not, ``[S, S]``. Attention is causal, so
                a sequence needs nothing behind its end token, and sequences that begin alike may share those tokens.
            end: Index of each sequence's end token ``[C]`` int64.

        Returns:
            ``[C, D]``, projected into the space shared with images, not normalised.
        """
        x = embeddings + self.positional_embedding[position]
        x = self.transformer(x[None], attn_mask=mask)[0]  # [S, D]
        output: Tensor = self.ln_final(x[end]) @ self.text_projection
        return output
