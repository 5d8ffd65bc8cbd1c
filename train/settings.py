"""What is trained and how: the settings of a network and of its training, checked once.

Each setting says beside its default what it means and what it may be (`train.fields`): the command line, the
configuration's schema and the checks here are all made from that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from extract.base.errors import InputError
from extract.labels.label_set import LabelSet
from train.fields import check_fields, setting
from train.methods import METHODS, Method

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
ScoringClasses = Literal["trained", "dataset"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Architecture:
    """A network's shape; a method takes the settings that its record names (`train.methods`) and ignores the others."""

    model: str = setting(says="which method", choices=tuple(METHODS))
    layers: int = setting(1, says="transformer blocks of the temporal adapter", least=1, most=LARGEST)
    window: int = setting(64, says="snippets of one block of its block-local attention", least=1, most=LARGEST)
    max_snippets: int = setting(256, says="snippets of one input window (T)", least=1, most=LARGEST)
    prompt: Prompt = setting(
        "released",
        says="form of the audio-visual prompt (paper eq. 5-6); none: without (Table 4); VadCLIP's is always released",
    )
    fusion: Fusion = setting(
        "adaptive",
        says="how the teacher joins its streams: adaptive (paper eq. 1-3), what Tables 4 and 5 put in its place, or "
        "none, the video alone",
    )
    stream: Stream = setting(
        "video", says="what the student reads: video, or audio for the audio-only model of Table 6"
    )
    focal: bool = setting(True, says="focal term of AVadCLIP's alignment loss; VadCLIP's never has it")
    enhancement_blocks: int = setting(
        3,
        says="residual blocks of the student's enhancement net: 3 in the released implementation, 1 in the paper",
        least=1,
        most=LARGEST,
    )

    def __post_init__(self) -> None:
        # A checkpoint of a stranger's names all of these too, and networks are built by them.
        check_fields(self)
        if "window" in self.method.shape and self.max_snippets % self.window:
            raise InputError(f"window: {self.window} must divide max_snippets ({self.max_snippets})")

    @property
    def method(self) -> Method:
        """The method's record."""
        return METHODS[self.model]

    @property
    def tells_classes(self) -> bool:
        """Whether the network tells which anomaly it is."""
        return self.method.tells_classes

    @property
    def reads_text(self) -> bool:
        """Whether the network reads the classes' names, and so needs CLIP's text tower to be trained."""
        return self.method.reads_text

    @property
    def reads_audio(self) -> bool:
        """Whether the network reads the audio rows."""
        return self.method.reads_audio(self)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are AVadCLIP's on XD-Violence."""

    epochs: int = setting(10, says="passes over every (video, crop) pair; 0 saves the untrained network", least=0)
    batch: int = setting(96, says="samples a step; with paired sampling, normal and abnormal samples each", least=1)
    learning_rate: float = setting(1e-5, says="learning rate of the first epoch", above=0)
    weight_decay: float = setting(0.01, says="of the optimiser", least=0)
    optimiser: Optimiser = setting("adamw", says="adamw, or what another author's method was trained with")
    milestones: tuple[int, ...] = setting(
        (3, 6, 10), says="epochs after which the learning rate is multiplied by 0.1", least=1
    )
    cosine_epochs: int = setting(
        0,
        says="epochs after which the learning rate would be 0, falling along half a cosine; it excludes milestones",
        least=0,
    )
    separation_weight: float = setting(1e-4, says="weight of the text separation loss", least=0)
    distillation: Distillation = setting(
        "released",
        says="what a student learns from its teacher: eq. 11 in its released or paper form, plain mse, or none, which "
        "needs no teacher (Table 6)",
    )
    distillation_weight: float = setting(1e-8, says="weight of that loss", least=0)
    sampling: Sampling = setting(
        "shuffled", says="shuffled: every pair once; paired: UCF-Crime's normal and abnormal halves"
    )
    selection: Selection = setting(
        "last",
        says="which epoch is kept: last; validation, best on a held-out tenth of the training videos; released, best "
        "on the TEST set, as the published numbers were made",
    )
    judge_every: int = setting(
        0,
        says="steps between judgements within an epoch, as UCF-Crime's released code makes them (10: after the 11th "
        "step, the 21st, ...), which never judges its end; needs selection released; 0 judges the end alone",
        least=0,
    )
    branch: Branch = setting("alignment", says="branch whose score selects the epoch")
    measure: Measure = setting("ap", says="measure that selects it on the test set")
    labels: Labels = setting(
        "true", says="shuffled: dealt anew over the training videos, a control that must not learn"
    )
    precision: Precision = setting(
        "fp32",
        says="arithmetic of the wide layers; bf16 is quicker on hardware that has it and needs half the memory. "
        "Logits, losses, the text tower and the weights are fp32 either way; other authors' methods know fp32 alone",
    )
    seed: int = setting(234, says="seed of weights, order and dropout")

    def __post_init__(self) -> None:
        check_fields(self)
        if self.judge_every and self.selection != "released":
            raise InputError(
                f"judge_every: {self.judge_every} judges within an epoch, which only selection 'released' does; "
                f"selection is {self.selection!r}, so set it to 0"
            )
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
        InputError: If the network's weights would be judged where they are not whole, or its method knows no such
            precision.
    """
    model, method = architecture.model, architecture.method
    if recipe.judge_every and method.mixed_at_the_end:
        raise InputError(
            f"judge_every: {model} mixes its two networks at the end of an epoch, so that its weights "
            f"within one are not the method's; {recipe.judge_every} judges within an epoch, set it to 0"
        )
    if recipe.precision not in method.precisions:
        raise InputError(f"precision: {recipe.precision} is not for {model}, which knows fp32 alone")


def scoring_codes(labels: LabelSet, choice: str) -> tuple[str, ...]:
    """Give the label codes whose prompts scoring uses, or none where these are all.

    Args:
        labels: The data set that is trained on.
        choice: ``trained`` for all that are trained with, ``dataset`` for the data set's own classes alone.
    """
    return labels.codes if choice == "dataset" and labels.codes != labels.model_codes else ()


def as_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Take settings as YAML has them: its lists become the tuples that a frozen data class holds."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def distils(architecture: Architecture, recipe: Recipe) -> bool:
    """Whether a network learns from a teacher too, by this recipe."""
    return architecture.method.distilled and recipe.distillation != "none"
