"""What is trained and how: the settings of a network and of its training, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from extract.errors import InputError

Baseline = Literal[
    "deep_mil",
    "deep_mil_classes",
    "rtfm",
    "hl_net",
    "hl_net_audio_visual",
    "avvd",
    "efficient_prompt",
    "ur_dmu",
    "ur_dmu_audio_visual",
    "clip_tsa",
    "macil_sd",
]
Model = Literal[
    "vadclip",
    "teacher",
    "student",
    "deep_mil",
    "deep_mil_classes",
    "rtfm",
    "hl_net",
    "hl_net_audio_visual",
    "avvd",
    "efficient_prompt",
    "ur_dmu",
    "ur_dmu_audio_visual",
    "clip_tsa",
    "macil_sd",
]
BASELINES: tuple[str, ...] = get_args(Baseline)
HEARING_BASELINES = ("hl_net_audio_visual", "ur_dmu_audio_visual", "macil_sd")
# They tell which anomaly it is; of them, the latter by the classes' names.
TELLING_BASELINES = ("deep_mil_classes", "avvd", "efficient_prompt")
READING_BASELINES = ("efficient_prompt",)
# How near each is to what its authors ran, as every table says it.
FAITHFULNESS: Mapping[str, str] = {
    "deep_mil": "released network",
    "deep_mil_classes": "DeepMIL with a class head after others' description, details ours",
    "rtfm": "released network",
    "hl_net": "released network",
    "hl_net_audio_visual": "released network",
    "avvd": "HL-Net with a class head after others' description, details ours",
    "efficient_prompt": "released network and optimiser, weak loss and frame score ours",
    "ur_dmu": "released network",
    "ur_dmu_audio_visual": "released network, audio joined at the input as its author describes",
    "clip_tsa": "released network",
    "macil_sd": "released network",
}
# Their weights are whole only after the mixing at the end of an epoch.
MIXED_AT_THE_END = ("macil_sd",)
# Of any size of a network.
LARGEST = 100_000
Optimiser = Literal["adamw", "adam", "adagrad"]
Form = Literal["released", "paper"]
Prompt = Literal["none", "released", "paper"]
Fusion = Literal["adaptive", "cross_attention", "addition", "concatenation", "none"]
Stream = Literal["video", "audio"]
Distillation = Literal["none", "mse", "released", "paper"]
Selection = Literal["last", "validation", "released"]
Sampling = Literal["shuffled", "paired"]
Branch = Literal["classification", "alignment"]
Measure = Literal["ap", "auc"]
Labels = Literal["true", "shuffled"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Architecture:
    """A network's shape.

    Attributes:
        model: ``vadclip``, ``teacher`` (audio-visual AVadCLIP), ``student`` (video-only AVadCLIP), or one of the
            methods in ``train.baselines``, whose shape is fixed.
        layers: Transformer blocks of the temporal adapter. The baselines have none and ignore it and what follows, but
            for ``max_snippets``.
        window: Snippets of one block of its block-local attention.
        max_snippets: Snippets of one input window (T).
        prompt: Form of the audio-visual prompt (paper eq. 5-6): ``released``, ``paper``, or ``none`` without it
            (Table 4). VadCLIP's is always ``released``.
        fusion: How the teacher joins its streams: ``adaptive`` (paper eq. 1-3), or what Tables 4 and 5 put in its
            place. ``none`` reads the video alone.
        stream: What the student reads: ``video``, or ``audio`` for the audio-only model of Table 6.
        focal: Whether the alignment loss has AVadCLIP's focal term. VadCLIP's never has.
        enhancement_blocks: Residual blocks of the student's enhancement net: 3 in the released
            implementation, 1 in the paper. The other models have none and ignore it.
    """

    model: Model
    layers: int = 1
    window: int = 64
    max_snippets: int = 256
    prompt: Prompt = "released"
    fusion: Fusion = "adaptive"
    stream: Stream = "video"
    focal: bool = True
    enhancement_blocks: int = 3

    def __post_init__(self) -> None:
        _check_choice("model", self.model, get_args(Model))
        _check_choice("prompt", self.prompt, get_args(Prompt))
        _check_choice("fusion", self.fusion, get_args(Fusion))
        _check_choice("stream", self.stream, get_args(Stream))
        for name in ("layers", "window", "max_snippets", "enhancement_blocks"):
            _check_at_least(name, getattr(self, name), 1)
            # A checkpoint of a stranger's names them too, and networks are built by them.
            if getattr(self, name) > LARGEST:
                raise InputError(f"{name}: {getattr(self, name)} must be at most {LARGEST}")
        if self.model not in BASELINES and self.max_snippets % self.window:
            raise InputError(f"window: {self.window} must divide max_snippets ({self.max_snippets})")

    @property
    def tells_classes(self) -> bool:
        """Whether the network tells which anomaly it is."""
        return self.model not in BASELINES or self.model in TELLING_BASELINES

    @property
    def reads_text(self) -> bool:
        """Whether the network reads the classes' names, and so needs CLIP's text tower to be trained."""
        return self.model not in BASELINES or self.model in READING_BASELINES

    @property
    def reads_audio(self) -> bool:
        """Whether the network reads the audio rows."""
        if self.model == "teacher":
            return self.fusion != "none"
        if self.model in HEARING_BASELINES:
            return True
        return self.model == "student" and self.stream == "audio"


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are AVadCLIP's on XD-Violence.

    Attributes:
        epochs: Passes over every (video, crop) pair. 0 saves the untrained network.
        batch: Samples a step; with ``paired`` sampling, normal and abnormal samples each.
        learning_rate: The optimiser's.
        weight_decay: The optimiser's.
        optimiser: ``adamw``, or what a baseline was trained with.
        milestones: Epochs after which the learning rate is multiplied by 0.1.
        cosine_epochs: Epochs after which the learning rate would be 0, falling along half a cosine; it excludes
            milestones. 0 leaves the fall to them.
        separation_weight: Weight of the text separation loss.
        distillation: What the student learns from its teacher: eq. 11 in its ``released`` or ``paper`` form, plain
            ``mse``, or ``none``, which needs no teacher (Table 6). The other models ignore it.
        distillation_weight: Its weight (student only).
        sampling: ``shuffled``: every pair once, shuffled; ``paired``: UCF-Crime's normal and abnormal halves.
        selection: Which epoch is kept: ``last``; ``validation``, best on a held-out tenth of the training
            videos; ``released``, best on the TEST set, as the published numbers were made.
        judge_every: Steps between judgements within an epoch, as UCF-Crime's released code makes them (10: after the
            11th step, the 21st, ...); 0 judges at the end of an epoch only. Needs selection ``released``.
        branch: Branch whose score selects the epoch.
        measure: Measure that selects it on the test set (``ap`` or ``auc``).
        labels: ``true``, or ``shuffled`` over the training videos: a control that must not learn.
        precision: Arithmetic of the wide layers: ``fp32``, or ``bf16``, which is quicker on hardware that has it and
            needs half the memory. What gives the logits of both branches, the losses, the text tower and the weights
            are fp32 either way. The baselines know fp32 alone.
        seed: Seed of weights, order and dropout.
    """

    epochs: int = 10
    batch: int = 96
    learning_rate: float = 1e-5
    weight_decay: float = 0.01
    optimiser: Optimiser = "adamw"
    milestones: tuple[int, ...] = (3, 6, 10)
    cosine_epochs: int = 0
    separation_weight: float = 1e-4
    distillation: Distillation = "released"
    distillation_weight: float = 1e-8
    sampling: Sampling = "shuffled"
    selection: Selection = "last"
    judge_every: int = 0
    branch: Branch = "alignment"
    measure: Measure = "ap"
    labels: Labels = "true"
    precision: Precision = "fp32"
    seed: int = 234

    def __post_init__(self) -> None:
        _check_at_least("epochs", self.epochs, 0)
        _check_at_least("batch", self.batch, 1)
        _check_at_least("judge_every", self.judge_every, 0)
        _check_choice("distillation", self.distillation, get_args(Distillation))
        _check_choice("optimiser", self.optimiser, get_args(Optimiser))
        _check_choice("sampling", self.sampling, get_args(Sampling))
        _check_choice("selection", self.selection, get_args(Selection))
        _check_choice("branch", self.branch, get_args(Branch))
        _check_choice("measure", self.measure, get_args(Measure))
        _check_choice("labels", self.labels, get_args(Labels))
        _check_choice("precision", self.precision, get_args(Precision))
        if self.judge_every and self.selection != "released":
            raise InputError(
                f"judge_every: {self.judge_every} judges within an epoch, which only selection 'released' does; "
                f"selection is {self.selection!r}, so set it to 0"
            )
        if self.learning_rate <= 0:
            raise InputError(f"learning_rate: {self.learning_rate} must be above 0")
        _check_at_least("cosine_epochs", self.cosine_epochs, 0)
        if self.cosine_epochs and self.milestones:
            raise InputError(f"cosine_epochs: {self.cosine_epochs} excludes milestones; leave the list of them empty")
        if 0 < self.cosine_epochs < self.epochs:
            raise InputError(
                f"cosine_epochs: {self.cosine_epochs} must not be below epochs ({self.epochs}), or the learning rate "
                "would rise again"
            )


def check_together(architecture: Architecture, recipe: Recipe) -> None:
    """Check that a network can be trained by a recipe.

    Raises:
        InputError: If the network's weights would be judged where they are not whole.
    """
    if recipe.judge_every and architecture.model in MIXED_AT_THE_END:
        raise InputError(
            f"judge_every: {architecture.model} mixes its two networks at the end of an epoch, so that its weights "
            f"within one are not the method's; {recipe.judge_every} judges within an epoch, set it to 0"
        )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name}: {value!r} must be one of {', '.join(choices)}")


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"{name}: {value} must be at least {least}")
