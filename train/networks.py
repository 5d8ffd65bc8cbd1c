"""From an architecture's settings to its network."""

from importlib import import_module

from torch import nn

from extract.shard import USUAL_WIDTHS, Widths
from train.methods import Method
from train.settings import Architecture


def build_network(architecture: Architecture, classes: int = 7, widths: Widths = USUAL_WIDTHS) -> nn.Module:
    """Build an untrained network; weights come from PyTorch's global generator, which the caller seeds.

    Args:
        architecture: Its shape.
        classes: Classes of a network with an output for each; 7 are XD-Violence's.
        widths: Width of the rows that it reads.
    """
    method = architecture.method
    shape = {name: getattr(architecture, name) for name in method.shape} | {"dim": widths.visual}
    if architecture.reads_audio:
        shape["audio_dim"] = widths.audio
    if method.classes:
        shape["classes"] = classes
    return network_class(method)(**shape)


def network_class(method: Method) -> type[nn.Module]:
    """Import the class of a method's network."""
    module, _, name = method.network.partition(":")
    found: type[nn.Module] = getattr(import_module(module), name)
    return found
