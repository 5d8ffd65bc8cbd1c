"""AVVD: coarse and fine violence detection as two tasks of one network (Wu, Liu and Liu, IEEE TMM 25, 2023).

==================  ===================================================================================================
Layers              the body of `train.baselines.hl_net`: its three branches, joined to 96 features a row, and its
                    approximator
                    coarse head: linear 96 -> 1; fine head beside it: linear 96 -> C
Parameters          416,489 (D = 512, C = 7)
Loss terms          ``classification``, ``approximator``, ``distillation``: HL-Net's, of the coarse head, 1, 1 and 5
                    ``classes``: cross entropy of the softmax over classes of each class's mean top-k fine logit,
                    k = floor(length / 16) + 1, with the video's labels divided by their sum, weight 1
Optimiser           Adam, learning rate 1e-4 (the approximator's half of it), divided by 10 after 10 epochs
Batch               128 videos, shuffled
Pieces              at most 200 rows, padded
Epochs              50
Source              what VadCLIP (arXiv 2308.11681) and OVVAD say of it: coarse and fine labels, learned as two tasks
                    at once; HL-Net's released code, by the same first author
==================  ===================================================================================================

After the published description of others; the details are ours, since neither the paper's text nor code could be had:

* That the body is HL-Net's is inferred: the same author, and three branches by similarity, nearness and score.
* Two heads side by side, ours. The approximator stands behind the coarse task alone, ours.
* The fine loss and its weight, ours: VadCLIP's MIL-Align.
* The recipe is HL-Net's; that AVVD was trained by it is inferred.
* The anomaly score is the coarse head's, inferred; class scores are the fine head's alone, not multiplied by it, ours.
* What stands in `train.baselines.hl_net` of features, padding and crops holds here too.

Unknown: whether the two tasks share a head, every width, the weights of the losses, k, the recipe, and whether class
scores are multiplied by the anomaly score.
"""

from torch import Tensor, nn

from train.baselines import hl_net
from train.model.branches import Output
from train.model.losses import AlignmentLoss
from train.samples import Batch

PIECES = hl_net.PIECES
CLASSES_WEIGHT = 1.0


class AVVD(hl_net.HLNet):
    """HL-Net's branches under a coarse and a fine head.

    Args:
        dim: Width D of the features.
        classes: Classes C, the normal one first.
    """

    def __init__(self, dim: int = 512, classes: int = 7) -> None:
        super().__init__(dim)
        self.fine = nn.Linear(96, classes)
        nn.init.xavier_uniform_(self.fine.weight)
        self.class_loss = AlignmentLoss()

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: Not read.
            length: Valid rows ``[B]`` int64.
            text: Not read.

        Returns:
            The coarse head's anomaly logits ``[B, T]``, the fine head's class logits ``[B, T, C]`` and the joined
            branches as features ``[B, T, 96]``.
        """
        features, logits, _ = self._branches(visual, length)
        return Output(logits, self.fine(features), features, None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of any batch, unweighted, and their weighted ``total``."""
        features, logits, approximated = self._branches(batch.visual, batch.length)
        coarse = self._weighted_losses(logits, approximated, batch)
        classes = self.class_loss(self.fine(features), batch.labels, batch.length)
        return coarse | {"classes": classes, "total": coarse["total"] + CLASSES_WEIGHT * classes}
