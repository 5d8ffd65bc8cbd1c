"""Where the weights of a frozen encoder come from, and the name under which files remember them."""

import hashlib
import pickle
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from extract.base.errors import InputError
from extract.base.regular_file import check_regular, open_regular
from extract.encoders.wrapped_state import load_inert, plain_state_dict

RANDOM = "random:"
CALIBRATED = ":calibrated"
# What torch's restricted unpickler raises on files of another kind, depending on where it loses its way.
UNREADABLE = (
    OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, AssertionError,
    OverflowError, MemoryError, struct.error, pickle.UnpicklingError,
)  # fmt: skip


def random_seed(weights: str) -> int | None:
    """Give the seed of ``"random:<seed>"``, calibrated or not, or ``None`` if ``weights`` names a file.

    Raises:
        InputError: If what follows ``random:`` is no whole number in 0 .. 2^63 - 1.
    """
    if not weights.startswith(RANDOM):
        return None
    digits = weights.removeprefix(RANDOM).removesuffix(CALIBRATED)
    if not (digits.isascii() and digits.isdigit() and int(digits) < 2**63):
        raise InputError(
            f"weights {weights!r}: write random:<seed> with a seed such as 0, or the path of a weights file"
        )
    return int(digits)


def is_calibrated(weights: str) -> bool:
    """Say whether ``weights`` are ``"random:<seed>:calibrated"``: untrained, with features of a trained one's scale."""
    return weights.startswith(RANDOM) and weights.endswith(CALIBRATED)


def file_sha256(path: Path) -> str:
    """Give the sha256 of a file, the identity of its weights, as 64 hex digits.

    Raises:
        InputError: If the file is absent or cannot be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError as error:
        raise InputError(
            f"weights {path}: {error.strerror}; give the path of a weights file, or random:<seed> for untrained weights"
        ) from None


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors file, or from a state dict saved by torch, plain or wrapped.

    Nothing but tensors and plain containers is unpickled; see `extract.encoders.wrapped_state` for what is unwrapped.

    Raises:
        InputError: If the file is of another kind.
    """
    try:
        check_regular(path)
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: object = load_file(path)
        else:
            content = load_inert(path)
    except (*UNREADABLE, _safetensors_error()) as error:
        raise InputError(
            f"weights {path}: no safetensors file and no plain state dict ({_first_sentence(error)})"
        ) from error
    state = plain_state_dict(content, path)
    for name, value in state.items():
        if value.layout is not torch.strided:
            raise InputError(f"weights {path}: tensor {name} is sparse; store it as a plain tensor")
        # A few numbers can be declared to be any number of them, and are made so when they are copied.
        if value.untyped_storage().nbytes() < value.nbytes:
            raise InputError(
                f"weights {path}: tensor {name} declares numbers that are not stored; fetch the file again"
            )
    return state


def load_strictly(module: torch.nn.Module, state: dict[str, Tensor], source: str, name: str = "the encoder") -> None:
    """Copy ``state`` into ``module`` as float32; every tensor must fit and none may be missing or left over.

    Raises:
        InputError: Naming ``source``, ``name`` and the first tensors that do not fit.
    """
    try:
        module.load_state_dict({name: value.to(torch.float32) for name, value in state.items()})
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:4]]
        raise InputError(f"weights {source}: do not fit {name}: {' '.join(lines)[:400]}") from None


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from torch's CPU generator as if freshly seeded; afterwards it is where it was before."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would also reseed every GPU.
        torch.default_generator.manual_seed(seed)
        yield


def _first_sentence(error: Exception) -> str:
    # torch goes on with advice on how to unpickle everything, in a terminal's colours.
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line.split(". ")[0]


def _safetensors_error() -> type[Exception]:
    from safetensors import SafetensorError

    error: type[Exception] = SafetensorError
    return error
