import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extract.base.errors import InputError
from extract.base.files import replaced_path, system, write_text


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
    with pytest.raises(UnicodeEncodeError), replaced_path(path) as temporary:
        temporary.write_text("new \ud800", encoding="utf-8")
    with pytest.raises(InputError, match=r"out\.txt: would hold a name that is no UTF-8"):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["out.txt"]


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def left_behind(folder: Path, pid: int, where: str, days: float = 0) -> Path:
    path = folder / f".{pid}@{where}.abc.tmp"
    path.write_text("half")
    then = time.time() - days * 86_400
    os.utime(path, (then, then))
    return path


def test_what_a_killed_process_left_is_removed_when_the_next_file_is_written(tmp_path: Path) -> None:
    left = left_behind(tmp_path, dead_process(), system())
    write_text(tmp_path / "out.txt", "text")
    assert not left.exists()


def test_a_process_that_lives_here_keeps_its_file_however_old(tmp_path: Path) -> None:
    left = left_behind(tmp_path, os.getpid(), system(), days=30)
    write_text(tmp_path / "out.txt", "text")
    assert left.exists()


def test_a_process_number_of_another_container_says_nothing(tmp_path: Path) -> None:
    """There it may be the writer, although here no process has it."""
    fresh = left_behind(tmp_path, dead_process(), "0123456789abcdef")
    write_text(tmp_path / "out.txt", "text")
    assert fresh.exists()
    old = left_behind(tmp_path, os.getpid(), "0123456789abcdef", days=2)
    write_text(tmp_path / "out.txt", "text")
    assert not old.exists()


def test_a_file_that_is_being_written_is_left_alone_whatever_its_name_and_date(tmp_path: Path) -> None:
    with replaced_path(tmp_path / "slow.txt") as writing:
        writing.write_text("half")
        elsewhere = writing.rename(tmp_path / f".{dead_process()}@0123456789abcdef.abc.tmp")
        os.utime(elsewhere, (0, 0))
        write_text(tmp_path / "quick.txt", "text")
        assert elsewhere.exists()
        elsewhere.rename(writing)
    assert (tmp_path / "slow.txt").read_text() == "half"


def test_the_systems_name_differs_between_containers_and_is_the_same_for_every_process_of_one() -> None:
    code = "from extract.base.files import system; print(system())"
    here = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert here == system()
    inside = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if inside.returncode:
        pytest.skip("no process namespace is permitted here (unshare --pid)")
    assert inside.stdout.strip() not in ("", here)
