"""One record a method: its network, what it reads and tells, which settings are its own, and its published recipe.

Whoever adds a method writes its file and one entry here; command lines, the configuration's checks, the precision it is
trained in, its tables and pages follow from the entry. Networks are named by ``module:class``, so that reading a
configuration need not wait for PyTorch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


def _never(architecture: Any) -> bool:
    return False


def _always(architecture: Any) -> bool:
    return True


@dataclass(frozen=True)
class Method:
    """What is known of one method.

    Attributes:
        network: ``module:class`` of its ``torch.nn.Module``.
        shape: The settings of `train.settings.Architecture` that its network takes, by their names.
        reads_audio: Whether a network of this method, of a given `train.settings.Architecture`, reads the audio rows.
        tells_classes: Whether it tells which anomaly it is, and so needs CLIP's text tower to be trained.
        focal: Whether its alignment loss may have AVadCLIP's focal term.
        distilled: Whether it may learn from a teacher, another method of this list.
        teaches: Whether others may learn from it.
        mixed_at_the_end: Whether its weights are whole only after the mixing at the end of an epoch.
        recipe: Settings of `train.settings.Recipe` by which it was published; a configuration's own come on top of
            them. Without any, a configuration says them all.
    """

    network: str
    shape: tuple[str, ...] = ()
    reads_audio: Callable[[Any], bool] = _never
    tells_classes: bool = False
    focal: bool = False
    distilled: bool = False
    teaches: bool = False
    mixed_at_the_end: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def precisions(self) -> tuple[str, ...]:
        """The arithmetic it can be trained in."""
        return ("fp32", "bf16") if self.tells_classes else ("fp32",)


_ADAPTER = ("max_snippets", "layers", "window")
VADCLIP, TEACHER, STUDENT = "vadclip", "teacher", "student"

METHODS: dict[str, Method] = {
    VADCLIP: Method("train.model.vadclip:VadCLIP", shape=_ADAPTER, tells_classes=True),
    TEACHER: Method(
        "train.model.avadclip:AudioVisualTeacher",
        shape=(*_ADAPTER, "prompt", "fusion"),
        reads_audio=lambda architecture: architecture.fusion != "none",
        tells_classes=True,
        focal=True,
        teaches=True,
    ),
    STUDENT: Method(
        "train.model.avadclip:VideoStudent",
        shape=(*_ADAPTER, "prompt", "stream", "enhancement_blocks"),
        reads_audio=lambda architecture: architecture.stream == "audio",
        tells_classes=True,
        focal=True,
        distilled=True,
    ),
    "deep_mil": Method(
        "train.baselines.deep_mil:DeepMIL",
        recipe={
            "epochs": 63,
            "batch": 30,
            "learning_rate": 0.01,
            "weight_decay": 0,
            "milestones": [],
            "sampling": "paired",
            "optimiser": "adagrad",
        },
    ),
    "rtfm": Method(
        "train.baselines.rtfm:RTFM",
        recipe={
            "epochs": 50,
            "batch": 32,
            "learning_rate": 0.001,
            "weight_decay": 0.005,
            "milestones": [],
            "sampling": "paired",
            "optimiser": "adam",
        },
    ),
    "hl_net": Method(
        "train.baselines.hl_net:HLNet",
        recipe={
            "epochs": 50,
            "batch": 128,
            "learning_rate": 1e-4,
            "weight_decay": 0,
            "milestones": [10],
            "optimiser": "adam",
        },
    ),
    "hl_net_audio_visual": Method(
        "train.baselines.hl_net:HLNetAudioVisual",
        reads_audio=_always,
        recipe={
            "epochs": 50,
            "batch": 128,
            "learning_rate": 1e-4,
            "weight_decay": 0,
            "milestones": [10],
            "optimiser": "adam",
        },
    ),
    "ur_dmu": Method(
        "train.baselines.ur_dmu:URDMU",
        recipe={
            "epochs": 20,
            "batch": 64,
            "learning_rate": 1e-4,
            "weight_decay": 5e-5,
            "milestones": [],
            "sampling": "paired",
            "optimiser": "adam",
        },
    ),
    "clip_tsa": Method(
        "train.baselines.clip_tsa:CLIPTSA",
        recipe={
            "epochs": 7,
            "batch": 16,
            "learning_rate": 0.001,
            "weight_decay": 0.005,
            "milestones": [],
            "sampling": "paired",
            "optimiser": "adam",
        },
    ),
    "macil_sd": Method(
        "train.baselines.macil_sd:MACILSD",
        reads_audio=_always,
        mixed_at_the_end=True,
        recipe={
            "epochs": 50,
            "batch": 128,
            "learning_rate": 4e-4,
            "weight_decay": 0,
            "milestones": [],
            "cosine_epochs": 60,
            "optimiser": "adam",
        },
    ),
}
