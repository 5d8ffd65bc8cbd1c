"""DeepMIL: multiple instance ranking (Sultani et al., CVPR 2018, arXiv 1801.04264).

==================  ===================================================================================================
Layers              rows to unit length; linear D -> 512, ReLU, dropout 0.6; linear 512 -> 32, dropout 0.6;
                    linear 32 -> 1; sigmoid (no activation after the second, as released)
Parameters          279,105 (D = 512)
Loss terms          ``ranking``: sum over abnormal, mean over normal videos of max(0, 1 - max score of the abnormal one
                    + max score of the normal one), weight 1 (every pair, as released)
                    ``smoothness``: sum over abnormal videos of squared steps between neighbouring pieces, 8e-5
                    ``sparsity``: sum of the abnormal videos' scores, 8e-5
                    ``weights``: sum of squared weights of the three layers, 0.001 (as released)
Optimiser           Adagrad, learning rate 0.01 (as released)
Batch               30 normal and 30 abnormal videos
Pieces              32
Steps               20,000 in the released code; 63 epochs of XD-Violence's 5 crops are as many
Source              paper, deep MIL ranking model and implementation details; the authors'
                    ``TrainingAnomalyDetector_public.py`` and ``Save_C3DFeatures_32Segments.m``
==================  ===================================================================================================

Where paper and released code differ, this is the code: the learning rate is 0.001 in the paper, and the weight of the
squared weights 0.01.

Left out or changed:

* In the paper's tables features are CLIP's of width 512, not C3D's of width 4096, or I3D's, as published
  (``config/ucf_i3d.yaml``).
* Pieces are cut at ``floor(i * length / 32)``, where the released script rounds ``linspace(1, length, 33)``.
* Videos longer than the reader's window are averaged into its rows first, and those into the 32 pieces.
* Each epoch shuffles the videos; the released code draws 30 of each kind anew every step.
* Every snippet is scored by itself. The released test code scores 32 pieces and spreads them over the video; no layer
  reads more than one row, so the scores of equal rows are equal.
* Every crop is a video of its own.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from train.baselines.pieces import paired_halves, resample
from train.model.branches import Output, no_class_logits
from train.samples import Batch

PIECES = 32
SMOOTHNESS_WEIGHT = 8e-5
SPARSITY_WEIGHT = 8e-5
SQUARED_WEIGHTS_WEIGHT = 0.001


class DeepMIL(nn.Module):
    """Three linear layers that score every row by itself.

    Args:
        dim: Width D of the features.
        pieces: Pieces of a training video; more show shorter events and cost as much more memory.
    """

    def __init__(self, dim: int = 512, pieces: int = PIECES) -> None:
        super().__init__()
        self.pieces = pieces
        self.first = nn.Linear(dim, 512)
        self.second = nn.Linear(512, 32)
        self.third = nn.Linear(32, 1)
        self.dropout = nn.Dropout(0.6)
        for layer in (self.first, self.second, self.third):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows.

        Args:
            visual: ``[B, T, D]``.
            audio: Not read.
            length: Not read: no row looks at another.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]`` and the first layer's output as features ``[B, T, 512]``.
        """
        features = self.dropout(F.relu(self.first(F.normalize(visual, dim=-1))))  # [B, T, 512]
        logits = self.third(self.dropout(self.second(features))).squeeze(-1)  # [B, T]
        return Output(logits, no_class_logits(logits), features, None)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of a paired batch, unweighted, and their weighted ``total``.

        Raises:
            InputError: If the batch does not hold as many normal as abnormal videos.
        """
        rows = resample(batch.visual, batch.length, self.pieces)
        scores = self(rows, batch.audio, batch.length).anomaly_logits.sigmoid()  # [2n, S]
        normal, abnormal = paired_halves(batch.labels)
        highest = scores.max(dim=1).values
        hinges = F.relu(1 - highest[abnormal][:, None] + highest[normal][None, :])  # [abnormal, normal]
        layers = (self.first, self.second, self.third)
        losses = {
            "ranking": hinges.sum(dim=0).mean(),
            "smoothness": scores[abnormal].diff(dim=1).square().sum(),
            "sparsity": scores[abnormal].sum(),
            "weights": sum((layer.weight.square().sum() for layer in layers), start=scores.new_zeros(())),
        }
        total = (
            losses["ranking"]
            + SMOOTHNESS_WEIGHT * losses["smoothness"]
            + SPARSITY_WEIGHT * losses["sparsity"]
            + SQUARED_WEIGHTS_WEIGHT * losses["weights"]
        )
        return losses | {"total": total}
