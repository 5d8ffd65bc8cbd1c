"""``python unpickle_scores.py FILE --out FOLDER``: scores that another repository pickled, as a ``.npy`` file a video.

A pickle runs code as it is read. So nothing of the pipeline reads one. This script is for you to run, on files whose
makers you trust, where the packages that made them are installed. It takes a dictionary of name to scores, also one
dictionary deeper (class, then name), from ``pickle.dump``, ``numpy.save`` or ``torch.save``. It needs numpy alone.
"""

import argparse
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0].replace("``", ""))
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of .npy files to make")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, scores in flat(read(arguments.file)):
        stem = str(name).replace("\\", "/").rpartition("/")[2]
        np.save(arguments.out / f"{stem}.npy", np.asarray(scores, dtype=np.float32), allow_pickle=False)


def read(path: Path) -> Any:
    """Unpickle a file, which may run what is in it."""
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=True).item()
    if path.suffix in (".pt", ".pth"):
        import torch

        return torch.load(path, map_location="cpu", weights_only=False)
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - what this script is for


def flat(scores: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Give name and scores of each video."""
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from flat(value)
        else:
            yield name, value


if __name__ == "__main__":
    main()
