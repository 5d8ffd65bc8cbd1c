import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.base.errors import InputError
from extract.catalog import (
    Segment,
    Video,
    check_video_id,
    ground_truth,
    part,
    read_catalog,
    read_whole_catalog,
    released_truth,
    write_catalog,
)
from extract.check import check

LINE = {"video_id": "a__#1_label_B1-0-0", "split": "test", "path": "v/a.mp4", "labels": ["B1"]}


def write_lines(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_catalog_comes_back_as_it_was_written(tmp_path: Path) -> None:
    videos = [
        Video(
            "v=ü#1_label_B1-0-0", "test", "x y/ü.mp4", ("B1", "G"), (Segment("B1", 0, 5), Segment("G", 7, 9)), 10, 24.5
        ),
        Video("plain_label_A", "test", "p.mp4", ("A",)),
        Video("none_label_A", "test", "n.mp4", ("A",), ()),
    ]
    write_catalog(tmp_path / "catalog.jsonl", videos)
    assert read_catalog(tmp_path / "catalog.jsonl") == videos


def test_fields_of_other_tools_are_ignored(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "c.jsonl", LINE | {"camera": "north gate"})
    assert read_catalog(path)[0].labels == ("B1",)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"split": "val"}, "split"),
        ({"labels": []}, "labels"),
        ({"labels": "B1"}, "labels"),
        ({"video_id": "../a"}, "video_id"),
        ({"segments": [{"label": "B1", "start": 9, "end": 9}]}, "segments"),
        ({"segments": [{"label": "B1", "start": 1.5, "end": 9}]}, "start"),
        ({"segments": [{"label": "B1", "end": 9}]}, "start"),
        ({"frames": 0}, "frames"),
        ({"frames": 2.5}, "frames"),
        ({"fps": float("nan")}, "fps"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_line(tmp_path: Path, change: dict[str, object], named: str) -> None:
    path = write_lines(tmp_path / "c.jsonl", LINE, LINE | {"video_id": "b"} | change)
    with pytest.raises(InputError) as error:
        read_catalog(path)
    assert named in str(error.value)
    assert f"{path}, line 2" in str(error.value)


@pytest.mark.parametrize("missing", ["video_id", "split", "path", "labels"])
def test_a_missing_field_is_named(tmp_path: Path, missing: str) -> None:
    path = write_lines(tmp_path / "c.jsonl", {name: value for name, value in LINE.items() if name != missing})
    with pytest.raises(InputError, match=f"line 1: field {missing} is missing"):
        read_catalog(path)


@pytest.mark.parametrize("content", [b"{", b"[1]\n", b"\xff\xfe", b'"text"\n', b"[" * 100_000])
def test_what_is_no_json_lines_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"c\.jsonl"):
        read_catalog(tmp_path / "c.jsonl")


def test_a_video_must_not_stand_there_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2.*twice"):
        read_catalog(write_lines(tmp_path / "c.jsonl", LINE, LINE))


@pytest.mark.parametrize("video_id", ["", ".hidden", "a/b", "a\nb", "a\x00b", "a\u2028b", "x" * 201])
def test_ids_that_cannot_safely_name_a_file_are_refused(video_id: str) -> None:
    with pytest.raises(InputError):
        check_video_id(video_id)


@pytest.mark.parametrize("video_id", ["v=ab__#00-01_label_G-0-0", 'it\'s "1"; $(x) = & @', "Überfall 2"])
def test_ids_of_real_sets_are_kept(video_id: str) -> None:
    assert check_video_id(video_id) == video_id


def test_a_normal_test_video_without_segments_counts_as_one_over_its_whole_length() -> None:
    assert ground_truth(Video("n", "test", "n.mp4", ("A",)), "A", 100) == (Segment("A", 0, 100),)


def test_a_normal_test_video_with_an_empty_list_counts_as_none() -> None:
    assert ground_truth(Video("n", "test", "n.mp4", ("A",), ()), "A", 100) == ()


def test_an_abnormal_test_video_needs_segments() -> None:
    with pytest.raises(InputError, match="'v'.*segments"):
        ground_truth(Video("v", "test", "v.mp4", ("B1",)), "A", 100)


@given(st.integers(0, 200), st.integers(1, 50))
def test_parts_are_balanced_and_join_to_the_whole(count: int, parts: int) -> None:
    videos = [Video(str(i), "train", "", ("A",)) for i in range(count)]
    pieces = [part(videos, i, parts) for i in range(parts)]
    assert [video for piece in pieces for video in piece] == videos
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


@pytest.mark.parametrize("value", ["[[5]]", "[[5, 4]]", "[[-1, 4]]", "[[1.0, 4]]", "[[true, 4]]", "[5, 9]", '"5 9"'])
def test_released_frames_that_are_no_stretches_are_named(tmp_path: Path, value: str) -> None:
    line = f'{{"video_id": "a", "split": "test", "path": "", "labels": ["A"], "released_frames": {value}}}'
    (tmp_path / "catalog.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match="line 1: field released_frames must be a list"):
        read_catalog(tmp_path / "catalog.jsonl")


def test_released_frames_are_written_and_read_again(tmp_path: Path) -> None:
    video = Video("a", "test", "", ("B1",), (Segment("B1", 1, 9),), released_frames=((1, 5), (6, 9)))
    write_catalog(tmp_path / "catalog.jsonl", [video])
    assert read_catalog(tmp_path / "catalog.jsonl") == [video]
    assert released_truth(video, "A", 10) == (Segment("abnormal", 1, 5), Segment("abnormal", 6, 9))
    assert released_truth(replace(video, released_frames=None), "A", 10) == video.segments


def test_the_first_line_may_name_the_classes(tmp_path: Path) -> None:
    videos = [Video("a", "train", "a.mp4", ("fall",))]
    write_catalog(tmp_path / "catalog.jsonl", videos, ("normal", "fall"))
    assert read_whole_catalog(tmp_path / "catalog.jsonl") == (("normal", "fall"), videos)
    assert check(tmp_path / "catalog.jsonl") == ("catalog", [])
    write_catalog(tmp_path / "other.jsonl", videos, ("normal", "theft"))
    assert "line 1 does not name the label codes fall" in check(tmp_path / "other.jsonl")[1][0]
    write_catalog(tmp_path / "built_in.jsonl", videos)
    assert "no data set has the label codes fall" in check(tmp_path / "built_in.jsonl")[1][0]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (['{"classes": "a"}'], "line 1: field classes is 'a'"),
        (['{"classes": ["a"]}'], "line 1: field classes must name at least two"),
        (['{"classes": ["a", "a"]}'], "line 1: field classes must name at least two different"),
        (['{"classes": ["a", "b"]}', '{"classes": ["a", "b"]}'], "line 2: field classes must stand in the first line"),
    ],
)
def test_a_line_of_classes_that_is_wrong_is_named(tmp_path: Path, lines: list[str], reason: str) -> None:
    (tmp_path / "catalog.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=reason):
        read_catalog(tmp_path / "catalog.jsonl")
