"""MACIL-SD: contrast between modalities and a visual network that teaches (Yu et al., ACM MM 2022, arXiv 2207.05500).

==================  ===================================================================================================
Layers              audio-visual: visual and audio rows each linear D -> 128; one shared block (norm of the queries
                    only, 4 heads, MLP 128 -> 128 -> 128 with ReLU, residuals, dropout 0.1 everywhere) in which visual
                    rows attend to audio rows and audio rows to visual rows; one linear 128 -> 1 for both; the logit is
                    the sum of both
                    visual: linear D -> 128, the same block over its own rows, linear 128 -> 1
Parameters          396,418 (D = 512), of which 231,041 score and 165,377 are the visual network's
Loss terms          ``classification``: binary cross entropy of the sigmoid of each video's mean top-k logit,
                    k = floor(length / 16) + 1, weight 1
                    ``contrast``: four InfoNCE terms of temperature 0.1, weight min(1.5, 0.1 * epochs done): the mean
                    rows of one modality's top k in videos held for abnormal, against the other modality's, among that
                    other one's bottom k of all videos, or its own top k of videos held for normal
                    ``visual``: the classification term of the visual network, 1
Optimiser           Adam, learning rate 4e-4, the visual network's a fifth of it (``parameter_groups``), both falling
                    along half a cosine that would reach 0 after 60 epochs
Every epoch         the visual network's layers are mixed into the audio-visual ones (``end_epoch``), of which
                    1 - 0.09 * (1 + cos(pi * epochs done / 50)) / 2 is kept; then it is judged
Batch               128 videos, shuffled
Pieces              at most 200 rows, padded
Epochs              50
Source              paper, method section; the authors' ``avce_network.py``, ``Transformer.py``, ``CMA_MIL.py``,
                    ``InfoNCE.py``, ``train.py``, ``main.py``, ``option.py``
==================  ===================================================================================================

An attention's four linear layers start with equal weights, as released. Where the released code and the paper differ,
this is the code: the rows compared in ``contrast`` are the other modality's than the logits they are chosen by, because
its training loop takes the network's last two outputs in the other order; and whether a video is held for abnormal is
the network's own judgement (above 0.5), not the label.

Left out or changed:

* In the paper's tables features are CLIP's and Wav2CLIP's of width 512, not I3D's of width 1024 and VGGish's of width
  128, as published (``config/xd_i3d.yaml``).
* No row attends to rows past a video's length; the released code lets them take part while training.
* Long videos are averaged into pieces to train, where the released code picks 200 rows evenly, and scored in windows,
  where the released code scores them as a whole.
* Every crop is scored by itself; the released test code averages five, as ``scoring_crop: all`` does.
* Weights that no output depends on (``multiheadattn``, ``feedforward``, the attention's ``layer_norm``) do not exist.
* One optimiser holds both networks, the released code has one for each; no loss term reaches both, so that the steps
  are the same.
* The released code keeps the epoch that is best on the test set; here ``selection`` says which, and ``released`` also
  sets the weights back to it, as for every model of this project.
"""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines.pieces import valid_rows
from train.model.branches import Output, no_class_logits
from train.model.losses import SNIPPETS_PER_INSTANCE, top_k_mean
from train.samples import Batch

PIECES = 200
WIDTH = 128
HEADS = 4
DROPOUT = 0.1
TEMPERATURE = 0.1
HIGHEST_CONTRAST_WEIGHT = 1.5
CONTRAST_WEIGHT_STEP = 0.1
VISUAL_RATE = 1 / 5
MIXING_EPOCHS = 50
FIRST_KEPT_SHARE = 0.91


class Attention(nn.Module):
    """Multi-head attention whose four linear layers start alike."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key, self.value, self.out = (copy.deepcopy(self.query) for _ in range(3))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, read: Tensor, valid: Tensor) -> Tensor:
        """Let ``x`` ``[B, T, 128]`` read the ``valid`` ``[B, T]`` rows of ``read`` ``[B, T, 128]``."""
        query, key, value = (
            layer(rows).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for layer, rows in ((self.query, x), (self.key, read), (self.value, read))
        )  # [B, heads, T, 32]
        similarity = query @ key.mT / math.sqrt(key.shape[-1])
        weights = self.dropout(similarity.masked_fill(~valid[:, None, None, :], -math.inf).softmax(dim=-1))
        output: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return output


class Block(nn.Module):
    """Attention and MLP; only the rows that ask are normalised, not those that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.mlp = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH)
        )
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, read: Tensor, valid: Tensor) -> Tensor:
        """Map ``x`` ``[B, T, 128]`` to the same shape; see `Attention`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), read, valid))
        output: Tensor = x + self.dropout(self.mlp(x))
        return output


class VisualNetwork(nn.Module):
    """The visual network that is mixed into the audio-visual one.

    Args:
        dim: Width D of the visual rows.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(dim, WIDTH)
        self.block = Block()
        self.classifier = nn.Linear(WIDTH, 1)

    def forward(self, visual: Tensor, length: Tensor) -> Tensor:
        """Give logits ``[B, T]``."""
        rows = self.narrow(visual)
        logits: Tensor = self.classifier(self.block(rows, rows, valid_rows(rows, length))).squeeze(-1)
        return logits


class MACILSD(nn.Module):
    """The audio-visual network and the visual one that it learns from.

    Args:
        dim: Width D of the visual rows.
        audio_dim: Width of the audio rows.
    """

    def __init__(self, dim: int = 512, audio_dim: int = 512) -> None:
        super().__init__()
        self.narrow_visual = nn.Linear(dim, WIDTH)
        self.narrow_audio = nn.Linear(audio_dim, WIDTH)
        self.block = Block()
        self.classifier = nn.Linear(WIDTH, 1)
        self.visual_network = VisualNetwork(dim)
        self.epochs_done = 0

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Group the parameters as an optimiser takes them: the visual network learns at a fifth of the rate."""
        slower = list(self.visual_network.parameters())
        taken = {id(parameter) for parameter in slower}
        others = [parameter for parameter in self.parameters() if id(parameter) not in taken]
        return [{"params": others, "lr": learning_rate}, {"params": slower, "lr": learning_rate * VISUAL_RATE}]

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: ``[B, T, audio_dim]``.
            length: Valid rows ``[B]`` int64.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]``, and as features ``[B, T, 256]`` the visual rows that have read the audio ones
            beside the audio rows that have read the visual ones.
        """
        seen, heard = self._attend(visual, audio, length)
        logits = (self.classifier(seen) + self.classifier(heard)).squeeze(-1)
        return Output(logits, no_class_logits(logits), torch.cat([seen, heard], dim=-1), None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of any batch, unweighted, and their weighted ``total``."""
        seen, heard = self._attend(batch.visual, batch.audio, batch.length)
        seen_logits, heard_logits = self.classifier(seen).squeeze(-1), self.classifier(heard).squeeze(-1)  # [B, T]
        video_logits = top_k_mean(seen_logits + heard_logits, batch.length)  # [B]
        target = 1 - batch.labels[:, 0]
        visual_logits = top_k_mean(self.visual_network(batch.visual, batch.length), batch.length)
        losses = {
            "classification": F.binary_cross_entropy_with_logits(video_logits, target),
            "contrast": contrast(heard_logits, seen, seen_logits, heard, video_logits > 0, batch.length),
            "visual": F.binary_cross_entropy_with_logits(visual_logits, target),
        }
        contrast_weight = min(HIGHEST_CONTRAST_WEIGHT, CONTRAST_WEIGHT_STEP * self.epochs_done)
        total = losses["classification"] + contrast_weight * losses["contrast"] + losses["visual"]
        return losses | {"total": total}

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """Be told how many epochs are done; they weigh the contrast and the mixing."""
        self.epochs_done = epoch

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Mix the visual network's layers into the audio-visual ones."""
        progress = self.epochs_done / MIXING_EPOCHS
        kept = 1 - (1 - FIRST_KEPT_SHARE) * (1 + math.cos(math.pi * progress)) / 2
        taught = ((self.narrow_visual, "narrow"), (self.block, "block"), (self.classifier, "classifier"))
        for module, name in taught:
            for own, other in zip(
                module.parameters(), self.visual_network.get_submodule(name).parameters(), strict=True
            ):
                own.lerp_(other, 1 - kept)

    def _attend(self, visual: Tensor, audio: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Let visual rows read audio rows and audio rows visual ones: ``[B, T, 128]`` each."""
        seen, heard = self.narrow_visual(visual), self.narrow_audio(audio)
        valid = valid_rows(visual, length)
        return self.block(seen, heard, valid), self.block(heard, seen, valid)


def contrast(
    logits_a: Tensor, rows_a: Tensor, logits_b: Tensor, rows_b: Tensor, held_abnormal: Tensor, length: Tensor
) -> Tensor:
    """Sum the four contrastive terms between two modalities.

    Args:
        logits_a: By which rows of the one modality are chosen ``[B, T]``.
        rows_a: Those rows ``[B, T, D]``.
        logits_b: The same of the other modality.
        rows_b: Its rows.
        held_abnormal: Videos that the network holds for abnormal ``[B]`` bool.
        length: Valid rows ``[B]``.

    Returns:
        A scalar; 0 where all videos are held for abnormal, or none.
    """
    if held_abnormal.all() or not held_abnormal.any():
        return rows_a.new_zeros(())
    count = length // SNIPPETS_PER_INSTANCE + 1
    weight = count[held_abnormal]
    event_a, background_a, normal_a = _instances(logits_a, rows_a, held_abnormal, length)
    event_b, background_b, normal_b = _instances(logits_b, rows_b, held_abnormal, length)
    return (
        _info_nce(event_a, event_b, background_b, weight)
        + _info_nce(event_a, event_b, normal_b, weight)
        + _info_nce(event_b, event_a, background_a, weight)
        + _info_nce(event_b, event_a, normal_a, weight)
    )


def _instances(logits: Tensor, rows: Tensor, held_abnormal: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Choose rows by logit.

    Returns:
        The mean top-k row of each video held for abnormal ``[videos, D]``, the bottom-k rows of all videos and the
        top-k rows of videos held for normal, ``[rows, D]`` each.
    """
    invalid = ~valid_rows(rows, length)
    count = length // SNIPPETS_PER_INSTANCE + 1
    most = min(rows.shape[1], rows.shape[1] // SNIPPETS_PER_INSTANCE + 1)
    chosen = torch.arange(most, device=rows.device) < count[:, None]  # [B, most]

    def ranked(values: Tensor) -> Tensor:
        indices = values.masked_fill(invalid, -math.inf).topk(most).indices
        return rows.gather(1, indices[:, :, None].expand(-1, -1, rows.shape[2]))  # [B, most, D]

    top, bottom = ranked(logits), ranked(-logits)
    event = top.masked_fill(~chosen[:, :, None], 0.0).sum(dim=1) / count[:, None]
    return event[held_abnormal], bottom[chosen], top[chosen & ~held_abnormal[:, None]]


def _info_nce(query: Tensor, positive: Tensor, negatives: Tensor, weight: Tensor) -> Tensor:
    """InfoNCE of queries ``[n, D]``, each as often as ``weight`` ``[n]`` says, against all negatives ``[m, D]``."""
    query, positive, negatives = (F.normalize(rows, dim=-1) for rows in (query, positive, negatives))
    logits = torch.cat([(query * positive).sum(dim=1, keepdim=True), query @ negatives.T], dim=1) / TEMPERATURE
    losses = logits.logsumexp(dim=1) - logits[:, 0]
    return (losses * weight).sum() / weight.sum()
