from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.lists.annotation_lines import frame_span, read_lines, report


def test_lines_keep_their_numbers_and_blank_ones_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfone \r\n\n  \ntwo\n\nthree")
    assert read_lines(path, "fetch it") == [(1, "one "), (4, "two"), (6, "three")]
    assert capsys.readouterr().err == f"{path}: 3 lines blank, skipped: 2-3, 5\n"


def test_a_file_without_blank_lines_is_read_quietly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text("one\ntwo\n")
    read_lines(tmp_path / "list.txt", "fetch it")
    assert capsys.readouterr().err == ""


def test_numbers_that_follow_each_other_are_one_range(capsys: pytest.CaptureFixture[str]) -> None:
    report(Path("a.txt"), [*range(1, 291), 400], "mended")
    report(Path("b.txt"), [7], "mended")
    report(Path("c.txt"), [], "mended")
    assert capsys.readouterr().err == "a.txt: 291 lines mended: 1-290, 400\nb.txt: 1 line mended: 7\n"


def test_bytes_that_are_no_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("gut\nböse\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"list\.txt, line 2: is no UTF-8"):
        read_lines(tmp_path / "list.txt", "fetch it")


@pytest.mark.parametrize("content", [None, b"", b"\n \n"])
def test_a_file_that_says_nothing_is_refused_with_the_fix(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"list\.txt: .*fetch it"):
        read_lines(tmp_path / "list.txt", "fetch it")


def test_a_frame_number_of_thousands_of_digits_is_refused_shortly() -> None:
    with pytest.raises(InputError) as refused:
        frame_span("1", "9" * 5000, "file, line 3:")
    assert str(refused.value) == f"file, line 3: 1 {'9' * 20} must be whole frames with start < end"
