"""DSANet: VadCLIP with adapted texts, a branch that rebuilds normal rows, and event against background.

Yin et al., AAAI 2026, arXiv 2511.10334.

==================  ===================================================================================================
Layers              rows -> V as VadCLIP's (positions, transformer of one head, similarity and distance graphs); logit
                    of a row: linear D -> 1 over V + MLP(V); class logits: cosines of V with texts that hold the
                    video's vector, / 0.07, as VadCLIP's
                    texts: each class name through CLIP's frozen text tower without a template; after each of the first
                    L blocks a linear D -> D without bias, leaky ReLU (0.01), brought to its input's length and mixed
                    in by a share w; one more such layer over the end token in place of CLIP's projection; unit length
                    normality branch, to train only: 16 prototypes (D) attend (8 heads, MLP D -> 4D -> D with GELU,
                    norms before both, residuals round both) to the int(0.8 T) rows of lowest score, which get no
                    gradient; V through a bottleneck D -> 4D -> D (QuickGELU, no residual) and 8 blocks whose rows read
                    the prototypes by ReLU(scale cos(query, key)), 8 heads, no softmax and no residual, then an MLP
                    as above with a residual: the rebuilt V
Parameters          39,929,921 (D = 512, XD-Violence), of which 30,479,424 are the normality branch's; the texts' two
                    adapters add 524,288: 40,454,209 in all
                    UCF-Crime 43,082,305, the texts' four adapters add 1,048,576: 44,130,881 in all
Loss terms          ``classification``: binary cross entropy of each video's mean top-k score, k = floor(length / 16)
                    + 1, weight 1
                    ``alignment``: cross entropy of each class's mean top-k logit with the labels made to sum to 1,
                    5 (XD-Violence), 1.1 (UCF-Crime)
                    ``text_separation``: mean absolute cosine between the normal text and the others, 1
                    ``event``: cross entropy of cos(sum_t e_t V_t, text) / 0.07 with 0.9 labels + 0.1 / C, 1;
                    e_t as exp(10 score_t) - 1, sum 1
                    ``background``: the same with b_t as exp(10 (1 - score_t)) - 1 and, for every video, the target
                    (1, 0.01, ..., 0.01), made to sum to 1 before it is smoothed, 1
                    ``consistency``: mean over valid rows of (score - (1 - cos(V, rebuilt V)) / 2)^2, 1
                    ``compactness``: mean over the rows chosen of the lowest 1 - cos to a prototype, 1
Optimiser           AdamW, learning rate 1e-5 (UCF-Crime 7e-5), weight decay 0.01, along half a cosine that would reach
                    0 after 10 epochs; the normality branch's is StableAdamW with AMSGrad, weight decay 1e-4, eps 1e-10,
                    same highest rate after 100 steps, then down along half a cosine to a tenth (UCF-Crime's is planned
                    for 2,510 steps of which 1,250 are taken)
Batch               96 videos, shuffled; UCF-Crime 64 normal and 64 abnormal
Pieces              256, padded
Epochs              10, seed 234
Source              the authors' released training code (model, adapters, normality branch, losses, options of both
                    sets); the paper's abstract and introduction
==================  ===================================================================================================

The class map is p(normal) = 1 - sigmoid(logit / t) and p(c) = sigmoid(logit / t) times the class's share among the
abnormal ones of softmax(class logits / t), t = 1 (XD-Violence), 5 (UCF-Crime); ``class_logits`` are its logarithms.

Where the paper (as others report it) and the released code differ, ``form: released`` is the code. ``form: paper``
changes two things: e is the softmax of the scores over the video's rows and b is 1 - e; and no row past a video's
length enters anything. In the code such rows enter the attention, the distance graph, e, b, the rows chosen and the
video's vector. The code's separation loss is a mean, the paper's a sum; the code has no residual round attention in
any decoder block, the paper in all but the first: both are the code's in either form.

Unknown: how many runs the reported figures are the mean of.

Left out or changed:

* ``consistency`` and the others are computed over the whole batch; decoder blocks are computed again on the way back
  rather than kept, which changes no figure.
* The cache of the released test, whose texts are those of its first call, is left out: texts are always fresh.
* A weight that no output depends on (the distance graph's ``sigma``) does not exist.
* Where e or b would be all zero, its sum is held above 1e-8 (ours).
* The released code keeps the weights that are best on the test set; here ``selection`` says which.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from train.baselines.pieces import valid_rows
from train.model.branches import TEMPERATURE, DualBranch, Output
from train.model.clip_text import ClipTextEncoder, prompt_tokens
from train.model.layers import QuickGeluMLP
from train.model.losses import AlignmentLoss, classification_loss, mil_align, text_separation_loss
from train.model.temporal_adapter import BlockLocalLayer, TemporalAdapter, similarity_adjacency
from train.optimisers import Several, StableAdamW, recipe_optimiser
from train.samples import Batch
from train.settings import Recipe

if TYPE_CHECKING:
    import open_clip


PROTOTYPES = 16
HEADS = 8
BLOCKS = 8
NORM_EPS = 1e-8
LEAST_SUM = 1e-8
EVENT_SHARPNESS = 10.0
LABEL_SMOOTHING = 0.1
BACKGROUND_OTHERS = 0.01
WARM_UP = 100
NORMALITY_DECAY = 1e-4

Form = Literal["released", "paper"]


@dataclass(frozen=True)
class Preset:
    """What the released code sets by data set.

    Attributes:
        layers: Transformer layers.
        window: Rows of a block of their attention.
        text_blocks: Text blocks that an adapter follows.
        text_share: Share of an adapter's output in what the next block reads.
        alignment_weight: Weight of that loss term.
        temperature: Of the class map.
        planned: Steps that the normality branch's rate is planned for, by the steps that are taken.
    """

    layers: int
    window: int
    text_blocks: int
    text_share: float
    alignment_weight: float
    temperature: float
    planned: float


XD = Preset(1, 64, 1, 0.6, 5.0, 1.0, 1.0)
UCF = Preset(2, 8, 3, 0.1, 1.1, 5.0, 2510 / 1250)


class AdaptedText(nn.Module):
    """Class names through CLIP's frozen text tower with learned adapters in it.

    Args:
        clip: An open_clip model, shared and frozen.
        prompts: One class name per class, the normal class first.
        blocks: Text blocks that an adapter follows, from the first.
        share: Share w of an adapter's output in what the next block reads.
    """

    embeddings: Tensor
    end: Tensor
    mask: Tensor | None

    def __init__(self, clip: "open_clip.CLIP", prompts: Sequence[str], blocks: int, share: float) -> None:
        super().__init__()
        tokens = prompt_tokens(clip, prompts)
        dim = tokens.embeddings.shape[-1]
        self.share = share
        self.encoder = ClipTextEncoder(clip)
        length, mask = self.encoder.sequence(int(tokens.name_lengths.max()) + 2)
        self.adapters = nn.ModuleList(nn.Linear(dim, dim, bias=False) for _ in range(blocks))
        self.last = nn.Linear(dim, self.encoder.text_projection.shape[1], bias=False)
        for adapter in (*self.adapters, self.last):
            nn.init.xavier_uniform_(adapter.weight)
        self.register_buffer("embeddings", tokens.embeddings[:, :length].clone(), persistent=False)
        self.register_buffer("end", self.encoder.read_at(tokens.name_lengths + 1), persistent=False)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self) -> Tensor:
        """Give the class embeddings ``[C, D]`` of unit length."""
        x = self.embeddings + self.encoder.positional_embedding[: self.embeddings.shape[1]]  # [C, L, D]
        for number, block in enumerate(self.encoder.transformer.resblocks):  # type: ignore[arg-type]
            x = block(x, attn_mask=self.mask)
            if number < len(self.adapters):
                x = mix_in(x, F.leaky_relu(self.adapters[number](x)), self.share)
        ends: Tensor = self.encoder.ln_final(x[torch.arange(len(x), device=x.device), self.end])
        return F.normalize(F.leaky_relu(self.last(ends)), dim=-1)


def mix_in(x: Tensor, adapted: Tensor, share: float) -> Tensor:
    """Mix a share of adapted tokens ``[..., D]``, each brought to the length of the token it came from, into ``x``."""
    adapted = adapted * x.norm(dim=-1, keepdim=True) / (adapted.norm(dim=-1, keepdim=True) + 1e-6)
    return share * adapted + (1 - share) * x


class UnpaddedTemporalAdapter(TemporalAdapter):
    """VadCLIP's temporal encoder, in which no row past a video's length is read."""

    def forward(self, visual: Tensor, length: Tensor) -> Tensor:
        """Encode ``[B, T, D]`` to the same shape, zero past the length."""
        valid = valid_rows(visual, length)  # [B, T]
        padding = ~valid[:, :, None]
        x = visual + self.position_embedding
        for layer in self.transformer:
            x = _within_length(layer, x, valid)  # type: ignore[arg-type]
        x = x.masked_fill(padding, 0.0)
        alike = self.similarity(x, similarity_adjacency(x, length))  # [B, T, D/2]
        near = self.distance(x, self.distance_adjacency * valid[:, None, :])  # [B, T, D/2]
        output: Tensor = self.linear(torch.cat([alike, near], dim=-1))
        return output.masked_fill(padding, 0.0)


def _within_length(layer: BlockLocalLayer, x: Tensor, valid: Tensor) -> Tensor:
    dim = x.shape[-1]
    normal = layer.ln_1(x)
    projected = F.linear(normal, layer.attn.in_proj_weight, layer.attn.in_proj_bias)
    query, key, value = projected.view(-1, layer.window, 3 * dim).chunk(3, dim=-1)  # [N, W, D] each
    held = valid.view(-1, 1, layer.window)  # [N, 1, W]
    # A block of nothing but padding reads itself; what comes of it is set to zero in the end.
    similarity = (query @ key.mT / math.sqrt(dim)).masked_fill(~held & held.any(dim=-1, keepdim=True), -math.inf)
    x = x + layer.attn.out_proj((similarity.softmax(dim=-1) @ value).view(x.shape))
    output: Tensor = x + layer.mlp(layer.ln_2(x))
    return output


class Aggregation(nn.Module):
    """Lets prototypes read rows: attention and MLP with residuals, norms before both.

    Args:
        dim: Width D, a multiple of 8.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp = _mlp(dim)

    def forward(self, prototypes: Tensor, rows: Tensor, chosen: Tensor) -> Tensor:
        """Map prototypes ``[B, P, D]`` to the same shape by the ``chosen`` ``[B, T]`` of rows ``[B, T, D]``."""
        query = _heads(self.query(self.norm(prototypes)))  # [B, heads, P, d]
        key, value = (_heads(part) for part in self.key_value(self.norm(rows)).chunk(2, dim=-1))  # [B, heads, T, d]
        similarity = (query @ key.mT / math.sqrt(query.shape[-1])).masked_fill(~chosen[:, None, None], -math.inf)
        prototypes = prototypes + self.out((similarity.softmax(dim=-1) @ value).transpose(1, 2).flatten(2))
        output: Tensor = prototypes + self.mlp(prototypes)
        return output


class Rebuilding(nn.Module):
    """Makes rows anew from the prototypes they resemble; an MLP with a residual follows.

    Args:
        dim: Width D, a multiple of 8.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, eps=NORM_EPS)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.scale = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.mlp = _mlp(dim)

    def forward(self, x: Tensor, prototypes: Tensor) -> Tensor:
        """Map ``[B, T, D]`` to the same shape by prototypes ``[B, P, D]``."""
        query = F.normalize(_heads(self.query(self.norm(x))), dim=-1)  # [B, heads, T, d]
        key, value = (_heads(part) for part in self.key_value(self.norm(prototypes)).chunk(2, dim=-1))
        weights = F.relu(query @ F.normalize(key, dim=-1).mT * self.scale)  # [B, heads, T, P]
        x = self.out((weights @ value).transpose(1, 2).flatten(2))
        output: Tensor = x + self.mlp(x)
        return output


class Normality(nn.Module):
    """The branch that rebuilds rows from a video's own least suspicious ones.

    Args:
        dim: Width D, a multiple of 8.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(PROTOTYPES, dim))
        self.aggregation = Aggregation(dim)
        self.bottleneck = QuickGeluMLP(dim)
        self.decoder = nn.ModuleList(Rebuilding(dim) for _ in range(BLOCKS))
        self.apply(_small_weights)

    def forward(self, features: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Rebuild a batch.

        Args:
            features: V ``[B, T, D]``.
            chosen: The rows held for normal ``[B, T]`` bool.

        Returns:
            The rebuilt rows ``[B, T, D]``, and the cosine of every row, without its gradient, with the prototype
            nearest to it ``[B, T]``.
        """
        read = features.detach()
        prototypes = self.aggregation(self.prototypes.expand(len(features), -1, -1), read, chosen)  # [B, P, D]
        x = self.bottleneck(features)
        for block in self.decoder:
            x = checkpoint(block, x, prototypes, use_reentrant=False)
        nearest = (F.normalize(read, dim=-1) @ F.normalize(prototypes, dim=-1).mT).max(dim=-1).values
        return x, nearest


class DSANet(nn.Module):
    """VadCLIP's network, and the branch that trains it to know what is normal.

    Args:
        preset: What depends on the data set.
        max_snippets: Rows T of every input, padding included.
        form: See the module.
        dim: Width D of the features, a multiple of 8.
        layers: In place of the preset's.
        window: In place of the preset's.

    Raises:
        InputError: If the window does not divide ``max_snippets``.
    """

    def __init__(
        self,
        preset: Preset = XD,
        max_snippets: int = 256,
        form: Form = "released",
        dim: int = 512,
        layers: int = 0,
        window: int = 0,
    ) -> None:
        super().__init__()
        preset = replace(preset, layers=layers or preset.layers, window=window or preset.window)
        self.preset = preset
        self.form = form
        temporal = TemporalAdapter if form == "released" else UnpaddedTemporalAdapter
        self.temporal = temporal(max_snippets, preset.layers, preset.window, dim)
        self.branches = DualBranch("released", dim)
        self.normality = Normality(dim)
        self.alignment = AlignmentLoss()

    def text_side(self, clip: "open_clip.CLIP", prompts: Sequence[str]) -> nn.Module:
        """Build the texts' adapters around CLIP's frozen tower."""
        return AdaptedText(clip, prompts, self.preset.text_blocks, self.preset.text_share)

    def optimiser(
        self, text_side: Sequence[nn.Parameter], recipe: Recipe, steps_an_epoch: int
    ) -> torch.optim.Optimizer:
        """Build the recipe's optimiser of everything but the normality branch, and that branch's own."""
        taken = {id(parameter) for parameter in self.normality.parameters()}
        others = [parameter for parameter in self.parameters() if id(parameter) not in taken]
        branch = StableAdamW(
            self.normality.parameters(),
            learning_rate=recipe.learning_rate,
            weight_decay=NORMALITY_DECAY,
            warm_up=WARM_UP,
            steps=round(self.preset.planned * steps_an_epoch * recipe.epochs),
        )
        return Several([recipe_optimiser([{"params": [*others, *text_side]}], recipe), branch])

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score a batch; the normality branch takes no part.

        Args:
            visual: ``[B, T, D]``, zero past the length.
            audio: Not read.
            length: Valid rows ``[B]`` int64.
            text: Class embeddings of unit length ``[C, D]``.

        Returns:
            Anomaly logits ``[B, T]``, the logarithms of the class map ``[B, T, C]``, and V as features ``[B, T, D]``.
        """
        features = self.temporal(visual, length)
        anomaly_logits, class_logits = self.branches(features, text)
        class_map = log_class_map(anomaly_logits, class_logits, self.preset.temperature)
        return Output(anomaly_logits, class_map, features, None)

    def losses(self, batch: Batch, text: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms of any batch, unweighted, and their weighted ``total``.

        Args:
            batch: What `forward` reads, and the labels.
            text: Class embeddings of unit length ``[C, D]``.
        """
        features = self.temporal(batch.visual, batch.length)
        anomaly_logits, class_logits = self.branches(features, text)
        scores = anomaly_logits.sigmoid()  # [B, T]
        valid = valid_rows(features, batch.length)
        read = valid if self.form == "paper" else torch.ones_like(valid)
        event, background = (
            part_logits(features, weights, text) for weights in event_weights(scores, read, self.form)
        )  # [B, C] each
        chosen = least_suspicious(scores, read)
        rebuilt, nearest = self.normality(features, chosen)
        deviation = (1 - F.cosine_similarity(features, rebuilt, dim=-1)) / 2  # [B, T]
        labels = batch.labels / batch.labels.sum(dim=-1, keepdim=True)
        losses = {
            "classification": classification_loss(anomaly_logits, batch.labels, batch.length),
            "alignment": self.alignment(class_logits, batch.labels, batch.length),
            "text_separation": text_separation_loss(text),
            "event": mil_align(event, smooth(labels)),
            "background": mil_align(background, background_target(background)),
            "consistency": _mean((scores - deviation).square(), valid),
            "compactness": _mean(1 - nearest, chosen),
        }
        total = sum(losses.values(), start=(self.preset.alignment_weight - 1) * losses["alignment"])
        return losses | {"total": total}


class DSANetUCF(DSANet):
    """The same with what the released code sets for UCF-Crime.

    Args:
        max_snippets: As `DSANet`'s, as are the others.
        dim: As said.
        layers: As said.
        window: As said.
    """

    def __init__(self, max_snippets: int = 256, dim: int = 512, layers: int = 0, window: int = 0) -> None:
        super().__init__(UCF, max_snippets, dim=dim, layers=layers, window=window)


def log_class_map(anomaly_logits: Tensor, class_logits: Tensor, temperature: float) -> Tensor:
    """Share a row's probability of being abnormal among the abnormal classes.

    Args:
        anomaly_logits: ``[B, T]``.
        class_logits: ``[B, T, C]``, the normal class first.
        temperature: Divides both.

    Returns:
        ``[B, T, C]``: logarithms of probabilities that sum to 1.
    """
    logits = anomaly_logits[..., None] / temperature
    abnormal = F.logsigmoid(logits) + (class_logits[..., 1:] / temperature).log_softmax(dim=-1)
    return torch.cat([F.logsigmoid(-logits), abnormal], dim=-1)


def event_weights(scores: Tensor, read: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    """Give the weights of rows in a video's event and in its background.

    Args:
        scores: ``[B, T]`` in 0..1.
        read: Rows that may have a weight ``[B, T]`` bool.
        form: See the module.

    Returns:
        ``[B, T]`` each; the released form's sum to 1.
    """
    if form == "paper":
        event = scores.masked_fill(~read, -math.inf).softmax(dim=1)
        return event, (1 - event).masked_fill(~read, 0.0)
    event, background = (torch.expm1(EVENT_SHARPNESS * part).masked_fill(~read, 0.0) for part in (scores, 1 - scores))
    return _sum_to_one(event), _sum_to_one(background)


def part_logits(features: Tensor, weights: Tensor, text: Tensor) -> Tensor:
    """Compare a part of each video with the classes.

    Args:
        features: V ``[B, T, D]``.
        weights: Of the rows ``[B, T]``.
        text: ``[C, D]``.

    Returns:
        Cosines of the weighted sums with the texts, divided by the temperature ``[B, C]``.
    """
    part = torch.einsum("bt,btd->bd", weights, features)
    return F.normalize(part, dim=-1) @ F.normalize(text, dim=-1).T / TEMPERATURE


def least_suspicious(scores: Tensor, read: Tensor) -> Tensor:
    """Choose the four fifths of the rows ``read`` ``[B, T]`` that score lowest, rounded down, at least one."""
    count = (read.sum(dim=1) * 4 // 5).clamp(min=1)
    order = scores.detach().masked_fill(~read, math.inf).argsort(dim=1, stable=True)
    return order.argsort(dim=1) < count[:, None]


def smooth(target: Tensor) -> Tensor:
    """Give a tenth of label rows ``[B, C]`` that sum to 1 to all classes alike."""
    return (1 - LABEL_SMOOTHING) * target + LABEL_SMOOTHING / target.shape[-1]


def background_target(logits: Tensor) -> Tensor:
    """Give the background's label rows for logits ``[B, C]``: nearly all normal, whatever the video."""
    target = torch.full_like(logits, BACKGROUND_OTHERS)
    target[:, 0] = 1
    return smooth(target / target.sum(dim=-1, keepdim=True))


def _sum_to_one(weights: Tensor) -> Tensor:
    return weights / (weights.sum(dim=1, keepdim=True) + LEAST_SUM)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    return values.masked_fill(~counted, 0.0).sum() / counted.sum()


def _heads(x: Tensor) -> Tensor:
    return x.reshape(*x.shape[:-1], HEADS, -1).transpose(1, 2)


def _mlp(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(dim, eps=NORM_EPS), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))


def _small_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.01, a=-0.03, b=0.03)
        nn.init.zeros_(module.bias)
