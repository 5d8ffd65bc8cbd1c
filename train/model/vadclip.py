"""VadCLIP, the video-only baseline (arXiv 2308.11681)."""

from torch import Tensor, nn

from train.model.branches import DualBranch, Output
from train.model.temporal_adapter import TemporalAdapter


class VadCLIP(nn.Module):
    """Temporal encoder and two branches, with the visual prompt in the class embeddings.

    The defaults are those for XD-Violence; UCF-Crime takes ``layers=2, window=8``.

    Args:
        max_snippets: Rows T of every input, padding included.
        layers: Transformer layers of the temporal encoder.
        window: Snippets in an attention block.
        dim: Width D of the features.

    Raises:
        InputError: If ``window`` does not divide ``max_snippets``.
    """

    def __init__(self, max_snippets: int = 256, layers: int = 1, window: int = 64, dim: int = 512) -> None:
        super().__init__()
        self.temporal = TemporalAdapter(max_snippets, layers, window, dim)
        self.branches = DualBranch("released", dim)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score a batch.

        Args:
            visual: CLIP features ``[B, T, D]``, zero past the length.
            audio: Not read; there so that all networks are called alike.
            length: Valid snippets ``[B]`` int64.
            text: Class embeddings of step 1 ``[C, D]``.
        """
        features = self.temporal(visual, length)
        anomaly_logits, class_logits = self.branches(features, text)
        return Output(anomaly_logits, class_logits, features, None)
