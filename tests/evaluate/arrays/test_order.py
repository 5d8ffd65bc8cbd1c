from pathlib import Path

import pytest

from evaluate.arrays.order import find_id, read_order
from extract.base.errors import InputError

FIGHT, QUIET = "Bad.Boys.1995__#01-11-55_label_B2-0-0", "v=a b__#1_label_A"
TESTS = {FIGHT: None, QUIET: None, "Abuse028_x264": None, "01_0015": None}


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        (f"/home/author/i3d/RGBTest/{FIGHT}__0.npy", "", FIGHT),
        (f"D:\\xd\\{QUIET}__12.npy", "", QUIET),
        (QUIET, "", QUIET),
        (f"{FIGHT} 12 90 120 300", "", FIGHT),
        ("Abuse028_x264.mp4  Abuse  165  240  -1  -1", "", "Abuse028_x264"),
        ("Abuse/Abuse028_x264.mp4", "", "Abuse028_x264"),
        ("/data/Abuse028_x264_i3d.npy", "_i3d", "Abuse028_x264"),
        ("/data/Abuse028_x264_i3d__3.npy", "_i3d", None),
        ("/data/Abuse028_x264__3_i3d.npy", "_i3d", "Abuse028_x264"),
        ("/data/Abuse028_x264_i3d.npy", "", None),
        ("01_0015", "", "01_0015"),
        ("01_0015_2", "", None),
        ("", "", None),
    ],
)
def test_a_line_names_the_video_that_its_repository_means(text: str, suffix: str, expected: str | None) -> None:
    assert find_id(text, TESTS, suffix) == expected


def read(folder: Path, text: str) -> list[str]:
    (folder / "list").write_text(text, encoding="utf-8")
    return read_order(folder / "list", TESTS, Path("catalog.jsonl"))


def test_crops_that_follow_each_other_are_one_video(tmp_path: Path) -> None:
    lines = [f"/x/{name}__{crop}.npy" for name in (QUIET, FIGHT) for crop in range(5)]
    assert read(tmp_path, "\n".join(lines)) == [QUIET, FIGHT]


def test_a_csv_list_is_read_by_its_column(tmp_path: Path) -> None:
    assert read(tmp_path, f'label,path\nB2,"/x/{FIGHT}__0.npy"\n\nA,/x/{QUIET}__0.npy\n') == [FIGHT, QUIET]
    with pytest.raises(InputError, match="line 2: has 1 cells; the header has 2"):
        read(tmp_path, "label,path\nB2\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("01_0015\nother_i3d.npy\n", "line 2: 'other_i3d.npy' is no test video of catalog.jsonl; .* --suffix _i3d"),
        (f"01_0015\n{FIGHT}\n01_0015\n", "line 3: '01_0015' stands there twice, first in line 1"),
        ("\n", "lists no video"),
    ],
)
def test_a_list_that_is_not_the_catalog_s_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)
