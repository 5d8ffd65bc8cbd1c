"""DeepMIL with a head for classes, as VadCLIP's Table of instance-level results compares it (arXiv 2308.11681).

==================  ===================================================================================================
Layers              those of `train.baselines.deep_mil`, but the last is linear 32 -> C without a sigmoid
Parameters          279,303 (D = 512, C = 7)
Loss terms          ``classes``: cross entropy of the softmax over classes of each class's mean top-k logit,
                    k = floor(pieces / 16) + 1, with the video's labels divided by their sum, weight 1
Optimiser           Adagrad, learning rate 0.01
Batch               30 normal and 30 abnormal videos
Pieces              32
Steps               63 epochs of XD-Violence's 5 crops are the 20,000 steps of DeepMIL's released code
Source              VadCLIP says that DeepMIL was fine-tuned in AVVD's setting, and no more; DeepMIL's network
==================  ===================================================================================================

After VadCLIP's one sentence; the details are ours:

* The loss, ours: VadCLIP's MIL-Align, the same as that of `train.baselines.avvd`.
* DeepMIL's ranking, smoothness, sparsity and squared weights are left out, ours; they belong to its one score.
* The recipe, ours: DeepMIL's own. AVVD's setting may have meant AVVD's.
* The anomaly score is 1 - p(normal), ours.
* What stands in `train.baselines.deep_mil` of features, pieces and crops holds here too.

Unknown: whether the ranking loss stayed, the head, k, the weights of the losses and the recipe.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines import deep_mil
from train.baselines.class_logits import anomaly_logits
from train.baselines.pieces import resample
from train.model.branches import Output
from train.model.losses import AlignmentLoss
from train.samples import Batch


class DeepMILClasses(deep_mil.DeepMIL):
    """Three linear layers that give every row by itself logits of the classes.

    Args:
        dim: Width D of the features.
        classes: Classes C, the normal one first.
        pieces: Pieces of a training video.
    """

    def __init__(self, dim: int = 512, classes: int = 7, pieces: int = deep_mil.PIECES) -> None:
        super().__init__(dim, pieces)
        self.third = nn.Linear(32, classes)
        nn.init.xavier_normal_(self.third.weight)
        nn.init.zeros_(self.third.bias)
        self.class_loss = AlignmentLoss()

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: Not read.
            length: Not read: no row looks at another.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]``, class logits ``[B, T, C]`` and the first layer's output as features
            ``[B, T, 512]``.
        """
        features = self.dropout(F.relu(self.first(F.normalize(visual, dim=-1))))  # [B, T, 512]
        class_logits = self.third(self.dropout(self.second(features)))  # [B, T, C]
        return Output(anomaly_logits(class_logits), class_logits, features, None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the one loss term of any batch, and it once more as ``total``."""
        rows = resample(batch.visual, batch.length, self.pieces)
        length = torch.full_like(batch.length, self.pieces)
        loss = self.class_loss(self(rows, batch.audio, length).class_logits, batch.labels, length)
        return {"classes": loss, "total": loss}
