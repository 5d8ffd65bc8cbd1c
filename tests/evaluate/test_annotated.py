import dataclasses
from pathlib import Path

import pytest

from evaluate.annotated import ScoredSet, joined_frames, read_annotated
from evaluate.scores_file import read_scores, write_scores
from extract.base.errors import InputError
from extract.catalog import Segment, Video, read_test_videos, write_catalog
from tests.evaluate.annotated_files import FIGHT, MIXED, QUIET, write_annotated


def read(scores: Path, catalog: Path) -> ScoredSet:
    return read_annotated(scores, read_test_videos(catalog), catalog)


def test_videos_stand_in_the_catalog_s_order_and_those_without_scores_are_named(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path)
    listed = read_test_videos(catalog)
    lost = Video("lost", "test", "", ("B1",), (Segment("B1", 0, 4),))
    write_catalog(catalog, [listed[QUIET], lost, listed[MIXED], listed[FIGHT]])
    found = read(scores, catalog)
    assert [one.video.video_id for one in found.videos] == [QUIET, MIXED, FIGHT]
    assert found.missing == ("lost",)


def test_each_protocol_counts_its_own_frames_and_its_own_truth(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path)
    listed = read_test_videos(catalog)
    write_catalog(
        catalog, [dataclasses.replace(listed[FIGHT], released_frames=((2, 8),)), listed[MIXED], listed[QUIET]]
    )
    found = read(scores, catalog)
    counted = {name: joined_frames(found, "anomaly", name) for name in ("released", "exact")}
    frames = {name: (joined.counts.sum(), joined.counts[joined.labels].sum()) for name, joined in counted.items()}
    assert frames == {"released": (8 + 8 + 8, 6 + 6), "exact": (6 + 8 + 8, 4 + 6)}


def test_a_label_of_a_video_without_scores_is_checked_too(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path)
    lost = Video("lost", "test", "", ("B9",), (Segment("B1", 0, 4),))
    write_catalog(catalog, [*read_test_videos(catalog).values(), lost])
    with pytest.raises(InputError, match=r"catalog\.jsonl: 'lost': field labels: unknown label code 'B9'"):
        read(scores, catalog)


def test_a_file_without_any_video_is_refused(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path)
    write_scores(scores, read_scores(scores)[0], [])
    with pytest.raises(InputError, match=r"scores\.h5: has scores of none of the 3 test videos"):
        read(scores, catalog)
