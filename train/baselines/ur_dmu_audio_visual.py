"""UR-DMU in its audio-visual form: audio joined to visual rows before the first layer (Zhou et al., AAAI 2023).

==================  ===================================================================================================
Layers              convolution over time D -> 512 (kernel 3), D the width of both rows; all else as
                    `train.baselines.ur_dmu`
Parameters          6,492,929 (D = 512 + 512)
Loss terms          those of `train.baselines.ur_dmu`, with its weights
Optimiser           Adam, learning rate 1e-4, weight decay 5e-5 (in the gradient, not decoupled)
Batch               64 normal and 64 abnormal videos
Pieces              200, the same bounds for both streams
Steps               3,000 in the released code; 20 epochs of XD-Violence's 5 crops are as many
Source              the released code (see `train.baselines.ur_dmu`); that audio is joined at the input and nothing else
                    changed is its author's word, issue 14 of ``henrryzh1/UR-DMU``
==================  ===================================================================================================

Left out or changed, beside what stands in `train.baselines.ur_dmu`:

* In the paper's tables features are CLIP's and Wav2CLIP's of width 512 each, not I3D's of width 1024 and VGGish's of
  width 128, as its author has them (``config/xd_i3d.yaml``).
* That the audio rows are cut at the pieces of the visual ones is inferred: the author's words do not say it.

Unknown: which features, checkpoint and cut of the videos the reported rows on CCTV-Fights come from.
"""

import torch
from torch import Tensor

from train.baselines import ur_dmu
from train.model.branches import Output
from train.samples import Batch


class URDMUAudioVisual(ur_dmu.URDMU):
    """UR-DMU on visual and audio rows side by side.

    Args:
        dim: Width of the visual rows.
        audio_dim: Width of the audio rows.
        pieces: Pieces of a training video; attention costs grow with their square.
    """

    def __init__(self, dim: int = 512, audio_dim: int = 512, pieces: int = ur_dmu.PIECES) -> None:
        super().__init__(dim + audio_dim, pieces)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor | None = None) -> Output:
        """Score rows, with the mean codes of both memories.

        Args:
            visual: ``[B, T, D]``.
            audio: ``[B, T, audio D]``.
            length: Valid rows ``[B]`` int64.
            text: Not read.

        Returns:
            Anomaly logits ``[B, T]`` and the encoder's features ``[B, T, 512]``.
        """
        return super().forward(torch.cat([visual, audio], dim=-1), audio, length)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the loss terms of a paired batch, unweighted, and their weighted ``total``.

        Raises:
            InputError: If the batch does not hold as many normal as abnormal videos.
        """
        return super().losses(batch._replace(visual=torch.cat([batch.visual, batch.audio], dim=-1)))
