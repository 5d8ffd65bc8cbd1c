"""AVadCLIP's two networks: the audio-visual teacher and the video-only student (arXiv 2504.04495)."""

from typing import Literal

from torch import Tensor, nn

from train.model.audio_tcn import AudioTCN
from train.model.branches import DualBranch, Output
from train.model.enhancement import EnhancementNet, UncertaintyNet
from train.model.fusion import AdaptiveFusion, Addition, Concatenation, CrossAttention
from train.model.prompts import PromptForm
from train.model.temporal_adapter import TemporalAdapter

FusionForm = Literal["adaptive", "cross_attention", "addition", "concatenation", "none"]


def audio_projection(audio_dim: int | None, dim: int) -> nn.Linear | None:
    """Build what brings the sound's rows to the pictures' width: one linear layer, or ``None`` where they agree.

    It is ours, for the paper's encoders are equally wide; released weights have no such layer and need none. Without
    a bias, so that silence and padding, which are zeros, stay so.
    """
    return None if audio_dim in (None, dim) else nn.Linear(audio_dim, dim, bias=False)


class AudioVisualTeacher(nn.Module):
    """Temporal encoder for the video, TCN for the audio, adaptive fusion, two branches (eq. 1-7).

    Sound of another width than the pictures' passes one linear layer first, which is ours (`audio_projection`).

    Args:
        max_snippets: Rows T of every input, padding included.
        layers: Transformer layers of the temporal encoder.
        window: Snippets in an attention block.
        dropout: Probability to drop an activation of the audio TCN while training.
        prompt: `released`, which released weights need, `paper` or `none`; see `train.model.prompts.ClassEmbedding`.
        fusion: `adaptive`, one of Table 5's, or `none`: the video alone, without the TCN (Table 4).
        dim: Width D of the visual rows, and of the network.
        audio_dim: Width A of the audio rows, D unless given.

    Raises:
        InputError: If ``window`` does not divide ``max_snippets``.
    """

    def __init__(
        self,
        max_snippets: int = 256,
        layers: int = 2,
        window: int = 4,
        dropout: float = 0.1,
        prompt: PromptForm = "released",
        fusion: FusionForm = "adaptive",
        dim: int = 512,
        audio_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.temporal = TemporalAdapter(max_snippets, layers, window, dim)
        self.audio_projection = None if fusion == "none" else audio_projection(audio_dim, dim)
        self.audio_tcn = None if fusion == "none" else AudioTCN(dim, dropout)
        self.fusion = _build_fusion(fusion, dim)
        self.branches = DualBranch(prompt, dim)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score a batch; ``features`` of the result are the fused ones, which the student imitates.

        Args:
            visual: CLIP features ``[B, T, D]``, zero past the length.
            audio: Wav2CLIP features ``[B, T, A]``, one row for each visual row.
            length: Valid snippets ``[B]`` int64.
            text: Class embeddings of step 1 ``[C, D]``.
        """
        fused = self.temporal(visual, length)
        if self.audio_tcn is not None and self.fusion is not None:
            heard = audio if self.audio_projection is None else self.audio_projection(audio)
            fused = self.fusion(fused, self.audio_tcn(heard))
        anomaly_logits, class_logits = self.branches(fused, text)
        return Output(anomaly_logits, class_logits, fused, None)


def _build_fusion(form: FusionForm, dim: int) -> nn.Module | None:
    match form:
        case "adaptive":
            return AdaptiveFusion(dim)
        case "cross_attention":
            return CrossAttention(dim)
        case "addition":
            return Addition()
        case "concatenation":
            return Concatenation(dim)
        case "none":
            return None


class VideoStudent(nn.Module):
    """The teacher with an enhancement net in place of audio and fusion, and an uncertainty (section 3.6).

    Args:
        max_snippets: Rows T of every input, padding included.
        layers: Transformer layers of the temporal encoder.
        window: Snippets in an attention block.
        enhancement_blocks: Residual blocks of the enhancement net, 3 as released or 1 as in the paper.
        prompt: `released`, which released weights need, `paper` or `none`; see `train.model.prompts.ClassEmbedding`.
        stream: `video`, or `audio` for the audio-only model of Table 6.
        dim: Width D of the visual rows, and of the network.
        audio_dim: Width A of the audio rows, D unless given; the audio-only model brings them to D as the teacher does.

    Raises:
        InputError: If ``window`` does not divide ``max_snippets``.
    """

    def __init__(
        self,
        max_snippets: int = 256,
        layers: int = 1,
        window: int = 64,
        enhancement_blocks: int = 3,
        prompt: PromptForm = "released",
        stream: Literal["video", "audio"] = "video",
        dim: int = 512,
        audio_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.stream = stream
        self.audio_projection = audio_projection(audio_dim, dim) if stream == "audio" else None
        self.temporal = TemporalAdapter(max_snippets, layers, window, dim)
        self.enhancement = EnhancementNet(enhancement_blocks, dim)
        self.uncertainty = UncertaintyNet(dim)
        self.branches = DualBranch(prompt, dim)

    def forward(self, visual: Tensor, audio: Tensor, length: Tensor, text: Tensor) -> Output:
        """Score a batch.

        Args:
            visual: CLIP features ``[B, T, D]``, zero past the length; read by the video's student.
            audio: Wav2CLIP features ``[B, T, A]``; read by the audio-only model.
            length: Valid snippets ``[B]`` int64.
            text: Class embeddings of step 1 ``[C, D]``.
        """
        rows = visual if self.stream == "video" else audio
        encoded = self.temporal(rows if self.audio_projection is None else self.audio_projection(rows), length)
        enhanced = self.enhancement(encoded)
        anomaly_logits, class_logits = self.branches(enhanced, text)
        return Output(anomaly_logits, class_logits, enhanced, self.uncertainty(encoded))
