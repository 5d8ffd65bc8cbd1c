"""SIGTERM, as Slurm sends it before it kills a job, and SIGKILL, on real processes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from extract.base.files import write_text
from tests.extract.made_videos import write_numbered
from tests.extract.steps import catalog_of, visual_arguments
from tests.faults.places import ENVIRONMENT, ROOT, hidden_files, python, signalled
from tests.shards import Made, make_shard
from tests.workflow.project import SMALLEST

# A main that says when it works, has a worker of its own and is writing a file.
WRITER = """
import multiprocessing, sys, time
from pathlib import Path
from extract.base import command
from extract.base.files import atomic_path

def main():
    worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    worker.start()
    with atomic_path(Path(sys.argv[1]) / "out.txt") as temporary:
        temporary.write_text("half")
        (Path(sys.argv[1]) / "part").write_text(str(worker.pid))
        (Path(sys.argv[1]) / "part").rename(Path(sys.argv[1]) / "pid")
        time.sleep(600)

if __name__ == "__main__":
    command.run(main)
"""


def writer(folder: Path) -> list[str]:
    (folder / "writer.py").write_text(WRITER)
    return [str(folder / "writer.py"), str(folder)]


def test_sigterm_ends_a_command_cleanly_with_its_workers(tmp_path: Path) -> None:
    status, said = signalled(writer(tmp_path), (tmp_path / "pid").exists, signal.SIGTERM)
    assert status == 143
    assert said.splitlines() == [
        "terminated (SIGTERM); finished videos and saved epochs are kept, run the same command to go on"
    ]
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()
    assert hidden_files(tmp_path) == []
    assert not (tmp_path / "out.txt").exists()


def test_what_a_killed_writer_left_goes_with_the_next_file_and_a_living_writers_file_stays(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "pid").unlink(missing_ok=True)
        status, _ = signalled(writer(tmp_path), (tmp_path / "pid").exists, signal.SIGKILL)
        assert status == -9
        subprocess.run(["kill", (tmp_path / "pid").read_text()], check=False)
        assert len(hidden_files(tmp_path)) == 1
    (tmp_path / "pid").unlink()
    with subprocess.Popen([sys.executable, *writer(tmp_path)], cwd=ROOT, env=ENVIRONMENT) as living:
        while not (tmp_path / "pid").exists():
            assert living.poll() is None
        write_text(tmp_path / "other.txt", "whole")
        (kept,) = hidden_files(tmp_path)
        assert kept.startswith(f".{living.pid}@")
        living.terminate()
    assert hidden_files(tmp_path) == []


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    videos = [Made(f"{code}{i}", (code,), 20 + i) for code in ("A", "B1") for i in range(4)]
    make_shard(folder / "train-00000.h5", videos)
    return folder


def training(shards: Path, folder: Path) -> list[str]:
    """Give the words that train a small network with dropout for many short epochs."""
    words = "--model deep_mil --max-snippets 32 --scoring-crop 0 --device cpu --epochs 40 --batch 2 --sampling paired"
    paths = {"shards": shards, "out": folder / "out.safetensors", "partial": folder / "p", "curves": folder / "c"}
    return [
        "-m",
        "train.run",
        *words.split(),
        *(word for name, path in paths.items() for word in (f"--{name}", str(path))),
    ]


def test_training_that_is_terminated_or_killed_goes_on_to_the_checkpoint_of_one_that_never_stopped(
    tmp_path: Path, shards: Path
) -> None:
    assert python(*training(shards, tmp_path / "whole")).returncode == 0
    again = tmp_path / "again"
    status, said = signalled(training(shards, again), (again / "p/state.pt").exists, signal.SIGTERM)
    assert status == 143
    assert said.splitlines()[-1].startswith("terminated (SIGTERM); finished videos and saved epochs are kept")
    assert not (again / "out.safetensors").exists()
    assert hidden_files(again) == []

    saved = (again / "p/state.pt").stat().st_mtime_ns
    moved = lambda: (again / "p/state.pt").stat().st_mtime_ns > saved  # noqa: E731
    assert signalled(training(shards, again), moved, signal.SIGKILL)[0] == -9
    last = python(*training(shards, again))
    assert last.returncode == 0
    assert "going on after epoch" in last.stderr
    assert (again / "out.safetensors").read_bytes() == (tmp_path / "whole/out.safetensors").read_bytes()
    assert hidden_files(again) == []


def test_extraction_that_is_terminated_keeps_its_finished_videos_and_nothing_half_done(tmp_path: Path) -> None:
    videos = [write_numbered(tmp_path / f"v{index}.mp4", 60) for index in range(30)]
    catalog = catalog_of(tmp_path / "run", videos)
    partial = tmp_path / "run/partial"
    words = ["-m", "extract.visual", *visual_arguments(catalog, "--encoder", SMALLEST["encoder"])]
    status, said = signalled(words, lambda: any(partial.glob("*.npz")), signal.SIGTERM)
    assert status == 143
    assert said.splitlines()[-1].startswith("terminated (SIGTERM); finished videos and saved epochs are kept")
    assert not (tmp_path / "run/visual.h5").exists()
    assert not (tmp_path / "run/visual.csv").exists()
    assert hidden_files(tmp_path / "run") == []
    assert 1 <= len(list(partial.glob("*.npz"))) < len(videos)
