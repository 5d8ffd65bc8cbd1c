"""From an architecture's settings to its network."""

from typing import assert_never

from torch import nn

from train.avadclip import AudioVisualTeacher, VideoStudent
from train.baselines.avvd import AVVD
from train.baselines.clip_tsa import CLIPTSA
from train.baselines.deep_mil import DeepMIL
from train.baselines.deep_mil_classes import DeepMILClasses
from train.baselines.efficient_prompt import EfficientPrompt
from train.baselines.hl_net import HLNet, HLNetAudioVisual
from train.baselines.macil_sd import MACILSD
from train.baselines.rtfm import RTFM
from train.baselines.ur_dmu import URDMU
from train.baselines.ur_dmu_audio_visual import URDMUAudioVisual
from train.settings import Architecture
from train.vadclip import VadCLIP


def build_network(architecture: Architecture, classes: int = 7) -> nn.Module:
    """Build an untrained network; weights come from PyTorch's global generator, which the caller seeds.

    Args:
        architecture: Its shape.
        classes: Classes of a network with an output for each, which does not read them as texts; 7 are XD-Violence's.
    """
    match architecture.model:
        case "vadclip":
            return VadCLIP(architecture.max_snippets, architecture.layers, architecture.window)
        case "teacher":
            return AudioVisualTeacher(
                architecture.max_snippets,
                architecture.layers,
                architecture.window,
                prompt_form=architecture.prompt,
                fusion=architecture.fusion,
            )
        case "student":
            return VideoStudent(
                architecture.max_snippets,
                architecture.layers,
                architecture.window,
                enhancement_blocks=architecture.enhancement_blocks,
                prompt_form=architecture.prompt,
                stream=architecture.stream,
            )
        case "deep_mil":
            return DeepMIL()
        case "deep_mil_classes":
            return DeepMILClasses(classes=classes)
        case "rtfm":
            return RTFM()
        case "hl_net":
            return HLNet()
        case "hl_net_audio_visual":
            return HLNetAudioVisual()
        case "avvd":
            return AVVD(classes=classes)
        case "efficient_prompt":
            return EfficientPrompt(positions=architecture.max_snippets)
        case "ur_dmu":
            return URDMU()
        case "ur_dmu_audio_visual":
            return URDMUAudioVisual()
        case "clip_tsa":
            return CLIPTSA()
        case "macil_sd":
            return MACILSD()
    assert_never(architecture.model)
