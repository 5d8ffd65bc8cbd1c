from pathlib import Path

import pytest

from extract.errors import InputError
from extract.files import write_text


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}: is a folder"):
        write_text(tmp_path, "text")


def test_a_place_below_a_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError, match=r"file/out\.txt: cannot be written there"):
        write_text(tmp_path / "file/out.txt", "text")
    assert (tmp_path / "file").read_text() == "kept"


def test_what_fails_while_it_is_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["out.txt"]
