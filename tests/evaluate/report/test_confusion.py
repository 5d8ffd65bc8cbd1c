from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.annotated import Annotated, counted_frames, read_annotated
from evaluate.report.confusion import confusion, likeliest, likeliest_event, main
from extract.base.errors import InputError
from extract.catalog import read_test_videos
from tests.evaluate.annotated_files import CODES, STRIDE, write_annotated


def counts(folder: Path, protocol: str, told: Callable[[Annotated], NDArray[np.int64]] = likeliest) -> list[list[int]]:
    scores, catalog = write_annotated(folder)
    scored = read_annotated(scores, read_test_videos(catalog), catalog)
    videos, frames = scored.videos, counted_frames(scored, protocol)
    found: list[list[int]] = confusion(videos, [told(video) for video in videos], CODES, STRIDE, frames).tolist()
    return found


def test_frames_are_counted_by_annotated_and_likeliest_class_as_by_hand(tmp_path: Path) -> None:
    # fight, told 1111 22:    normal 00, fight 2345 -> (A,B1) 2, (B1,B1) 2, (B1,B2) 2
    # mixed, told 1111 0000:  fight 012, several 3 (left out), riot 45, normal 67 -> (B1,B1) 3, (B2,A) 2, (A,A) 2
    # quiet, told 0000 2222:  normal throughout -> (A,A) 4, (A,B2) 4
    assert counts(tmp_path, "exact") == [[6, 2, 4], [0, 5, 2], [2, 0, 0]]


def test_of_the_likeliest_event_a_frame_that_seems_normal_still_has_a_class(tmp_path: Path) -> None:
    # mixed is told 1 then normal; of its events' scores, both alike, the first counts.
    assert [row[1:] for row in counts(tmp_path, "exact", likeliest_event)[1:]] == [[5, 2], [2, 0]]


def test_the_released_protocol_counts_the_last_snippet_s_repeated_frames_too(tmp_path: Path) -> None:
    # The first video then has two more frames, normal and told 2.
    assert counts(tmp_path, "released") == [[6, 2, 6], [0, 5, 2], [2, 0, 0]]


def test_runs_of_a_method_become_two_pictures_that_are_the_same_each_time(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path)
    pictures = []
    for name in ("one", "two"):
        run = ["--scores", "vadclip", "seed0", str(scores), "--scores", "vadclip", "seed1", str(scores)]
        main([*run, "--catalog", str(catalog), "--protocol", "exact", "--out", str(tmp_path / name)])
        assert {path.name for path in (tmp_path / name).iterdir()} == {"vadclip.all.svg", "vadclip.events.svg"}
        pictures.append((tmp_path / name / "vadclip.all.svg").read_bytes())
    assert pictures[0] == pictures[1]


def test_a_method_that_tells_no_classes_is_refused(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path, tells_classes=False)
    arguments = ["--scores", "deep_mil", "seed0", str(scores), "--catalog", str(catalog), "--protocol", "released"]
    with pytest.raises(InputError, match="deep_mil seed0 tells no classes apart"):
        main([*arguments, "--out", str(tmp_path / "out")])


def test_exact_frames_of_a_video_of_unknown_length_are_refused(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path, known_frames=False)
    scored = read_annotated(scores, read_test_videos(catalog), catalog)
    assert counted_frames(scored, "released") == [8, 8, 8]
    with pytest.raises(InputError, match="attribute frames is unknown"):
        counted_frames(scored, "exact")


def test_scores_of_a_video_that_the_catalog_lacks_are_refused(tmp_path: Path) -> None:
    scores, catalog = write_annotated(tmp_path)
    tests = read_test_videos(catalog)
    removed = tests.popitem()[0]
    with pytest.raises(InputError, match=f"'{removed}' is no test video"):
        read_annotated(scores, tests, catalog)


def test_counts_add_up_to_all_frames_but_those_of_several_classes(tmp_path: Path) -> None:
    assert np.sum(counts(tmp_path, "released")) == 24 - 1
