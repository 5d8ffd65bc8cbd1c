"""The seeded scores behind the golden metrics, on the data sets' real annotations."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from extract.catalog import Segment
from extract.datasets import DATA_SETS
from tests.golden.fixture import class_probabilities, snippet_counts

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
GOLDEN: dict[str, dict[str, Any]] = json.loads((ROOT / "tests" / "golden" / "metrics.json").read_text())
STRIDES = {"xd": 16, "cctv": 4, "ucf": 16}

needs_annotations = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real annotations are not in {DATA}")


class GoldenSet(NamedTuple):
    codes: tuple[str, ...]
    stride: int
    classes: list[NDArray[np.float32]]
    segments: list[list[Segment]]


def golden_set(name: str) -> GoldenSet:
    annotations = json.loads((DATA / name / f"gt_{name}.json").read_text())
    codes, stride = DATA_SETS[name].codes, STRIDES[name]
    classes = class_probabilities(snippet_counts(annotations, stride, "open"), len(codes), "open")
    segments = [
        [Segment(label, start, end) for label, (start, end) in zip(video["labels"], video["segments"], strict=True)]
        # UCF-Crime's normal videos carry a code that its classes do not have.
        if set(video["labels"]) <= set(codes)
        else []
        for video in annotations
    ]
    return GoldenSet(codes, stride, classes, segments)
