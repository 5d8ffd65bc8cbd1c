"""State dicts as training scripts leave them: under a key of a whole epoch, with a wrapper's prefix before every name.

A file of torch's may hold more than tensors: a score as a NumPy number, the script's arguments, a whole module. Such
objects are only stood in for; nothing that a file names is imported or called.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from extract.base.errors import InputError
from extract.base.printable import printable

# Of nn.DataParallel, torch.compile and Lightning. No network of this project has a part of such a name at its top.
PREFIXES = ("module.", "_orig_mod.", "model.")
# Files of torch before 1.6 do not say what they name; these are what stands there most.
USUAL = (
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray", "argparse.Namespace",
)  # fmt: skip
HOW_TO = "in the code that made it, torch.save(model.state_dict(), FILE) writes a plain one"
MOST_NAMED = 5


class StandIn:
    """What takes the place of an object that is no tensor and no plain container. It holds and does nothing."""

    def __init__(self, *_: object) -> None:
        """Take what the object was to be made of, and drop it."""

    def __setstate__(self, _: object) -> None:
        """Drop the object's state too."""


def load_inert(path: Path) -> Any:
    """Read a file of torch's, with a `StandIn` for every object that torch itself would refuse.

    Args:
        path: What ``torch.save`` wrote.

    Raises:
        Exception: Whatever ``torch.load`` raises on a file of another kind.
    """
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except ValueError:
        names = list(USUAL)
    with torch.serialization.safe_globals([(StandIn, name) for name in names]):
        return torch.load(path, map_location="cpu", weights_only=True)


def plain_state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """Take the tensors out of what a file held.

    Args:
        content: Tensors by name, or a dictionary with one entry that is; every name may begin with a wrapper's prefix.
        path: The file, for messages.

    Returns:
        The tensors by name without the prefix.

    Raises:
        InputError: If there are none, or several sets of them. Says what the file holds and how to get a plain one.
    """
    if isinstance(content, StandIn):
        raise _not_plain("a whole module, which is not run", path)
    if not isinstance(content, Mapping):
        raise _not_plain(f"a {type(content).__name__}", path)
    if _all_tensors(content):
        return _without_prefix(content)
    inner = {key: value for key, value in content.items() if _all_tensors(value)}
    if len(inner) > 1:
        raise _not_plain(f"several, {_listed(inner, ' and ')}", path)
    if not inner:
        raise _not_plain(_listed(content, ", ") or "nothing", path)
    return _without_prefix(next(iter(inner.values())))


def _not_plain(held: str, path: Path) -> InputError:
    return InputError(f"weights {path}: must hold a plain state dict, tensors by name; it holds {held}; {HOW_TO}")


def _listed(names: Mapping[Any, object], by: str) -> str:
    listed = by.join(printable(str(name)) for name in [*names][:MOST_NAMED])
    return f"{listed}, ..." if len(names) > MOST_NAMED else listed


def _all_tensors(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())
    )


def _without_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = list(state)
    # Wrappers stand in wrappers.
    while prefix := next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in names)), None):
        names = [name.removeprefix(prefix) for name in names]
    return dict(zip(names, state.values(), strict=True))
