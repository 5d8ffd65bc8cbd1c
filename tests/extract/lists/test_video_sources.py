from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.lists.video_sources import (
    VIDEO_SUFFIXES,
    SourceVideo,
    codes_in_name,
    read_source,
    refuse_other_labels,
    refuse_repeated,
)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_all_usual_suffixes_are_found_at_any_depth_and_other_files_are_not(tmp_path: Path) -> None:
    videos = [f"part {index}/deep/v{index:02d}{suffix}" for index, suffix in enumerate(VIDEO_SUFFIXES)]
    touch(tmp_path, *videos, "top.MP4", "readme.txt", "features.npy", "folder.mp4/inside.mkv")
    found = read_source(tmp_path)
    expected = ["inside", "top", *(f"v{index:02d}" for index in range(len(VIDEO_SUFFIXES)))]
    assert [video.video_id for video in found] == expected
    assert all(Path(video.path).is_file() and video.labels is None for video in found)


def test_only_the_last_suffix_is_cut_off_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "Film.2001__#1_label_A.mp4")
    assert read_source(tmp_path)[0].video_id == "Film.2001__#1_label_A"


def test_one_stem_with_two_suffixes_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a/v.mp4", "b/v.mkv")
    with pytest.raises(InputError, match=r"v\.mp4: .*v\.mkv has the same name"):
        read_source(tmp_path)


def test_a_name_that_is_no_video_id_is_named_with_its_path(tmp_path: Path) -> None:
    touch(tmp_path, "deep/a\tb.mp4")
    with pytest.raises(InputError, match=r"deep/.*: video_id"):
        read_source(tmp_path)


def test_absent_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone: no such folder"):
        read_source(tmp_path / "gone")
    with pytest.raises(InputError, match=r"holds no video file"):
        read_source(tmp_path)


def test_a_list_gives_videos_without_path_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("path,label\n/x/b_label_B1-0-0__0.npy,B1-0-0\n/x/b_label_B1-0-0__1.npy,B1-0-0\n/x/a__0.npy,A\n")
    first, second = read_source(path)
    assert first == SourceVideo("b_label_B1-0-0", "", ("B1",), f"{path}, line 2")
    assert (second.video_id, second.path, second.where) == ("a", "", f"{path}, line 4")


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("v=a__#1_label_A", ("A",)),
        ("Film__#1_label_G-B2-B6", ("G", "B2", "B6")),
        ("fight_0006_label_B1-0-0", ("B1",)),
        ("a_label_B1-B1-0", ("B1",)),
        ("fight_0006", ()),
        ("_label_A", ()),
        ("a_label_0-0-0", ()),
    ],
)
def test_codes_are_read_from_the_end_of_a_name(name: str, codes: tuple[str, ...]) -> None:
    assert codes_in_name(name) == codes


def test_a_list_may_order_codes_otherwise_but_not_change_them() -> None:
    video = SourceVideo("v_label_G-B2-0", "", ("B2", "G"), "list.csv, line 7")
    refuse_other_labels(video, ("G", "B2"))
    with pytest.raises(InputError, match=r"list\.csv, line 7: label 'B2-G' contradicts .*'G'"):
        refuse_other_labels(video, ("G",))


def test_a_name_in_both_parts_is_refused_with_both_places() -> None:
    videos = [SourceVideo("v", "", ("A",), "train.csv, line 2"), SourceVideo("v", "", ("A",), "test.csv, line 5")]
    with pytest.raises(InputError, match=r"test\.csv, line 5: train\.csv, line 2 has the same name"):
        refuse_repeated(videos)


def test_linked_folders_are_searched_and_a_circle_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path, "set/part1/a.mp4", "other disk/b.mp4")
    (tmp_path / "set/part2").symlink_to(tmp_path / "other disk")
    (tmp_path / "set/part1/up").symlink_to(tmp_path / "set")
    assert [video.video_id for video in read_source(tmp_path / "set")] == ["a", "b"]


def test_the_hidden_files_that_some_systems_add_are_no_videos(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "._a.mp4")
    assert [video.video_id for video in read_source(tmp_path)] == ["a"]
