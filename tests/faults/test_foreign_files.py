"""Files of strangers that say where their content lies, how much there is of it, or that are no files."""

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from evaluate.learning import read_kinds
from evaluate.scores_file import ScoredVideo, ScoresHeader, read_scores, write_scores
from evaluate.tables import read_run
from extract.base.errors import InputError
from extract.catalog import Segment, read_catalog
from extract.check import check
from extract.encoders.weights import file_sha256, read_state_dict
from extract.failures import read_failures
from extract.lists.annotation_lines import read_lines
from extract.lists.feature_list import read_feature_list
from extract.npy.feature_file import inspect_features, read_features
from extract.shard import Shard
from extract.workfile import WorkFile
from tests.faults.foreign_hdf5 import (
    Change,
    a_link_to_another_file,
    a_soft_link,
    compressed_to_almost_nothing,
    in_another_file,
    never_stored,
    over_a_missing_file,
    over_itself,
    stored_in_part,
)
from tests.shards import Made, make_shard
from train.checkpoint import read_header
from train.frame_ap import join_frames


def shard(folder: Path) -> Path:
    return make_shard(folder / "test-00000.h5", [Made("a", ("A",), 3), Made("b", ("B1",), 3)], split="test")


def scores(folder: Path) -> Path:
    probabilities = np.full((7, 2), 0.5, np.float32)
    video = ScoredVideo(probabilities[:, 0], probabilities[:, 0], probabilities, 112)
    write_scores(folder / "scores.h5", ScoresHeader(16, ("A", "B1")), [("a", video)])
    return folder / "scores.h5"


CHANGES = [
    (over_itself, "takes its values from elsewhere"),
    (over_a_missing_file, "takes its values from elsewhere"),
    (in_another_file, "takes its values from elsewhere"),
    (a_soft_link, "is a link"),
    (a_link_to_another_file, "is a link"),
    (never_stored, "some were never stored"),
    (stored_in_part, "some were never stored"),
    (compressed_to_almost_nothing, r"declares 134217728 bytes"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize(
    ("make", "read", "group", "name"),
    [(shard, Shard, "/", "visual"), (shard, Shard, "videos", "start"), (scores, read_scores, "a", "anomaly")],
    ids=["features", "column", "scores"],
)
def test_what_lies_elsewhere_or_is_only_declared_is_refused_before_it_is_read(
    tmp_path: Path, change: Change, message: str, make: Any, read: Any, group: str, name: str
) -> None:
    path = make(tmp_path)
    with h5py.File(path, "r+", libver="latest") as file:
        change(file[group], name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=message):
        read(path)
    problems = check(path)[1]
    assert any(name in problem for problem in problems), problems
    # Kilobytes: what is declared, 128 MB and more, was never made room for.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_whole_group_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = scores(tmp_path)
    with h5py.File(path, "r+") as file:
        a_link_to_another_file(file["/"], "a")
    with pytest.raises(InputError, match="/a is a link"):
        read_scores(path)


def test_scores_that_another_program_compressed_are_read(tmp_path: Path) -> None:
    path = scores(tmp_path)
    expected = read_scores(path)[1]["a"]
    with h5py.File(path, "r+") as file:
        for name in ("anomaly", "anomaly_alignment", "classes"):
            values = file["a"][name][()]
            del file["a"][name]
            file["a"].create_dataset(name, data=values, chunks=values.shape, compression="gzip", shuffle=True)
    found = read_scores(path)[1]["a"]
    assert np.array_equal(found.classes, expected.classes)
    assert check(path) == ("scores", [])


READERS: dict[str, Callable[[Path], Any]] = {
    "catalog": read_catalog,
    "annotations": lambda path: read_lines(path, "make it"),
    "list": read_feature_list,
    "features": read_features,
    "header of features": inspect_features,
    "failures": read_failures,
    "shard": Shard,
    "work file": lambda path: WorkFile(path, "visual"),
    "scores": read_scores,
    "weights": file_sha256,
    "checkpoint": read_header,
    "kinds": read_kinds,
    "metrics": read_run,
    "any": check,
}


@pytest.mark.parametrize("name", READERS)
def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises((InputError, OSError), match="no regular file"):
        READERS[name](tmp_path / "fifo")


def test_tensors_that_repeat_one_stored_number_are_refused(tmp_path: Path) -> None:
    torch.save({"visual.proj": torch.zeros(1).expand(1 << 34)}, tmp_path / "small.pt")
    assert (tmp_path / "small.pt").stat().st_size < 10_000
    with pytest.raises(InputError, match=r"small\.pt: tensor visual\.proj declares"):
        read_state_dict(tmp_path / "small.pt")


def test_a_stride_of_any_size_takes_no_memory() -> None:
    stride = 1_000_000_000
    joined = join_frames([np.zeros(3, np.float32)], [[Segment("B1", 5, 8)]], normal="A", stride=stride)
    assert sorted(joined.counts) == [3, stride - 3, stride, stride]
    assert joined.counts[joined.labels].tolist() == [3]
