"""One record a method: its network, what it reads and tells, which settings are its own, and its published recipe.

Whoever adds a method writes its file and one entry here; command lines, the configuration's checks, the precision it is
trained in, its tables and pages follow from the entry. Networks are named by ``module:class``, so that reading a
configuration need not wait for PyTorch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from extract.published_encoders import C3D, I3D_1024, I3D_2048, VGGISH


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
        tells_classes: Whether it tells which anomaly it is.
        reads_text: Whether it reads the classes' names, and so needs CLIP's text tower to be trained.
        classes: Whether its network has an output for each class, and so takes their number.
        published_on: Encoders of the features that published results of it were made on, (visual,) or (visual, audio)
            each; empty where they are the usual ones.
        faithfulness: How near it is to what its authors ran, as every table says it; empty for the methods that
            this project is about.
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
    reads_text: bool = False
    classes: bool = False
    faithfulness: str = ""
    published_on: tuple[tuple[str, ...], ...] = ()
    focal: bool = False
    distilled: bool = False
    teaches: bool = False
    mixed_at_the_end: bool = False
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_baseline(self) -> bool:
        """Whether it is another author's method, whose network brings its own losses (`train.baselines.interface`)."""
        return self.network.startswith("train.baselines.")

    @property
    def precisions(self) -> tuple[str, ...]:
        """The arithmetic it can be trained in."""
        return ("fp32",) if self.is_baseline else ("fp32", "bf16")


_ADAPTER = ("max_snippets", "layers", "window")
VADCLIP, TEACHER, STUDENT = "vadclip", "teacher", "student"

# Recipes by which more than one method is trained.
_DEEP_MIL: Mapping[str, Any] = {
    "epochs": 63,
    "batch": 30,
    "learning_rate": 0.01,
    "weight_decay": 0,
    "milestones": [],
    "sampling": "paired",
    "optimiser": "adagrad",
}
_HL_NET: Mapping[str, Any] = {
    "epochs": 50,
    "batch": 128,
    "learning_rate": 1e-4,
    "weight_decay": 0,
    "milestones": [10],
    "optimiser": "adam",
}
_UR_DMU: Mapping[str, Any] = {
    "epochs": 20,
    "batch": 64,
    "learning_rate": 1e-4,
    "weight_decay": 5e-5,
    "milestones": [],
    "sampling": "paired",
    "optimiser": "adam",
}

METHODS: dict[str, Method] = {
    VADCLIP: Method("train.model.vadclip:VadCLIP", shape=_ADAPTER, tells_classes=True, reads_text=True),
    TEACHER: Method(
        "train.model.avadclip:AudioVisualTeacher",
        shape=(*_ADAPTER, "prompt", "fusion"),
        reads_audio=lambda architecture: architecture.fusion != "none",
        tells_classes=True,
        reads_text=True,
        focal=True,
        teaches=True,
    ),
    STUDENT: Method(
        "train.model.avadclip:VideoStudent",
        shape=(*_ADAPTER, "prompt", "stream", "enhancement_blocks"),
        reads_audio=lambda architecture: architecture.stream == "audio",
        tells_classes=True,
        reads_text=True,
        focal=True,
        distilled=True,
    ),
    "deep_mil": Method(
        "train.baselines.deep_mil:DeepMIL",
        # C3D its authors'; I3D those of HL-Net and RTFM, who ran it on theirs: github.com/Roc-Ng/DeepMIL/issues/24 and
        # github.com/tianyu0207/RTFM/issues/54. Neither table was read in the papers.
        published_on=((C3D,), (I3D_1024,), (I3D_2048,)),
        faithfulness="released network",
        recipe=_DEEP_MIL,
    ),
    "deep_mil_classes": Method(
        "train.baselines.deep_mil_classes:DeepMILClasses",
        tells_classes=True,
        classes=True,
        faithfulness="DeepMIL with a class head after others' description, details ours",
        recipe=_DEEP_MIL,
    ),
    "rtfm": Method(
        "train.baselines.rtfm:RTFM",
        # XD-Violence's own and ResNet-50's, as its author says: github.com/tianyu0207/RTFM/issues/33, 2 and 85.
        published_on=((I3D_1024,), (I3D_2048,)),
        faithfulness="released network",
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
        published_on=((I3D_1024,),),
        faithfulness="released network",
        recipe=_HL_NET,
    ),
    "hl_net_audio_visual": Method(
        "train.baselines.hl_net:HLNetAudioVisual",
        published_on=((I3D_1024, VGGISH),),
        reads_audio=_always,
        faithfulness="released network",
        recipe=_HL_NET,
    ),
    "avvd": Method(
        "train.baselines.avvd:AVVD",
        tells_classes=True,
        classes=True,
        faithfulness="HL-Net with a class head after others' description, details ours",
        recipe=_HL_NET,
    ),
    "efficient_prompt": Method(
        "train.baselines.efficient_prompt:EfficientPrompt",
        shape=("max_snippets",),
        tells_classes=True,
        reads_text=True,
        faithfulness="released network and optimiser, weak loss and frame score ours",
        recipe={
            "epochs": 10,
            "batch": 64,
            "learning_rate": 1e-4,
            "weight_decay": 0.01,
            "milestones": [],
            "optimiser": "adamw",
        },
    ),
    "ur_dmu": Method(
        "train.baselines.ur_dmu:URDMU",
        published_on=((I3D_1024,),),
        faithfulness="released network",
        recipe=_UR_DMU,
    ),
    "ur_dmu_audio_visual": Method(
        "train.baselines.ur_dmu_audio_visual:URDMUAudioVisual",
        published_on=((I3D_1024, VGGISH),),
        reads_audio=_always,
        faithfulness="released network, audio joined at the input as its author describes",
        recipe=_UR_DMU,
    ),
    "clip_tsa": Method(
        "train.baselines.clip_tsa:CLIPTSA",
        faithfulness="released network",
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
        published_on=((I3D_1024, VGGISH),),
        reads_audio=_always,
        mixed_at_the_end=True,
        faithfulness="released network",
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
    "fvai": Method(
        "train.baselines.fvai:FVAI",
        reads_audio=_always,
        faithfulness="formulas from a third-party note, widths, weights, recipe ours",
        recipe=_HL_NET,
    ),
    "cupl": Method(
        "train.baselines.cupl:CUPL",
        reads_audio=_always,
        faithfulness="last stage's network as released, first stage, choice of clips and rates ours",
        recipe={
            "epochs": 20,
            "batch": 40,
            "learning_rate": 0.01,
            "weight_decay": 0.001,
            "milestones": [],
            "sampling": "paired",
            "optimiser": "adagrad",
        },
    ),
    "tpwng": Method(
        "train.baselines.tpwng:TPWNG",
        tells_classes=True,
        reads_text=True,
        faithfulness="after the paper, depth, heads, rates from third-party reports of its supplement, pseudo-label "
        "direction inferred",
        recipe={
            "epochs": 20,
            "batch": 32,
            "learning_rate": 1e-4,
            "weight_decay": 0.005,
            "milestones": [],
            "sampling": "paired",
            "optimiser": "adam",
        },
    ),
    "dsanet": Method(
        "train.baselines.dsanet:DSANet",
        shape=_ADAPTER,
        tells_classes=True,
        reads_text=True,
        faithfulness="released network and training",
        recipe={
            "epochs": 10,
            "batch": 96,
            "learning_rate": 1e-5,
            "weight_decay": 0.01,
            "milestones": [],
            "cosine_epochs": 10,
            "optimiser": "adamw",
        },
    ),
    "dsanet_ucf": Method(
        "train.baselines.dsanet:DSANetUCF",
        shape=_ADAPTER,
        tells_classes=True,
        reads_text=True,
        faithfulness="released network and training",
        recipe={
            "epochs": 10,
            "batch": 64,
            "learning_rate": 7e-5,
            "weight_decay": 0.01,
            "milestones": [],
            "cosine_epochs": 10,
            "sampling": "paired",
            "optimiser": "adamw",
        },
    ),
}
