"""Released checkpoints (plain state dicts of AVadCLIP and VadCLIP) in this project's parameter names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from extract.base.errors import InputError

if TYPE_CHECKING:
    import open_clip

# Our modules and the released names for them; both sides are prefixes unless they end in a parameter.
_MODULES = {
    "temporal.position_embedding": "frame_position_embeddings.weight",
    "temporal.transformer.": "temporal.resblocks.",
    "temporal.similarity.first.": "gc1.",
    "temporal.similarity.second.": "gc2.",
    "temporal.distance.first.": "gc3.",
    "temporal.distance.second.": "gc4.",
    "temporal.linear.": "linear.",
    "audio_tcn.blocks.": "temporalconvnet.network.",
    "fusion.gate.": "temporalgatedresidual.gate_proj.0.",
    "fusion.residual.": "temporalgatedresidual.residual_proj.",
    "branches.mlp.": "mlp2.",
    "branches.classifier.": "classifier.",
    "branches.class_embedding.mlp.": "mlp1.",
    "uncertainty.layers.": "fe_net.theta.theta.",
}
_CONTEXT = "text_prompt_embeddings.weight"
_CLIP = "clipmodel."
_UNUSED = "disAdj.sigma"
IMAGE_TOWER = f"{_CLIP}visual."


class ReleasedWeights(NamedTuple):
    """A released checkpoint, taken apart.

    Attributes:
        network: State dict for the network the checkpoint was matched with.
        context: Learned context ``[77, D]`` of `train.model.prompts.LearnablePrompt`.
        alignment: State dict for the loss: ``alpha`` ``[C]`` of `losses.FocalAlignmentLoss`, none for VadCLIP.
        clip: State dict for open_clip's model; empty if the checkpoint was stored without CLIP.
    """

    network: dict[str, Tensor]
    context: Tensor
    alignment: dict[str, Tensor]
    clip: dict[str, Tensor]


def released_name(name: str) -> str:
    """Translate a parameter's name in one of our networks into its released name."""
    if name.startswith("enhancement.blocks."):
        index, parameter = name.removeprefix("enhancement.blocks.").split(".")
        return f"fe_net.conv.{index}.conv.0.{parameter}"
    ours = next(prefix for prefix in _MODULES if name.startswith(prefix))
    released = _MODULES[ours] + name.removeprefix(ours)
    # Weight normalisation as a parametrisation names its magnitude and direction by number.
    released = released.replace("parametrizations.weight.original0", "weight_g")
    return released.replace("parametrizations.weight.original1", "weight_v")


def match_released(
    state: Mapping[str, Tensor], network: nn.Module, alignment: nn.Module, source: str
) -> ReleasedWeights:
    """Take a released state dict apart for a network of the same architecture.

    Args:
        state: Tensors by released name.
        network: VadCLIP, teacher or student, built with the layers and blocks of the checkpoint. Not changed:
            ``network.load_state_dict(result.network)`` does that.
        alignment: Its loss of the alignment branch.
        source: Where ``state`` was read, for messages.

    Raises:
        InputError: If a parameter is missing, has another shape or is unknown; the message names the first.
    """
    names = {name: released_name(name) for name in network.state_dict()}
    for name, tensor in network.state_dict().items():
        _check(state, names[name], tuple(tensor.shape), source)
    if _CONTEXT not in state:
        raise InputError(f"{source}: parameter {_CONTEXT} is missing")
    losses = alignment.state_dict()
    for name, tensor in losses.items():
        _check(state, name, tuple(tensor.shape), source)
    known = {*names.values(), *losses, _CONTEXT, _UNUSED}
    for name, tensor in state.items():
        first = _first_name(name)
        if first not in known and not name.startswith(_CLIP):
            raise InputError(
                f"{source}: unknown parameter {name}; {type(network).__name__} with these settings has none like it"
            )
        if first != name and not torch.equal(tensor, state[first]):
            raise InputError(f"{source}: parameter {name} differs from {first}, of which it is a second name")
    return ReleasedWeights(
        network={ours: state[released] for ours, released in names.items()},
        context=state[_CONTEXT],
        alignment={name: state[name] for name in losses},
        clip={name.removeprefix(_CLIP): tensor for name, tensor in state.items() if name.startswith(_CLIP)},
    )


def load_clip_weights(clip: "open_clip.CLIP", state: Mapping[str, Tensor], source: str) -> None:
    """Put the CLIP weights of a released checkpoint into an open_clip model.

    Args:
        clip: An open_clip ``ViT-B-16-quickgelu``; changed in place. Its image tower keeps its weights where
            ``state`` has none.
        state: `ReleasedWeights.clip`.
        source: Where ``state`` was read, for messages.

    Raises:
        InputError: If the text side is incomplete, or a parameter is unknown or has another shape.
    """
    expected: dict[str, Tensor] = clip.state_dict()
    for name, tensor in expected.items():
        if name in state or not name.startswith("visual."):
            _check(state, name, tuple(tensor.shape), source, _CLIP)
    for name in state:
        if name not in expected:
            raise InputError(f"{source}: unknown parameter {_CLIP}{name}; open_clip's model has none like it")
    clip.load_state_dict(dict(state), strict=False)


def _check(state: Mapping[str, Tensor], name: str, shape: tuple[int, ...], source: str, prefix: str = "") -> None:
    if name not in state:
        raise InputError(f"{source}: parameter {prefix}{name} is missing")
    if tuple(state[name].shape) != shape:
        raise InputError(f"{source}: parameter {prefix}{name} has shape {list(state[name].shape)}, not {list(shape)}")


def _first_name(name: str) -> str:
    # The released TCN registers each convolution twice, by name and inside a Sequential.
    return name.replace(".net.0.", ".conv1.").replace(".net.4.", ".conv2.")
