"""A GPU for machines without one: tensors that keep their numbers on the processor and say that they are on ``cuda:0``.

Within ``pretended_gpu()`` a tensor comes there as it comes to CUDA (``.to("cuda")``, ``device=`` of a factory), what is
computed from it stays there, and what CUDA refuses is refused: tensors of the processor beside those of the GPU, but
for single numbers; NumPy; the processor's random numbers. An index of the processor is refused too, which CUDA takes,
since every use of one waits for a copy.

What it cannot find: kernels that compute something else, gradients (autograd computes below it), and missing waits.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("cuda", 0)
# They copy from one device to the other, or only look.
CROSSING = {"copy_", "to", "cuda", "cpu", "type", "pin_memory", "backward", "_has_compatible_shallow_copy_type"}


class OnGpu(Tensor):
    """A tensor that says that it is on ``cuda:0``."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return GPU

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        return False


class _Mode(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, kwargs = getattr(func, "__name__", ""), dict(kwargs or {})
        if name == "_parse_to":
            return func(*args, **kwargs)  # reads the words of a module's ``to``, in which the device must stay
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_gpu = any(isinstance(tensor, OnGpu) for tensor in tensors)
        target = _device_in((args if name in ("to", "cuda") else ()), kwargs)
        if name == "cuda":
            target = GPU
        goes_there = target.type == "cuda" if target else on_gpu and name != "cpu"
        _refuse(name, tensors, args, kwargs, on_gpu=on_gpu, goes_there=goes_there)
        args, kwargs = tree_map(_on_the_processor, (tuple(args), kwargs))
        if name == "cuda":
            func, args, kwargs = Tensor.clone, args[:1], {}
        if name == "pin_memory":
            return args[0]
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
            if on_gpu and not goes_there:
                result = tree_map(lambda leaf: leaf.clone().as_subclass(Tensor) if _is_ours(leaf) else leaf, result)
            elif (goes_there and name not in ("__get__", "__set__")) or (name == "__get__" and on_gpu):
                result = tree_map(lambda leaf: leaf.as_subclass(OnGpu) if _is_plain(leaf) else leaf, result)
        return result


def _refuse(
    name: str, tensors: list[Tensor], args: Sequence[Any], kwargs: dict[str, Any], *, on_gpu: bool, goes_there: bool
) -> None:
    if name == "numpy" and on_gpu:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
    generator = kwargs.get("generator")
    if goes_there and generator is not None and generator.device.type == "cpu":
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
    if name == "__setitem__" and not any(isinstance(leaf, Tensor) for leaf in tree_leaves(args[1])):
        return  # a slice is filled by a copy
    if on_gpu and name not in CROSSING and any(_is_plain(tensor) and tensor.dim() for tensor in tensors):
        shapes = [f"{'cuda:0' if isinstance(tensor, OnGpu) else 'cpu'} {list(tensor.shape)}" for tensor in tensors]
        raise RuntimeError(f"Expected all tensors to be on the same device: {name} of {', '.join(shapes)}")


def _device_in(args: Sequence[Any], kwargs: dict[str, Any]) -> torch.device | None:
    for given in (kwargs.get("device"), *args[1:], kwargs.get("other")):
        if isinstance(given, torch.device):
            return given
        if isinstance(given, str) and given.split(":")[0] in ("cpu", "cuda"):
            return torch.device(given)
        if isinstance(given, Tensor):
            return given.device
    return None


def _on_the_processor(leaf: Any) -> Any:
    if isinstance(leaf, torch.device) and leaf.type == "cuda":
        return torch.device("cpu")
    return "cpu" if isinstance(leaf, str) and leaf.split(":")[0] == "cuda" else leaf


def _is_ours(leaf: Any) -> bool:
    return isinstance(leaf, OnGpu)


def _is_plain(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and not isinstance(leaf, OnGpu)


class _Event:
    """What is recorded is done at once."""

    def record(self) -> None:
        pass

    def synchronize(self) -> None:
        pass


@contextmanager
def pretended_gpu() -> Iterator[torch.device]:
    """Give ``cuda:0`` within the block."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    # Else a module's ``to`` would keep the parameter and exchange only its numbers.
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with _Mode(), patch.object(torch.cuda, "Event", _Event):
            yield GPU
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
