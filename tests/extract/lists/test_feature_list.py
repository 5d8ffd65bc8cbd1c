from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.lists.feature_list import read_feature_list
from extract.npy.feature_folder import FeatureFolder

SHARED = Path(__file__).parents[3] / "../shared/data"


def listed(folder: Path, *lines: str) -> Path:
    path = folder / "xd_CLIP_rgb.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_crops_of_a_video_are_gathered_with_its_audio_and_labels(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "path,audio_path,label",
        "/home/a/v=b__#1_label_B2-G-0__0.npy,/home/a/s/v=b__#1_label_B2-G-0.npy,B2-G-0",
        "/home/a/other__3__0.npy,/home/a/s/other__3.npy,A",
        "/home/a/v=b__#1_label_B2-G-0__7.npy,/home/a/s/v=b__#1_label_B2-G-0.npy,B2-G-0",
    )
    first, second = read_feature_list(path)
    assert (first.video_id, first.labels, first.line) == ("v=b__#1_label_B2-G-0", ("B2", "G"), 2)
    assert first.visual == {
        0: "/home/a/v=b__#1_label_B2-G-0__0.npy",
        7: "/home/a/v=b__#1_label_B2-G-0__7.npy",
    }
    assert first.audio == "/home/a/s/v=b__#1_label_B2-G-0.npy"
    assert (second.video_id, second.labels, second.visual.keys()) == ("other__3", ("A",), {0})


def test_a_list_of_ids_has_no_files(tmp_path: Path) -> None:
    (video,) = read_feature_list(listed(tmp_path, "video_id,label", "x_label_A,A"))
    assert (video.video_id, video.visual, video.audio) == ("x_label_A", {}, None)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path,label"], "lists no video"),
        (["file,label", "a__0.npy,A"], "columns are file, label; needed are label and path"),
        (["path,label", "a__0.npy"], "line 2: has not 2 cells"),
        (["path,label", "a__0.npy,A,B"], "line 2: has not 2 cells"),
        (["path,label", f"a__{'9' * 5000}.npy,A"], "longer than 200 bytes"),
        (["path,label", "a.txt,A"], "line 2: path 'a.txt' must end in <video_id>__<crop>.npy, or in <video_id>"),
        (["path,label", "a.npy,A", "b/a.npy,A"], "line 3: 'a' stands in line 2 already; keep one file of all crops"),
        (["path,label", "a__0.npy,A", "a.npy,A"], "line 3: 'a' stands in line 2 already; keep one file of all crops"),
        (["path,label", "a__0.npy,0-0"], "line 2: label '0-0' names no class"),
        (["path,label", "a__0.npy,A", "b/a__0.npy,A"], "line 3: crop 0 of 'a' is listed twice"),
        (["path,label", "a__0.npy,A", "a__1.npy,B1"], "line 3: label or audio_path of 'a' differ from line 2"),
        (["video_id,label", "a,A", "a,A"], "line 3: video_id 'a' stands there twice, first in line 2"),
        (["path,label", "/x/.hidden__0.npy,A"], "line 2: video_id '.hidden' starts with a dot"),
    ],
)
def test_a_malformed_list_is_refused_by_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_feature_list(listed(tmp_path, *lines))
    assert message in str(refused.value)
    assert "xd_CLIP_rgb.csv" in str(refused.value)


def test_quoted_names_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes('\ufeffpath,label\r\n"/a/x, y=@#1__2__0.npy","B1-B1-0"\r\n'.encode())
    (video,) = read_feature_list(path)
    assert (video.video_id, video.labels, list(video.visual)) == ("x, y=@#1__2", ("B1",), [0])


def test_an_absent_list_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"path,label\n\xff\xfe__0.npy,A\n")
    for name in ("list.csv", "absent.csv"):
        with pytest.raises(InputError, match=rf"{name}: cannot be read as a CSV list"):
            read_feature_list(tmp_path / name)


@pytest.mark.skipif(not (SHARED / "xd").is_dir(), reason="the real lists are not here")
@pytest.mark.parametrize(("name", "videos"), [("train_videos.csv", 3954), ("test_videos.csv", 800)])
def test_the_real_lists_are_read_whole(name: str, videos: int) -> None:
    found = read_feature_list(SHARED / "xd" / name)
    assert len(found) == videos
    for video in found:
        assert set(video.labels) == set(video.video_id.rpartition("_label_")[2].split("-")) - {"0"}


def test_another_video_s_audio_and_a_doubled_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 2: audio_path 'b\.npy' must end in a\.npy"):
        read_feature_list(listed(tmp_path, "path,audio_path,label", "a__0.npy,b.npy,A"))
    with pytest.raises(InputError, match="keep one of each name"):
        read_feature_list(listed(tmp_path, "path,label,label", "a__0.npy,A,B1"))


def test_blank_lines_are_reported_by_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read_feature_list(listed(tmp_path, "path,label", "", "a__0.npy,A"))
    assert "xd_CLIP_rgb.csv: 1 line blank, skipped: 2" in capsys.readouterr().err


def test_paths_of_windows_are_read_by_their_end(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"\xef\xbb\xbfpath,label\r\nD:\\data\\xd\\clip1_label_A__5.npy,A\r\n")
    (listed,) = read_feature_list(path)
    (tmp_path / "xd").mkdir()
    (tmp_path / "xd" / "clip1_label_A__5.npy").touch()
    assert listed.video_id == "clip1_label_A"
    assert FeatureFolder(tmp_path).find(listed.visual[5], "list") == tmp_path / "xd" / "clip1_label_A__5.npy"
