"""A full disk, too little memory, folders that cannot be read or written, and two runs in one place."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores
from extract.base.errors import InputError
from extract.base.files import atomic_path, write_text
from extract.check import check
from extract.workfile import load_partial, save_partial
from tests.faults.places import ENVIRONMENT, ROOT, grow, hidden_files, python, small_disk
from tests.shards import LARGE, Made, make_shard
from tests.train.test_checkpoint import HEADER
from train.checkpoint import save_checkpoint

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become nobody")


def shard(path: Path) -> None:
    make_shard(path, LARGE)


def scores(path: Path) -> None:
    rows = np.full(20_000, 0.5, np.float32)
    video = ScoredVideo(rows, rows, np.stack([rows, rows], axis=1))
    write_scores(path, ScoresHeader(16, ("A", "B1")), [("a", video)])


def tensors(path: Path) -> None:
    save_checkpoint(path, HEADER, {"a": torch.zeros(200_000)})


def state(path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save({"a": torch.zeros(200_000)}, file)


WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda path: write_text(path, "x" * 400_000),
    "partial": lambda path: save_partial(path, {"a": np.zeros(100_000)}),
    "shard": shard,
    "scores": scores,
    "tensors": tensors,
    "state": state,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_named_leaves_nothing_and_with_room_the_same_file_is_written(tmp_path: Path, kind: str) -> None:
    with small_disk(tmp_path / "disk", 200) as disk:
        with pytest.raises(InputError, match=r"disk/out\.file: cannot be written \(No space left on device\)"):
            WRITERS[kind](disk / "out.file")
        assert list(disk.iterdir()) == []
        grow(disk, 8000)
        WRITERS[kind](disk / "out.file")
        WRITERS[kind](tmp_path / "out.file")
        assert (disk / "out.file").read_bytes() == (tmp_path / "out.file").read_bytes()


@pytest.mark.parametrize("kilobytes", range(8, 1000, 120))
def test_wherever_the_disk_becomes_full_a_shard_is_refused_and_the_process_lives(
    tmp_path: Path, kilobytes: int
) -> None:
    """HDF5 itself crashes after a failed write, sometimes much later."""
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        # As `shard` does, without what this module loads for others.
        code = "import sys, gc; from pathlib import Path; from tests.shards import LARGE, make_shard\n"
        code += "try: make_shard(Path(sys.argv[1]), LARGE)\nexcept Exception as error: print(type(error).__name__)\n"
        done = python("-c", code + "gc.collect()", str(disk / "out.h5"))
        assert (done.returncode, done.stdout) == (0, "InputError\n")


def training(shards: Path, folder: Path, *more: str) -> list[str]:
    """Train the smallest network on ``shards``; everything is written below ``folder``."""
    words = "--model deep_mil --max-snippets 32 --scoring-crop 0 --device cpu --epochs 2 --batch 2 --sampling paired"
    paths = {"shards": shards, "out": folder / "out.safetensors", "partial": folder / "p", "curves": folder / "c"}
    files = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    return ["-m", "train.run", *words.split(), *files, *more]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    make_shard(folder / "train-00000.h5", [Made(f"{code}{i}", (code,), 20) for code in ("A", "B1") for i in range(2)])
    folder.chmod(0o755)
    return folder


def error_of(done: "subprocess.CompletedProcess[str]") -> str:
    """Give the one line that a refused command ends with."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_training_on_a_full_disk_says_so_and_goes_on_when_there_is_room(tmp_path: Path, shards: Path) -> None:
    with small_disk(tmp_path / "disk", 400) as disk:
        assert "No space left on device" in error_of(python(*training(shards, disk)))
        assert hidden_files(disk) == []
        assert not (disk / "out.safetensors").exists()
        grow(disk, 100_000)
        assert python(*training(shards, disk)).returncode == 0
        assert check(disk / "out.safetensors") == ("checkpoint", [])


def test_a_file_over_the_allowed_size_is_named(tmp_path: Path) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # noqa: E731
    code = "import sys; from pathlib import Path; from extract.base import command\n"
    code += "from extract.base.files import write_text\n"
    code += "command.run(lambda: write_text(Path(sys.argv[1]), 'x' * 100_000))"
    done = python("-c", code, str(tmp_path / "out"), preexec=limit)
    assert error_of(done).startswith(f"error: {tmp_path / 'out'}: cannot be written (File too large)")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("allocate", ["bytearray(1 << 40)", "__import__('torch').zeros(1 << 38)"])
def test_too_little_memory_is_a_line_and_not_a_traceback(allocate: str) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # noqa: E731
    done = python("-c", f"from extract.base import command; command.run(lambda: {allocate})", preexec=limit)
    assert error_of(done).startswith("error: memory has run out")


def open_to_others(folder: Path) -> None:
    """Let others into pytest's folders down to this one."""
    for within in (folder, *folder.parents):
        within.chmod(0o755)
        if within.name.startswith("pytest-of-"):
            return
    raise AssertionError(f"{folder} is none of pytest's folders")


@needs_root
def test_places_that_others_forbid_are_named(tmp_path: Path, shards: Path) -> None:
    """Root may read and write everywhere, so this is tried as nobody."""
    for folder in (tmp_path, shards):
        open_to_others(folder)
    (tmp_path / "closed").mkdir(mode=0o700)
    done = python("-c", AS_NOBODY, *training(shards, tmp_path / "closed")[1:])
    assert error_of(done).startswith(f"error: {tmp_path / 'closed'}")
    assert "Permission denied" in done.stderr

    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "hidden").mkdir(mode=0o700)
    (tmp_path / "hidden/train-00000.h5").write_bytes((shards / "train-00000.h5").read_bytes())
    done = python("-c", AS_NOBODY, *training(tmp_path / "hidden", tmp_path / "open")[1:])
    assert error_of(done) == f"error: {tmp_path / 'hidden'}: cannot be read (Permission denied)"
    assert [path.name for path in (tmp_path / "open").iterdir()] == []


# Becomes nobody once the modules, which nobody may not be allowed to read, are loaded.
AS_NOBODY = """
import sys, torch, torch.utils.tensorboard
import train.run, train.learner, train.loop, train.selection, train.released, extract.shard
from extract.base import command
from tests.faults.places import as_nobody
as_nobody()
sys.argv[:] = sys.argv[1:]
command.run(train.run.main)
"""


def test_a_read_only_place_is_named(tmp_path: Path, shards: Path) -> None:
    with small_disk(tmp_path / "disk", 400) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        said = error_of(python(*training(shards, disk)))
        assert str(disk) in said
        assert "Read-only file system" in said


def test_a_second_run_in_the_same_place_is_refused_with_the_first_ones_number(tmp_path: Path, shards: Path) -> None:
    command = training(shards, tmp_path, "--epochs", "500")
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as first:
        while not (tmp_path / "p.lock").exists():
            assert first.poll() is None
        said = error_of(python(*command))
        assert said.startswith(f"error: {tmp_path / 'p.lock'}: process {first.pid} on ")
        assert said.endswith("is doing this already; wait for it or end it, then run the same command again")
        first.kill()
    # The lock's file is still there, but nobody holds it.
    assert (tmp_path / "p.lock").exists()
    assert python(*training(shards, tmp_path)).returncode == 0
    assert hidden_files(tmp_path) == []


def test_dates_from_the_future_do_not_matter_to_training(tmp_path: Path, shards: Path) -> None:
    (tmp_path / "shards").mkdir()
    copy = tmp_path / "shards/train-00000.h5"
    copy.write_bytes((shards / "train-00000.h5").read_bytes())
    os.utime(copy, (4e9, 4e9))
    assert python(*training(tmp_path / "shards", tmp_path)).returncode == 0
    (tmp_path / "out.safetensors").unlink()
    done = python(*training(tmp_path / "shards", tmp_path))
    assert "going on after epoch 2" in done.stderr


def test_a_damaged_finished_video_is_named(tmp_path: Path) -> None:
    save_partial(tmp_path / "a.npz", {"a": np.arange(1000)})
    content = (tmp_path / "a.npz").read_bytes()
    for damaged in (content[:100], content[:-40], b"", content[:200] + b"\0" * 50 + content[250:]):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.npz: is damaged .*; remove it"):
            load_partial(tmp_path / "a.npz")
