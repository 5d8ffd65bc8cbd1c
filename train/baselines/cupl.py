"""CUPL: complete and certain pseudo labels (Zhang et al., CVPR 2023, arXiv 2212.04090), audio-visual.

==================  ===================================================================================================
Layers              first phase, over each row (visual and audio joined, D): linear D -> 512, ReLU, dropout 0.6; linear
                    512 -> 32, dropout 0.6; 3 heads, linear 32 -> 1, sigmoid; the score is the mean of the heads
                    second phase, over each row beside the mean of the up to 5 rows before it (the first row's is
                    itself), 2D: linear 2D -> 512, ReLU, dropout 0.8; linear 512 -> 32, dropout 0.8; linear 32 -> 2;
                    softmax. There are three, one a round; each learns from what the one before it scores
Parameters          3,738,025 (D = 512 + 512): 541,315 of the first phase and 1,065,570 of each round
Loss terms          first phase: ``ranking``: mean over pairs of max(0, 1 - score of the abnormal video + score of
                    the normal one), a video's score being the mean of its highest 7 of 224 pieces, weight 1;
                    ``diversity``: mean over pairs of heads of the cosine of their softmax over time, 0.2;
                    ``norm``: mean distance of each head's mean score from the heads' average, 0.2;
                    ``sparsity``: mean score of abnormal videos, 0.01
                    rounds: ``certain``: binary cross entropy of p(class 1) to the pseudo label over the rows chosen,
                    1. Pseudo labels: the scores of the phase before, from 0 to 1 in each abnormal video, 0 in normal
                    ones; chosen are the half of a video's rows whose score varies least over 20 passes with
                    dropout, the earlier of equals
Optimiser           first phase Adagrad, learning rate 0.01, weight decay 0.001, gradient norm at most 10; rounds Adam,
                    a hundredth of that rate (1e-4)
Batch               40 normal and 40 abnormal videos
Pieces              224 in the first phase, the rows themselves in the rounds
Epochs              20, a quarter of them for the first phase and for each of three rounds
Source              second phase: the authors' released test code (its network, window and dropout option); all else:
                    the paper's abstract, introduction and a figure's caption. Layers, optimiser, batch and sparsity of
                    the first phase are those of MIST's released code, diversity and norm those of CMCS's, which the
                    idea comes from
==================  ===================================================================================================

Unknown, and most of what the method is about: the number and width of heads, the first phase for XD-Violence, all
weights, how many passes, which rows are chosen and how many, how many rounds, every optimiser and length, whether
labels are sharpened, how sound is joined.

Ours: all of these, as above; a softmax over time is taken of the heads' logits; pseudo labels and choices are made
for a batch when it comes, by weights that no longer change, so that they are those of one pass over all videos but for
the noise of dropout; every round has weights of its own, so that it starts afresh. Which phase scores is kept with
the weights. Selection ``released`` sets weights back after every epoch, so that a round which does not at once score
better than the phase before it learns little: ``last`` and ``validation`` are for this method.

Seen on simulated features: the first phase finds events of a third of a video without fail, but their rows vary most
under dropout, so that the half that varies least has none of them and the rounds unlearn what the first phase knew.
How the authors choose rows may well differ.

Left out or changed:

* Features are CLIP's and Wav2CLIP's of width 512, not I3D's and VGGish's; no half precision.
* Every crop is a video of its own; the released test averages over crops. Long videos are averaged into the reader's
  rows to train, and scored in windows, at whose start the rows before begin anew.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines.pieces import paired_halves, resample, valid_rows
from train.model.branches import Output, no_class_logits
from train.optimisers import Several, recipe_optimiser
from train.samples import Batch
from train.settings import Recipe

PIECES = 224
HIGHEST = 7

HEADS = 3
ROUNDS = 3
FIRST_DROPOUT = 0.6
ROUND_DROPOUT = 0.8
PASSES = 20
ROWS_BEFORE = 5
LARGEST_GRADIENT = 10.0
ROUND_RATE = 1 / 100
DIVERSITY_WEIGHT = 0.2
NORM_WEIGHT = 0.2
SPARSITY_WEIGHT = 0.01
LEAST_SCORE = 1e-6


class RowClassifier(nn.Module):
    """Three linear layers that score every row by itself, with dropout when asked for.

    Args:
        dim: Width of the rows.
        outputs: Logits a row.
        dropout: Share that is dropped after the first and the second layer.
    """

    def __init__(self, dim: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(dim, 512)
        self.second = nn.Linear(512, 32)
        self.third = nn.Linear(32, outputs)
        self.dropout = dropout

    def hidden(self, rows: Tensor) -> Tensor:
        """Give what no dropout reaches: ``[B, T, 512]`` for ``[B, T, dim]``."""
        return F.relu(self.first(rows))

    def logits(self, hidden: Tensor, *, drop: bool) -> Tensor:
        """Give ``[B, T, outputs]`` for ``[B, T, 512]``."""
        output: Tensor = self.third(self.features(hidden, drop=drop))
        return output

    def features(self, hidden: Tensor, *, drop: bool) -> Tensor:
        """Give what the last layer reads ``[B, T, 32]`` for ``[B, T, 512]``."""
        return F.dropout(self.second(F.dropout(hidden, self.dropout, drop)), self.dropout, drop)


class CUPL(nn.Module):
    """A first phase and three rounds, each a classifier of rows.

    Args:
        dim: Width of the visual rows.
        audio_dim: Width of the audio rows.
        dropout: Of the first phase and of the rounds.
    """

    stage: Tensor

    def __init__(
        self, dim: int = 512, audio_dim: int = 512, dropout: tuple[float, float] = (FIRST_DROPOUT, ROUND_DROPOUT)
    ) -> None:
        super().__init__()
        joined = dim + audio_dim
        self.complete = RowClassifier(joined, HEADS, dropout[0])
        self.rounds = nn.ModuleList(RowClassifier(2 * joined, 2, dropout[1]) for _ in range(ROUNDS))
        # Which scores: 0 the first phase, then the rounds. With the weights, for a checkpoint tells no epochs,
        # under the name that checkpoints have for it.
        self.register_buffer("stage", torch.zeros((), dtype=torch.int64))

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """Be told how many epochs of how many are done; each phase takes an equal share of them, no phase none."""
        self.stage.fill_(min(epoch, epoch * (1 + ROUNDS) // epochs))

    def end_epoch(self) -> None:
        """Change nothing."""

    def optimiser(
        self, text_side: Sequence[nn.Parameter], recipe: Recipe, steps_an_epoch: int
    ) -> torch.optim.Optimizer:
        """Build the recipe's optimiser of the first phase, and Adam for the rounds."""
        first = recipe_optimiser([{"params": [*self.complete.parameters()]}], recipe)

        def clip(*_: Any) -> None:
            nn.utils.clip_grad_norm_(self.complete.parameters(), LARGEST_GRADIENT)

        first.register_step_pre_hook(clip)
        return Several([first, torch.optim.Adam(self.rounds.parameters(), lr=recipe.learning_rate * ROUND_RATE)])

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows by the phase that was trained last.

        Args:
            visual: ``[B, T, D]``.
            audio: ``[B, T, audio_dim]``.
            length: Not read: no row looks at later ones.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]`` and what the last layer reads as features ``[B, T, 32]``.
        """
        number = int(self.stage)
        part, hidden = self._phase(number, torch.cat([visual, audio], dim=-1))
        outputs = part.logits(hidden, drop=self.training)
        logits = _evidence(outputs) if number else torch.logit(_scores(number, outputs), eps=LEAST_SCORE)
        return Output(logits, no_class_logits(logits), part.features(hidden, drop=False), None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of a paired batch in the phase at hand, unweighted, and their weighted ``total``.

        Raises:
            InputError: If the batch does not hold as many normal as abnormal videos.
        """
        rows = torch.cat([batch.visual, batch.audio], dim=-1)
        normal, abnormal = paired_halves(batch.labels)
        number = int(self.stage)
        if number == 0:
            hidden = self.complete.hidden(resample(rows, batch.length, PIECES))
            return completeness_losses(self.complete.logits(hidden, drop=self.training), normal, abnormal)
        labels, chosen = self.pseudo_labels(number - 1, rows, batch.length, abnormal)
        part, hidden = self._phase(number, rows)
        evidence = _evidence(part.logits(hidden, drop=self.training))
        loss = F.binary_cross_entropy_with_logits(evidence[chosen], labels[chosen])
        return {"certain": loss, "total": loss}

    @torch.no_grad()
    def pseudo_labels(self, number: int, rows: Tensor, length: Tensor, abnormal: Tensor) -> tuple[Tensor, Tensor]:
        """Label rows by a phase that is trained, and choose those that it is certain of.

        Args:
            number: Of the phase.
            rows: ``[B, T, D]``.
            length: Valid rows ``[B]``.
            abnormal: Numbers of the abnormal videos ``[n]``.

        Returns:
            Labels in 0..1 ``[B, T]``, and which rows are chosen ``[B, T]`` bool.
        """
        part, hidden = self._phase(number, rows)
        valid = valid_rows(rows, length)
        scores = _scores(number, part.logits(hidden, drop=False))
        labels = torch.zeros_like(scores)
        labels[abnormal] = _zero_to_one(scores[abnormal], valid[abnormal])
        mean, squares = torch.zeros_like(scores), torch.zeros_like(scores)
        for done in range(1, PASSES + 1):
            deviation = _scores(number, part.logits(hidden, drop=True)) - mean
            mean += deviation / done
            squares += deviation.square() * (done - 1) / done
        return labels, most_certain(squares / PASSES, valid)

    def _phase(self, number: int, rows: Tensor) -> tuple[RowClassifier, Tensor]:
        """Give a phase and what its first layer makes of rows ``[B, T, D]``: ``[B, T, 512]``."""
        part: RowClassifier = self.rounds[number - 1] if number else self.complete  # type: ignore[assignment]
        return part, part.hidden(with_context(rows) if number else rows)


def with_context(rows: Tensor) -> Tensor:
    """Put beside each row the mean of the up to five before it, beside the first itself: ``[B, T, 2D]``."""
    before = torch.zeros_like(rows)
    for back in range(1, ROWS_BEFORE + 1):
        before[:, back:] += rows[:, :-back]
    count = torch.arange(rows.shape[1], device=rows.device).clamp(1, ROWS_BEFORE)
    context = before / count[:, None]
    context[:, 0] = rows[:, 0]
    return torch.cat([rows, context], dim=-1)


def completeness_losses(logits: Tensor, normal: Tensor, abnormal: Tensor) -> dict[str, Tensor]:
    """The first phase's terms, unweighted, and their weighted ``total``.

    Args:
        logits: Of every piece and head ``[2n, S, M]``.
        normal: Numbers of the normal videos ``[n]``.
        abnormal: Of the abnormal ones ``[n]``.
    """
    scores = logits.sigmoid()
    video_scores = scores.mean(dim=-1).topk(HIGHEST, dim=1).values.mean(dim=1)  # [2n]
    losses = {
        "ranking": F.relu(1 - video_scores[abnormal][:, None] + video_scores[normal][None, :]).mean(),
        "diversity": diversity(logits),
        "norm": head_norm(scores),
        "sparsity": scores[abnormal].mean(),
    }
    total = (
        losses["ranking"]
        + DIVERSITY_WEIGHT * losses["diversity"]
        + NORM_WEIGHT * losses["norm"]
        + SPARSITY_WEIGHT * losses["sparsity"]
    )
    return losses | {"total": total}


def diversity(logits: Tensor) -> Tensor:
    """Mean over videos and pairs of heads of the cosine of their softmax over time, for logits ``[B, S, M]``."""
    attentions = logits.softmax(dim=1)
    pairs = [
        F.cosine_similarity(attentions[..., one], attentions[..., other], dim=1)
        for one, other in combinations(range(attentions.shape[-1]), 2)
    ]
    return torch.stack(pairs).mean()


def head_norm(scores: Tensor) -> Tensor:
    """Mean over videos and heads of how far a head's mean score is from the heads' average; scores ``[B, S, M]``."""
    means = scores.abs().mean(dim=1)  # [B, M]
    return (means - means.mean(dim=-1, keepdim=True)).abs().mean()


def most_certain(variance: Tensor, valid: Tensor) -> Tensor:
    """Choose the half of each video's valid rows that vary least, the earlier of equals, at least one.

    Args:
        variance: ``[B, T]``.
        valid: ``[B, T]`` bool.
    """
    rank = variance.masked_fill(~valid, torch.inf).argsort(dim=1, stable=True).argsort(dim=1)
    return rank < (valid.sum(dim=1, keepdim=True) + 1) // 2


def _scores(number: int, logits: Tensor) -> Tensor:
    """Score a phase's logits: ``[B, T]``, in 0..1."""
    return logits.softmax(dim=-1)[..., 1] if number else logits.sigmoid().mean(dim=-1)


def _evidence(logits: Tensor) -> Tensor:
    """Give the logit of p(class 1) ``[B, T]`` for a round's two ``[B, T, 2]``."""
    return logits[..., 1] - logits[..., 0]


def _zero_to_one(scores: Tensor, valid: Tensor) -> Tensor:
    low = scores.masked_fill(~valid, torch.inf).amin(dim=1, keepdim=True)
    high = scores.masked_fill(~valid, -torch.inf).amax(dim=1, keepdim=True)
    width = high - low
    return ((scores - low) / torch.where(width > 0, width, 1.0)).masked_fill(~valid, 0.0)
