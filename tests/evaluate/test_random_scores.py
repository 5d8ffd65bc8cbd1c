from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.detection_map import detection_ap, released_map
from evaluate.metrics import measure
from evaluate.random_scores import main
from evaluate.scores_file import read_scores
from extract.base.errors import InputError
from extract.catalog import Segment
from extract.check import check
from tests.shards import Made, make_shard

CODES = ("A", "B1", "B2", "B4", "B5", "B6", "G")


@pytest.fixture
def drawn(tmp_path: Path) -> Callable[..., Path]:
    """Draw the scores of some test videos, each with its number of snippets."""

    def draw(seed: int = 3, **snippets: int) -> Path:
        shards = tmp_path / "-".join(["shards", *(f"{name}{rows}" for name, rows in snippets.items())])
        shards.mkdir(exist_ok=True)
        make_shard(
            shards / "test-00000.h5", [Made(name, ("B1",), rows) for name, rows in snippets.items()], split="test"
        )
        out = shards / f"seed{seed}.h5"
        main(["--shards", str(shards), "--seed", str(seed), "--out", str(out)])
        return out

    return draw


def test_every_snippet_and_class_gets_a_number_between_0_and_1_of_its_own(drawn: Callable[..., Path]) -> None:
    path = drawn(long=2000)
    header, videos = read_scores(path)
    assert check(path)[1] == []
    values = videos["long"].classes.astype(np.float64)
    assert header.classes == CODES
    assert values.shape == (2000, 7)
    assert 0 <= values.min() < 0.01 < 0.99 < values.max() < 1
    # Uniform: mean 1/2, variance 1/12; none follows another, over the classes or in time.
    np.testing.assert_allclose(values.mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(values.var(axis=0), 1 / 12, atol=0.01)
    assert np.abs(np.corrcoef(values.T) - np.eye(7)).max() < 0.1
    assert np.abs([np.corrcoef(column[1:], column[:-1])[0, 1] for column in values.T]).max() < 0.1


def test_the_anomaly_score_is_what_the_normal_class_leaves(drawn: Callable[..., Path]) -> None:
    video = read_scores(drawn(one=9))[1]["one"]
    np.testing.assert_array_equal(video.anomaly, 1 - video.classes[:, 0])
    np.testing.assert_array_equal(video.anomaly_alignment, video.anomaly)
    assert video.frames == 9 * 16


def test_the_same_seed_gives_the_same_scores_whatever_videos_stand_beside_and_another_seed_others(
    drawn: Callable[..., Path],
) -> None:
    alone = read_scores(drawn(one=9))[1]["one"].classes
    beside = read_scores(drawn(other=30, one=9))[1]["one"].classes
    np.testing.assert_array_equal(alone, beside)
    assert not np.array_equal(alone, read_scores(drawn(seed=4, one=9))[1]["one"].classes)


def test_the_scores_file_says_that_the_definition_is_ours(drawn: Callable[..., Path]) -> None:
    provenance = read_scores(drawn(seed=5, one=9))[0].provenance
    assert (provenance.method, provenance.seed) == ("random", 5)
    assert "definition ours" in provenance.note


def test_they_can_be_measured(drawn: Callable[..., Path], tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.jsonl"
    catalog.write_text(
        '{"video_id": "one", "split": "test", "path": "", "labels": ["B1"], '
        '"segments": [{"label": "B1", "start": 160, "end": 800}]}\n'
    )
    metrics = measure(drawn(one=100), catalog)
    assert 0 < metrics["classification"]["released"]["ap"] < 100
    assert 0 <= metrics["map"]["released"]["avg"] < 20


def test_a_seed_below_0_is_refused(drawn: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="--seed: -1 must be at least 0"):
        drawn(seed=-1, one=9)


# What the row's reader must know of the measure itself, by the numbers of VadCLIP's released evaluation.


def test_a_constant_curve_has_no_detection_and_makes_the_released_map_0() -> None:
    constant = np.full((40, 7), 0.3, np.float32)
    result = detection_ap([constant], [[Segment("B1", 0, 640)]], CODES, 16)
    assert result.predictions.tolist() == [0] * 7
    assert released_map(result).tolist() == [0.0] * 5


def test_a_perfect_map_gets_all_but_the_normal_class() -> None:
    maps: list[NDArray[np.float32]] = []
    segments: list[list[Segment]] = []
    for column, code in enumerate(CODES[1:], start=1):
        classes = np.zeros((40, 7), np.float32)
        classes[10:30, column] = 1
        classes[:, 0] = 1 - classes[:, column]
        maps.append(classes)
        segments.append([Segment(code, 160, 480)])
    normal = np.zeros((40, 7), np.float32)
    normal[:, 0] = 1
    result = detection_ap([*maps, normal], [*segments, [Segment("A", 0, 640)]], CODES, 16)
    assert result.ap[:, 0].tolist() == [0.0] * 5
    np.testing.assert_allclose(released_map(result), 6 / 7)


def test_of_two_snippets_0_and_1_the_second_is_one_run_ahead_of_any_below_its_confidence() -> None:
    # Threshold 1 - 0.6 = 0.4: frames 16 to 31, confidence 1 + 0.7 * mean of the 2 highest = 1.7. The run of the other
    # video has confidence m + 0.7 * m: it comes first, and so costs the right one half its precision, only if above.
    right = np.array([[0, 0], [0, 1]], np.float32)
    for highest, expected in ((0.99, 1.0), (1.01, 0.5)):
        wrong = highest * right
        result = detection_ap([right, wrong], [[Segment("B1", 16, 32)], []], ("A", "B1"), 16)
        assert result.predictions.tolist() == [0, 2]
        np.testing.assert_allclose(result.ap[:, 1], expected)
