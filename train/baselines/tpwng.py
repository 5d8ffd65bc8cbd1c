"""TPWNG: text prompts with normality guidance (Yang et al., CVPR 2024, arXiv 2404.08531).

==================  ===================================================================================================
Layers              texts: 8 learned vectors, the same for every class, before the class name, through CLIP's frozen
                    text tower; its last projection is trained
                    S: cosines of rows with texts
                    normal text with visual evidence, per normal video: its rows weighted by the softmax over time of
                    their S with the normal text, joined to that text, 2D -> 4D -> D with GELU, plus the text
                    scores: four blocks (norm first, residuals, dropout 0.1) of attention with 4 heads and MLP
                    D -> 4D -> D with GELU; norm, linear D -> 1; sigmoid. A row attends to itself and to earlier rows,
                    those h rows back with exp(similarity) times clamp((256 + z - h) / 256, 0, 1), where its own span
                    z = length sigmoid(linear D -> 4, one a head)
Parameters          15,767,569 (D = 512); the texts' vectors and projection add 266,240: 16,033,809 in all
Loss terms          ``normal_rank``: max(0, 1 - highest S of a normal video with its text + highest with any other), 1
                    ``abnormal_rank``: max(0, 1 - highest S of an abnormal video with its class + highest with any
                    class that is neither its own nor normal) plus the same with the normal text in its class's place, 1
                    ``divergence``: cosine of an abnormal video's columns of S for its class and the normal text, 1
                    ``smoothness``: sum over an abnormal video of squared steps of S with its class, from 0 to 1, 0.1
                    ``sparsity``: sum over it of that column, 0.01
                    ``classification``: binary cross entropy of scores to pseudo labels, 1; these are 0 in normal
                    videos and elsewhere 1 where psi < 0.35 (UCF-Crime 0.55), psi from 0 to 1 in each video, being
                    0.2 S with the normal text + 0.8 (1 - S with the class), each S from 0 to 1; no gradient
Optimiser           Adam, weight decay 0.005 (in the gradient); learning rate 1e-4 (UCF-Crime 1e-3)
Batch               32 normal and 32 abnormal videos
Pieces              256, padded
Epochs              20 (UCF-Crime 50)
Source              paper, main text; depth, heads, optimiser, rates, epochs, batch and rows only from others' accounts
                    of its supplement (two reimplementations); there is no official code
==================  ===================================================================================================

Inferred: low psi means abnormal (one account says so, its code does the reverse); a row attends to itself; pseudo
labels carry no gradient.

Unknown: the equation of the pseudo labels beyond what both accounts share, the widths of the text's layers, MLP and
dropout, which normal text guides an abnormal video, the scale of S, which normal text stands in which loss, seeds.

Ours:

* The normal text with evidence is meant wherever an abnormal video is compared with the normal text; the mean of the
  batch's normal videos serves them all. Normal videos are compared with the plain one.
* Rows and texts enter the text's layers at their own lengths; vectors start from N(0, 0.02).
* A video of several classes takes, row by row, the highest S among them.
* Terms are means over the videos they speak of, ``classification`` over all valid rows.
* The blocks normalise first; a span is read from a normalised row; there are no positions.
* To train, weights of pairs of rows are computed again on the way back rather than kept, which changes no figure.
* The class map gives abnormal classes score * softmax(S / 0.07), S with the plain texts, and normal the rest; the
  paper tells no classes. ``class_logits`` are its logarithms.

Left out or changed: every crop is a video of its own; long videos are averaged into 256 rows to train and scored in
windows, which the paper does not tell.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from train.baselines.pieces import padded, paired_halves, valid_rows
from train.model.branches import TEMPERATURE, Output
from train.model.clip_text import ClipTextEncoder, prompt_tokens
from train.samples import Batch

if TYPE_CHECKING:
    import open_clip


VECTORS = 8
HEADS = 4
LAYERS = 4
DROPOUT = 0.1
SPAN = 256
GUIDANCE = 0.2
THRESHOLD = 0.35
UCF_THRESHOLD = 0.55
MARGIN = 1.0
SMOOTHNESS_WEIGHT = 0.1
SPARSITY_WEIGHT = 0.01


class PromptedText(nn.Module):
    """Learned vectors and a class name through CLIP's frozen text tower and a projection that is learned.

    Args:
        clip: An open_clip model, shared and frozen.
        prompts: One class name per class, the normal class first.
    """

    start: Tensor
    names: Tensor
    end: Tensor
    mask: Tensor | None

    def __init__(self, clip: "open_clip.CLIP", prompts: Sequence[str]) -> None:
        super().__init__()
        tokens = prompt_tokens(clip, prompts)
        self.encoder = ClipTextEncoder(clip)
        length, mask = self.encoder.sequence(int(tokens.name_lengths.max()) + 2 + VECTORS)
        vectors = 0.02 * torch.randn(VECTORS, tokens.embeddings.shape[-1])
        self.vectors = nn.Parameter(vectors.to(tokens.embeddings))
        self.projection = nn.Parameter(self.encoder.text_projection.detach().clone())
        self.register_buffer("start", tokens.embeddings[:, :1].clone(), persistent=False)
        self.register_buffer("names", tokens.embeddings[:, 1 : length - VECTORS].clone(), persistent=False)
        self.register_buffer("end", self.encoder.read_at(tokens.name_lengths + 1 + VECTORS), persistent=False)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self) -> Tensor:
        """Give the class embeddings ``[C, D]``, not normalised."""
        vectors = self.vectors.expand(len(self.names), -1, -1)
        x = torch.cat([self.start, vectors, self.names], dim=1)
        x = x + self.encoder.positional_embedding[: x.shape[1]]
        x = self.encoder.transformer(x, attn_mask=self.mask)  # [C, L, D]
        return self.encoder.project(x[torch.arange(len(x), device=x.device), self.end], self.projection)


class SpanBlock(nn.Module):
    """Attention to earlier rows within a span that every row sets itself, and MLP.

    Args:
        dim: Width D, a multiple of 4.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.project = nn.Linear(dim, 3 * dim)
        self.span = nn.Linear(dim, HEADS)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(4 * dim, dim)
        )
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Encode rows that are not padding.

        Args:
            x: Rows of all videos ``[N, D]``.
            valid: Where they lie ``[B, T]`` bool; a span is a share of a video's rows.

        Returns:
            ``[N, D]``.
        """
        rows = self.norm(x)
        span = padded(self.span(rows).sigmoid(), valid) * valid.sum(dim=1)[:, None, None]  # [B, T, heads]
        projected = padded(self.project(rows), valid)  # [B, T, 3D]
        if self.training:
            # Four heads of every pair of rows: to keep them for the way back takes more memory than all else.
            attended = checkpoint(span_attention, projected, span, use_reentrant=False, preserve_rng_state=False)
        else:
            attended = span_attention(projected, span)
        x = x + self.dropout(self.out(attended[valid]))
        output: Tensor = x + self.dropout(self.mlp(x))
        return output


def span_attention(projected: Tensor, span: Tensor) -> Tensor:
    """Let rows read earlier ones within their spans.

    Args:
        projected: Queries, keys and values ``[B, T, 3D]``.
        span: Rows that each head of each row looks back ``[B, T, heads]``.

    Returns:
        ``[B, T, D]``.
    """
    batch, rows, heads = span.shape
    query, key, value = projected.view(batch, rows, 3, heads, -1).permute(2, 0, 3, 1, 4)  # [B, heads, T, d] each
    position = torch.arange(rows, device=projected.device)
    back = position[:, None] - position[None, :]  # [T, T]
    similarity = (query @ key.mT / math.sqrt(query.shape[-1])).masked_fill(back < 0, -math.inf)  # [B, heads, T, T]
    # Not as a logarithm in a softmax, whose slope is infinite where the span ends.
    weights = (similarity - similarity.amax(dim=-1, keepdim=True).detach()).exp() * soft_span(span.mT[..., None], back)
    attended: Tensor = (weights / weights.sum(dim=-1, keepdim=True)) @ value
    return attended.transpose(1, 2).reshape(batch, rows, -1)


def soft_span(span: Tensor, back: Tensor, ramp: int = SPAN) -> Tensor:
    """Weigh rows by how far back they are: 1 up to the span, then down to 0 over ``ramp`` rows."""
    return ((ramp + span - back) / ramp).clamp(0, 1)


class TPWNG(nn.Module):
    """The classifier, and what makes its pseudo labels.

    Args:
        threshold: Below which a row of an abnormal video is held for abnormal.
        dim: Width D of the features, a multiple of 4.
    """

    def __init__(self, threshold: float = THRESHOLD, dim: int = 512) -> None:
        super().__init__()
        self.threshold = threshold
        self.evidence = nn.Sequential(nn.Linear(2 * dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.blocks = nn.ModuleList(SpanBlock(dim) for _ in range(LAYERS))
        self.classifier = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 1))

    def text_side(self, clip: "open_clip.CLIP", prompts: Sequence[str]) -> nn.Module:
        """Build the learned vectors and projection around CLIP's frozen tower."""
        return PromptedText(clip, prompts)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: Not read.
            length: Valid rows ``[B]`` int64.
            text: Class embeddings ``[C, D]``, the normal class first.

        Returns:
            Anomaly logits ``[B, T]``, the logarithms of the class map ``[B, T, C]``, and what the classifier reads as
            features ``[B, T, D]``, zero past the length.
        """
        features = self._encode(visual, valid_rows(visual, length))
        logits = self.classifier(features).squeeze(-1)
        return Output(logits, log_class_map(logits, cosines(visual, text)), features, None)

    def losses(self, batch: Batch, text: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms of a paired batch, unweighted, and their weighted ``total``.

        Args:
            batch: What `forward` reads, and the labels.
            text: Class embeddings ``[C, D]`` with their graph.

        Raises:
            InputError: If the batch does not hold as many normal as abnormal videos.
        """
        normal, abnormal = paired_halves(batch.labels)
        valid = valid_rows(batch.visual, batch.length)
        guide = self.normal_with_evidence(batch.visual[normal], valid[normal], text[0]).mean(dim=0)  # [D]
        to_texts = cosines(batch.visual, text)  # [B, T, C]
        of_class = to_texts[abnormal].masked_fill(batch.labels[abnormal, None] == 0, -math.inf).amax(dim=-1)  # [n, T]
        of_normal = cosines(batch.visual[abnormal], guide[None]).squeeze(-1)  # [n, T]
        held = valid[abnormal]
        scaled = zero_to_one(of_class, held)
        labels = torch.zeros_like(to_texts[..., 0])
        labels[abnormal] = pseudo_labels(of_class.detach(), of_normal.detach(), held, self.threshold)
        logits = self.classifier(self._encode(batch.visual, valid)).squeeze(-1)
        losses = {
            "normal_rank": normal_rank(to_texts[normal], valid[normal]),
            "abnormal_rank": abnormal_rank(to_texts[abnormal], of_class, of_normal, batch.labels[abnormal], held),
            "divergence": divergence(of_class, of_normal, held),
            "smoothness": _steps(scaled, held).square().sum(dim=1).mean(),
            "sparsity": scaled.sum(dim=1).mean(),
            "classification": F.binary_cross_entropy_with_logits(logits[valid], labels[valid]),
        }
        total = (
            losses["normal_rank"]
            + losses["abnormal_rank"]
            + losses["divergence"]
            + SMOOTHNESS_WEIGHT * losses["smoothness"]
            + SPARSITY_WEIGHT * losses["sparsity"]
            + losses["classification"]
        )
        return losses | {"total": total}

    def normal_with_evidence(self, visual: Tensor, valid: Tensor, normal: Tensor) -> Tensor:
        """Adapt the normal text ``[D]`` to normal videos ``[n, T, D]`` with ``valid`` rows ``[n, T]``: ``[n, D]``."""
        match = cosines(visual, normal[None]).squeeze(-1).masked_fill(~valid, -math.inf)
        evidence = torch.einsum("nt,ntd->nd", match.softmax(dim=1), visual)
        output: Tensor = self.evidence(torch.cat([normal.expand_as(evidence), evidence], dim=-1)) + normal
        return output

    def _encode(self, visual: Tensor, valid: Tensor) -> Tensor:
        x = visual[valid]
        for block in self.blocks:
            x = block(x, valid)
        return padded(x, valid)


def cosines(visual: Tensor, text: Tensor) -> Tensor:
    """Compare rows ``[B, T, D]`` with texts ``[C, D]``: ``[B, T, C]``."""
    return F.normalize(visual, dim=-1) @ F.normalize(text, dim=-1).T


def zero_to_one(values: Tensor, valid: Tensor) -> Tensor:
    """Stretch each video's ``valid`` values ``[B, T]`` to 0..1, to zeros where they are all alike; the others are 0."""
    low = values.masked_fill(~valid, math.inf).amin(dim=1, keepdim=True)
    high = values.masked_fill(~valid, -math.inf).amax(dim=1, keepdim=True)
    width = high - low
    stretched = (values - low) / torch.where(width > 0, width, 1.0)
    return stretched.masked_fill(~valid, 0.0)


def pseudo_labels(of_class: Tensor, of_normal: Tensor, valid: Tensor, threshold: float) -> Tensor:
    """Label the rows of abnormal videos.

    Args:
        of_class: S with the video's class ``[B, T]``.
        of_normal: S with the normal text ``[B, T]``.
        valid: ``[B, T]`` bool.
        threshold: Below it a row is abnormal.

    Returns:
        ``[B, T]``: 1 for abnormal rows, else 0.
    """
    mixed = GUIDANCE * zero_to_one(of_normal, valid) + (1 - GUIDANCE) * (1 - zero_to_one(of_class, valid))
    return ((zero_to_one(mixed, valid) < threshold) & valid).to(of_class.dtype)


def normal_rank(to_texts: Tensor, valid: Tensor) -> Tensor:
    """Ask of normal videos that the normal text fits one row better than any other text fits any.

    Args:
        to_texts: S ``[n, T, C]``.
        valid: ``[n, T]`` bool.
    """
    highest = to_texts.masked_fill(~valid[:, :, None], -math.inf).amax(dim=1)  # [n, C]
    return F.relu(MARGIN - highest[:, 0] + highest[:, 1:].amax(dim=1)).mean()


def abnormal_rank(to_texts: Tensor, of_class: Tensor, of_normal: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    """Ask of abnormal videos that their class and the normal text each fit one row better than others fit any.

    Args:
        to_texts: S ``[n, T, C]``.
        of_class: S with the video's class ``[n, T]``.
        of_normal: S with the normal text ``[n, T]``.
        labels: Raw 0/1 rows ``[n, C]``.
        valid: ``[n, T]`` bool.

    Returns:
        A scalar; a video that has all abnormal classes gives 0.
    """
    is_other = (labels == 0) & (torch.arange(labels.shape[1], device=labels.device) > 0)  # [n, C]
    others = to_texts.masked_fill(~(valid[:, :, None] & is_other[:, None]), -math.inf).amax(dim=(1, 2))  # [n]
    hinges = (F.relu(MARGIN - own.masked_fill(~valid, -math.inf).amax(dim=1) + others) for own in (of_class, of_normal))
    return sum(hinges, start=torch.zeros_like(others)).mean()


def divergence(of_class: Tensor, of_normal: Tensor, valid: Tensor) -> Tensor:
    """Mean cosine of two similarities ``[n, T]`` over the ``valid`` rows ``[n, T]`` of each video."""
    one, other = (rows.masked_fill(~valid, 0.0) for rows in (of_class, of_normal))
    return F.cosine_similarity(one, other, dim=1).mean()


def log_class_map(anomaly_logits: Tensor, to_texts: Tensor) -> Tensor:
    """Share each row's score among the abnormal classes as its texts tell, and leave the rest to normal.

    Args:
        anomaly_logits: ``[B, T]``.
        to_texts: S ``[B, T, C]``, the normal class first.

    Returns:
        ``[B, T, C]``: logarithms of probabilities that sum to 1.
    """
    shares = (to_texts / TEMPERATURE).log_softmax(dim=-1)
    score, harmless = F.logsigmoid(anomaly_logits)[..., None], F.logsigmoid(-anomaly_logits)[..., None]
    return torch.cat([torch.logaddexp(harmless, score + shares[..., :1]), score + shares[..., 1:]], dim=-1)


def _steps(values: Tensor, valid: Tensor) -> Tensor:
    return values.diff(dim=1).masked_fill(~valid[:, 1:], 0.0)
