"""AVadCLIP's two networks: the audio-visual teacher and the video-only student (arXiv 2504.04495)."""

from torch import Tensor, nn

from train.adaptive_fusion import AdaptiveFusion
from train.audio_tcn import AudioTCN
from train.branches import DualBranch, Output
from train.enhancement import EnhancementNet, UncertaintyNet
from train.prompts import PromptForm
from train.temporal_adapter import TemporalAdapter


class AudioVisualTeacher(nn.Module):
    """Temporal encoder for the video, TCN for the audio, adaptive fusion, two branches (eq. 1-7).

    Args:
        max_snippets: Rows T of every input, padding included.
        layers: Transformer layers of the temporal encoder.
        window: Snippets in an attention block.
        dropout: Probability to drop an activation of the audio TCN while training.
        prompt_form: `released`, which released weights need, or `paper`; see `train.prompts.ClassEmbedding`.
        dim: Width D of the features.

    Raises:
        InputError: If ``window`` does not divide ``max_snippets``.
    """

    def __init__(
        self,
        max_snippets: int = 256,
        layers: int = 2,
        window: int = 4,
        dropout: float = 0.1,
        prompt_form: PromptForm = "released",
        dim: int = 512,
    ) -> None:
        super().__init__()
        self.temporal = TemporalAdapter(max_snippets, layers, window, dim)
        self.audio_tcn = AudioTCN(dim, dropout)
        self.fusion = AdaptiveFusion(dim)
        self.branches = DualBranch(prompt_form, dim)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score a batch; ``features`` of the result are the fused ones, which the student imitates.

        Args:
            visual: CLIP features ``[B, T, D]``, zero past the length.
            audio: Wav2CLIP features ``[B, T, D]``, one row for each visual row.
            length: Valid snippets ``[B]`` int64.
            text: Class embeddings of step 1 ``[C, D]``.
        """
        fused = self.fusion(self.temporal(visual, length), self.audio_tcn(audio))
        anomaly_logits, class_logits = self.branches(fused, text)
        return Output(anomaly_logits, class_logits, fused, None)


class VideoStudent(nn.Module):
    """The teacher with an enhancement net in place of audio and fusion, and an uncertainty (section 3.6).

    Fed with audio features as ``visual`` it is the audio-only model of the paper's Table 6.

    Args:
        max_snippets: Rows T of every input, padding included.
        layers: Transformer layers of the temporal encoder.
        window: Snippets in an attention block.
        enhancement_blocks: Residual blocks of the enhancement net, 3 as released or 1 as in the paper.
        prompt_form: `released`, which released weights need, or `paper`; see `train.prompts.ClassEmbedding`.
        dim: Width D of the features.

    Raises:
        InputError: If ``window`` does not divide ``max_snippets``.
    """

    def __init__(
        self,
        max_snippets: int = 256,
        layers: int = 1,
        window: int = 64,
        enhancement_blocks: int = 3,
        prompt_form: PromptForm = "released",
        dim: int = 512,
    ) -> None:
        super().__init__()
        self.temporal = TemporalAdapter(max_snippets, layers, window, dim)
        self.enhancement = EnhancementNet(enhancement_blocks, dim)
        self.uncertainty = UncertaintyNet(dim)
        self.branches = DualBranch(prompt_form, dim)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score a batch.

        Args:
            visual: CLIP features ``[B, T, D]``, zero past the length.
            audio: Not read; there so that all networks are called alike.
            length: Valid snippets ``[B]`` int64.
            text: Class embeddings of step 1 ``[C, D]``.
        """
        encoded = self.temporal(visual, length)
        enhanced = self.enhancement(encoded)
        anomaly_logits, class_logits = self.branches(enhanced, text)
        return Output(anomaly_logits, class_logits, enhanced, self.uncertainty(encoded))
