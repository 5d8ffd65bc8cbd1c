"""The encoders and checkpoints that ``evaluate.detect`` puts a video through, and that they belong together."""

from dataclasses import dataclass
from pathlib import Path

import torch

from evaluate.given_classes import GivenClasses, load
from evaluate.provenance import Provenance
from evaluate.score import check_match, class_columns, provenance
from extract.base.errors import InputError
from extract.base.precision import AUTO, PRECISIONS, resolve, warn_if_emulated
from extract.cut_videos import REFUSE
from extract.encoders import clip as clip_encoder
from extract.encoders import wav2clip
from extract.image_models import ImageModel, find_model
from extract.shard import Encoding, ShardHeader
from extract.visual_settings import VisualSettings
from train.checkpoint import Checkpoint
from train.crops import ALL_CROPS

# The type that the pipeline stores features in; the last bits of scores depend on it.
STORED = "float16"
AUDIO_BATCH = 32
RANDOM_WEIGHTS = "random weights"
NOT_TRAINED = " (not trained)"


@dataclass(frozen=True)
class Choice:
    """What the user chose; the checkpoint decides the rest.

    Attributes:
        checkpoint: The checkpoint.
        student: A video-only one for videos without an audio stream, if any.
        visual_weights: Weights file of the frames' encoder, or ``random:<seed>``.
        audio_weights: Those of the sound's encoder; may be ``None`` if the checkpoint does not listen.
        precision: Of the frames' encoder; ``auto`` for that of the training where the hardware computes it, else fp32.
        allow_mismatch: Whether other weights than in training are let through.
        batch: Images a call of the frames' encoder.
        threads: Decoding threads.
        classes: Other classes than the checkpoints were trained with, if any.
        audio_batch: Snippets a call of the sound's encoder.
        cut: What to do with files that seem to be cut short (``extract.cut_videos``).
    """

    checkpoint: Path
    student: Path | None
    visual_weights: str
    audio_weights: str | None
    precision: str
    allow_mismatch: bool
    batch: int
    threads: int
    classes: GivenClasses | None = None
    audio_batch: int = AUDIO_BATCH
    cut: str = REFUSE


@dataclass(frozen=True, eq=False)
class Model:
    """A checkpoint that is ready to score.

    Attributes:
        checkpoint: The checkpoint.
        codes: Label codes that it reports; the first is normal.
        names: Each of them in words.
        columns: Its column of each of them.
        provenance: Where its scores come from.
    """

    checkpoint: Checkpoint
    codes: tuple[str, ...]
    names: tuple[str, ...]
    columns: list[int]
    provenance: Provenance

    @property
    def name(self) -> str:
        """What kind of model it is, for example ``teacher``."""
        return self.checkpoint.header.architecture.model

    @property
    def remarks(self) -> list[str]:
        """What a reader of its results has to know, one sentence each."""
        origin = self.provenance
        return [
            *([RANDOM_WEIGHTS] if "random:" in origin.weights else []),
            *(f"mismatch allowed: {sentence}" for sentence in origin.mismatch),
            *([origin.note] if origin.note else []),
        ]


@dataclass(frozen=True, eq=False)
class Tools:
    """What turns a video into scores.

    Attributes:
        visual: Encoder of the frames.
        settings: How the frames are sampled.
        audio: Encoder of the sound; ``None`` if no model listens.
        model: Scores every video.
        student: Scores those without an audio stream, if there is one.
        threads: Decoding threads.
    """

    visual: clip_encoder.ClipImageEncoder
    settings: VisualSettings
    audio: wav2clip.Wav2ClipEncoder | None
    model: Model
    student: Model | None
    threads: int


def load_tools(choice: Choice, device: torch.device) -> Tools:
    """Load checkpoints and encoders, and see that they belong together.

    Raises:
        InputError: If a file is wrong, weights are not those of the training, or the student does not go with the
            checkpoint.
    """
    checkpoint = _load_checkpoint(choice.checkpoint, device, choice.classes)
    student = None if choice.student is None else _load_checkpoint(choice.student, device, choice.classes)
    if choice.student is not None and student is not None:
        _check_student(choice.student, student, choice.checkpoint, checkpoint)
    header = checkpoint.header
    trained_on = header.trained_on
    named = _named(choice.checkpoint, trained_on.visual)
    settings = VisualSettings(
        stride=trained_on.stride,
        crops=trained_on.crops if header.scoring_crop == ALL_CROPS else (header.scoring_crop,),
        precision=_precision(
            choice.precision, trained_on.visual, device, on_cpu="bf16" if named.is_transformer else "fp32"
        ),
        batch=choice.batch,
        dtype=STORED,
        cut=choice.cut,
    )
    audio, heard = None, None
    if header.architecture.reads_audio:
        if choice.audio_weights is None:
            raise InputError(f"{choice.checkpoint}: a {header.architecture.model} listens; give --audio-weights too")
        audio, heard = _load_audio(choice.audio_weights, trained_on.audio, choice.audio_batch, device)
    warn_if_emulated(settings.precision, device.type)
    visual, seen = _load_visual(choice.visual_weights, named.name, settings, device)
    features = ShardHeader(header.dataset, "test", settings.stride, settings.crops, seen, heard, labels=header.labels)
    return Tools(
        visual=visual,
        settings=settings,
        audio=audio,
        model=_ready(checkpoint, features, choice.checkpoint, allowed=choice.allow_mismatch),
        student=None
        if choice.student is None or student is None
        else _ready(student, features, choice.student, allowed=choice.allow_mismatch),
        threads=choice.threads,
    )


def _load_checkpoint(path: Path, device: torch.device, classes: GivenClasses | None) -> Checkpoint:
    checkpoint = load(path, device, classes)
    if not checkpoint.header.architecture.tells_classes:
        raise InputError(
            f"{path}: a {checkpoint.header.architecture.model} scores how anomalous a snippet is and tells no classes, "
            "so there is nothing to name a detection by; give the checkpoint of a method that does, as a teacher"
        )
    return checkpoint


def _named(path: Path, trained_on: Encoding) -> ImageModel:
    try:
        return find_model(trained_on.encoder)
    except InputError as error:
        raise InputError(f"{path}: {error}; this checkpoint's features cannot be made here") from None


def _load_visual(
    weights: str, name: str, settings: VisualSettings, device: torch.device
) -> tuple[clip_encoder.ClipImageEncoder, Encoding]:
    rule = clip_encoder.picture_rule(name, weights)
    model, identity = clip_encoder.load_clip(weights, name)
    encoder = clip_encoder.ClipImageEncoder(
        model, batch=settings.batch, precision=settings.precision, device=device, encoder=name, rule=rule
    )
    return encoder, Encoding(name, identity, settings.precision, rule.words, encoder.width)


def _load_audio(
    weights: str, trained_on: Encoding | None, batch: int, device: torch.device
) -> tuple[wav2clip.Wav2ClipEncoder, Encoding]:
    # The encoder of sound is refused in bf16 on a CPU.
    precision = "fp32" if device.type == "cpu" else _precision(AUTO, trained_on, device)
    model, identity = wav2clip.load_wav2clip(weights)
    encoder = wav2clip.Wav2ClipEncoder(model, batch=batch, precision=precision, device=device)
    return encoder, Encoding(wav2clip.ENCODER, identity, precision, wav2clip.PREPROCESSING)


def _precision(requested: str, trained_on: Encoding | None, device: torch.device, on_cpu: str = "bf16") -> str:
    """Give the precision that was asked for; for ``auto`` the training's, fp32 where it is unknown or emulated."""
    if requested != AUTO:
        return requested
    known = trained_on.precision if trained_on is not None and trained_on.precision in PRECISIONS else "fp32"
    return resolve(AUTO, device.type, on_cpu=on_cpu) if known == "bf16" else known


def _ready(checkpoint: Checkpoint, features: ShardHeader, path: Path, *, allowed: bool) -> Model:
    header = checkpoint.header
    labels = header.label_set(path)
    columns = class_columns(header.scored_classes, labels.codes, f"{path}: classes")
    mismatch = check_match(checkpoint, features, path, allowed=allowed)
    made_of = provenance(checkpoint, features, header.scoring_crop, tuple(mismatch))
    untrained = dict.fromkeys(checkpoint.untrained, NOT_TRAINED)
    names = tuple(word + untrained.get(code, "") for code, word in zip(labels.codes, labels.words, strict=True))
    return Model(checkpoint, labels.codes, names, columns, made_of)


def _prompts(checkpoint: Checkpoint) -> str:
    labels = checkpoint.header.labels
    pairs = zip(labels.model_codes, labels.prompts, strict=True) if labels else ()
    return ", ".join(f"{code} ({prompt})" for code, prompt in pairs)


def _check_student(path: Path, student: Checkpoint, teacher_path: Path, teacher: Checkpoint) -> None:
    if not teacher.header.architecture.reads_audio:
        raise InputError(f"--student: {teacher_path} does not listen, so it scores videos without sound itself")
    if student.header.architecture.reads_audio:
        raise InputError(f"{path}: a {student.header.architecture.model} listens; --student needs a video-only model")
    for name, one, other in (
        ("dataset", student.header.dataset, teacher.header.dataset),
        ("classes", _prompts(student), _prompts(teacher)),
        ("stride", student.header.trained_on.stride, teacher.header.trained_on.stride),
        ("scoring_crop", student.header.scoring_crop, teacher.header.scoring_crop),
    ):
        if one != other:
            raise InputError(
                f"{path}: {name} is {one}, but {teacher_path} has {other}; give a student that goes with it"
            )
