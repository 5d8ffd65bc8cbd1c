from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.ground_truth import main
from extract.base.errors import InputError
from extract.catalog import Segment, Video, write_catalog

# 40, 33 and 64 frames; the published evaluation counts the riot from elsewhere.
VIDEOS = [
    Video("fight", "test", "", ("B1",), (Segment("B1", 10, 30),), 40),
    Video("quiet", "test", "", ("A",), None, 33),
    Video("riot", "test", "", ("B4",), (Segment("B4", 0, 20), Segment("B2", 10, 24)), 64, None, ((2, 22),)),
]
Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write_catalog(tmp_path / "catalog.jsonl", VIDEOS)

    def run(*words: str | Path) -> None:
        main(["--catalog", str(tmp_path / "catalog.jsonl"), "--dataset", "xd", *map(str, words)])

    return run


def ones(length: int, *spans: tuple[int, int]) -> NDArray[np.float32]:
    labels = np.zeros(length, np.float32)
    for start, end in spans:
        labels[start:end] = 1
    return labels


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rows", "frames"], [ones(40, (10, 30)), ones(33), ones(64, (2, 22))]),
        (["--protocol", "exact"], [ones(48, (10, 30)), ones(48), ones(64, (0, 24))]),
        # As XD-Violence's make_gt.py: the last frame dropped, then cut to whole snippets.
        (["--rows", "frames-short"], [ones(32, (10, 30)), ones(32), ones(48, (2, 22))]),
    ],
)
def test_an_array_has_a_1_for_each_abnormal_frame(
    tmp_path: Path, run: Run, words: list[str], expected: list[NDArray[np.float32]]
) -> None:
    run(*words, "--out", tmp_path / "gt.npy")
    found = np.load(tmp_path / "gt.npy", allow_pickle=False)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.concatenate(expected))


def test_what_is_made_in_a_list_s_order_is_found_good_in_it_and_in_no_other(tmp_path: Path, run: Run) -> None:
    (tmp_path / "list").write_text("riot\nquiet\nfight\n")
    run("--list", tmp_path / "list", "--out", tmp_path / "gt.npy")
    run("--list", tmp_path / "list", "--check", tmp_path / "gt.npy")
    with pytest.raises(InputError, match="56 frames of 2 videos differ from .*, first of 'fight'"):
        run("--check", tmp_path / "gt.npy")


def test_an_array_whose_abnormal_videos_are_empty_is_refused(tmp_path: Path, run: Run) -> None:
    np.save(tmp_path / "gt.npy", np.concatenate([ones(40, (10, 30)), ones(33), ones(64)]), allow_pickle=False)
    with pytest.raises(InputError, match="1 videos have abnormal frames in .* and none there, first 'riot'"):
        run("--check", tmp_path / "gt.npy")


def test_an_array_that_counts_ends_otherwise_is_told_by_frames(tmp_path: Path, run: Run) -> None:
    inclusive = np.concatenate([ones(40, (10, 31)), ones(33), ones(64, (2, 23))])
    np.save(tmp_path / "gt.npy", inclusive, allow_pickle=False)
    message = "2 frames of 2 videos differ from .*, first of 'fight', most of 'fight' .1."
    with pytest.raises(InputError, match=message):
        run("--check", tmp_path / "gt.npy")


def test_an_array_of_another_length_says_where_it_first_differs(tmp_path: Path, run: Run) -> None:
    # The second video has 3 frames fewer than the catalog says.
    np.save(tmp_path / "gt.npy", np.concatenate([ones(40, (10, 30)), ones(30), ones(64, (2, 22))]), allow_pickle=False)
    message = "need 137 by frames .3 too few.* From 'quiet' .row 72. on it differs from"
    with pytest.raises(InputError, match=message):
        run("--check", tmp_path / "gt.npy", "--rows", "frames")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rows", "frames"], "give either --out, to make an array, or --check"),
        (["--rows", "snippets-up", "--out", "gt.npy"], "--rows: snippets-up counts snippets"),
        (["--stride", "0", "--out", "gt.npy"], "--stride: 0 must be at least 1"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(run: Run, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(*words)
