"""The lock of a folder of unfinished work takes no file that is another's."""

import os
from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.base.lock import sole_run


@pytest.mark.parametrize("content", ["[[package]]\nname = 'x'\n", "process", "process 1 on here\nand more\n", "\0\xff"])
def test_a_file_of_the_locks_name_that_is_no_lock_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    strange = tmp_path / "poetry.lock"
    strange.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"poetry\.lock: is no lock of this program"), sole_run(tmp_path / "poetry"):
        pytest.fail("went on")
    assert strange.read_text(encoding="latin-1") == content


def test_what_a_link_of_the_locks_name_leads_to_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("years of work")
    (tmp_path / "p.lock").symlink_to(tmp_path / "thesis")
    with pytest.raises(InputError, match=r"p\.lock: is a link"), sole_run(tmp_path / "p"):
        pytest.fail("went on")
    assert (tmp_path / "thesis").read_text() == "years of work"


def test_a_fifo_of_the_locks_name_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.lock")
    with pytest.raises(InputError, match=r"p\.lock: is no lock"), sole_run(tmp_path / "p"):
        pytest.fail("went on")


def test_the_lock_that_a_killed_run_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "p.lock").write_text("process 123 on another.host\n")
    with sole_run(tmp_path / "p"):
        assert (tmp_path / "p.lock").read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "p.lock").exists()
