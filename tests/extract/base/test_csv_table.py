from pathlib import Path

import pytest

from extract.base.csv_table import read_csv
from extract.base.errors import InputError


def written(folder: Path, content: str) -> Path:
    path = folder / "table.csv"
    path.write_text(content, encoding="utf-8", newline="")
    return path


def test_a_line_is_numbered_by_where_it_ends_and_blank_ones_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\r\n1,"two\nlines"\r\n\r\n3,4\r\n')
    assert read_csv(path, "a table") == (["a", "b"], [(3, {"a": "1", "b": "two\nlines"}), (5, {"a": "3", "b": "4"})])


@pytest.mark.parametrize("line", ["1", "1,2,3"])
def test_a_line_with_other_cells_than_the_header_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"table\.csv, line 3: has not 2 cells as the header has"):
        read_csv(written(tmp_path, f"a,b\n1,2\n{line}\n"), "a table")


@pytest.mark.parametrize("content", ['a,b\n"1,2\n', 'a,b\n"1"x,2\n'])
def test_what_is_no_csv_is_named_by_what_it_should_be(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"table\.csv: cannot be read as a table of odd things"):
        read_csv(written(tmp_path, content), "a table of odd things")


def test_a_byte_order_mark_can_be_taken(tmp_path: Path) -> None:
    assert read_csv(written(tmp_path, "\ufeffa\n1\n"), "a table", "utf-8-sig")[0] == ["a"]
