"""``python -m tests.faults.kills``: kill a whole run at random moments, start it again, and see what was lost.

One life is a run from videos to table that is killed (SIGKILL, the whole process group) a few times, each time within
a step drawn by chance, and started again as the README says. After each kill every file of the pipeline must be whole;
at the end all of them must equal those of a run that nothing disturbed. A life that was cut short itself is lived
again from its beginning, with the same chances.
"""

import argparse
import csv
import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from extract.base.errors import InputError
from extract.base.files import write_text
from extract.check import check
from extract.workfile import WorkFile, load_partial
from tests.faults.small_run import TABLE, WORK, kill_group, make_project, make_videos, start, unlock_if_asked
from tests.forked_python import REAL

# In the order in which they come: what shows that a step has begun, and that it has finished a video or an epoch.
BEGUN = {step: f"logs/{step}/*.log" for step in ("visual", "audio", "train", "score")}
MOVED = {"visual": "partial/visual/*/*.npz", "audio": "partial/audio/*/*.npz", "train": "partial/train/*/state.pt"}
SHARES = {"visual": 4, "audio": 2, "train": 4, "score": 1}
KILLS_A_LIFE = 5
PRODUCTS = ("*.jsonl", "shards/*", "checkpoints/*/*/*", "scores/*/*/*", "metrics/*/*/*", "failures.csv")
LONGEST_SECONDS = 1800.0


@dataclass
class Kill:
    """One kill and what was found after it.

    Attributes:
        step: Step within which it fell.
        seconds: After the step's first job had started, or had finished its first video or epoch.
        moved: Whether the seconds count from the latter.
        videos: Finished videos on the disk.
        epochs: Finished epochs on the disk.
        problems: What was broken at once, or lost by the next start; empty if all is well.
    """

    step: str
    seconds: float
    moved: bool
    videos: int = 0
    epochs: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Life:
    """A run with its kills.

    Attributes:
        kills: In order.
        problems: What differs from the undisturbed run at the end, or was left behind.
    """

    kills: list[Kill]
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """What a killed run has finished.

    A video is known by its file's name and inode, which a rewritten one does not keep, a log by its name and date.
    """

    videos: frozenset[tuple[str, int]]
    shards: frozenset[str]
    epochs: int
    checkpoints: frozenset[str]
    training_logs: frozenset[tuple[str, int]]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True, help="folder to run in; kept, so that the command resumes")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write after every life")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Live until there have been enough kills; fail if anything was lost."""
    arguments = parser().parse_args(argv)
    report = run_lives(arguments.work.resolve(), arguments.out, arguments.kills, arguments.seed)
    print(json.dumps(report["summary"], indent=1))
    if report["summary"]["lost"]:
        raise SystemExit(1)


def run_lives(work: Path, out: Path, kills: int, seed: int, python: Path = REAL) -> dict[str, Any]:
    """Run the harness and give the report that it has written.

    Args:
        work: Folder to run in.
        out: JSON to write after every life.
        kills: How many.
        seed: Decides the moments.
        python: Folder whose ``python`` the rules take.
    """
    whole = undisturbed(work, python)
    seconds = durations(whole)
    lives = _lived(out, seed)
    while (left := kills - sum(len(life.kills) for life in lives)) > 0:
        chance = random.Random(f"{seed}-{len(lives)}")
        plan = planned_kills(chance, min(left, KILLS_A_LIFE), seconds)
        lives.append(live(work, whole, plan, python))
        _write(out, seed, lives)
    return _write(out, seed, lives)


def undisturbed(work: Path, python: Path) -> Path:
    """Give the project of the run that nothing disturbs, made when it is not there yet."""
    whole = work / "whole"
    if not (whole / TABLE).exists():
        shutil.rmtree(work, ignore_errors=True)
        data = make_videos(work / "videos")
        process = start(make_project(whole, data), python)
        if process.wait(LONGEST_SECONDS):
            raise RuntimeError((whole / "run.log").read_text(encoding="utf-8"))
    return whole


def durations(whole: Path) -> dict[str, float]:
    """Read how long a job of each step took, from its benchmarks."""
    longest: dict[str, float] = {}
    for step in BEGUN:
        for path in (whole / WORK / "benchmarks" / step).glob("*.tsv"):
            with path.open(encoding="utf-8", newline="") as file:
                took = float(next(csv.DictReader(file, delimiter="\t"))["s"])
            longest[step] = max(took, longest.get(step, 0.0))
    return longest


def planned_kills(chance: random.Random, number: int, seconds: dict[str, float]) -> list[Kill]:
    """Draw steps, in their order, and moments within them."""
    steps = chance.choices(list(SHARES), list(SHARES.values()), k=number)
    steps.sort(key=list(BEGUN).index)
    kills = []
    for step in steps:
        moved = step in MOVED and chance.random() < 0.5
        # Most of a short job goes by before its first video.
        kills.append(Kill(step, chance.uniform(0, seconds[step] * (0.3 if moved else 1.0)), moved))
    return kills


def live(work: Path, whole: Path, plan: Sequence[Kill], python: Path) -> Life:
    """Live one life; kills whose moment never came are not in it."""
    folder = work / "killed"
    shutil.rmtree(folder, ignore_errors=True)
    make_project(folder, work / "videos/data")
    life = Life([])
    previous: Progress | None = None
    for kill in plan:
        process = start(folder, python)
        if not _wait_for(folder, process, kill):
            break
        kill_group(process, folder)
        before = progress(folder)
        kill.videos, kill.epochs = len(before.videos), before.epochs
        kill.problems += broken_files(folder)
        if previous:
            life.kills[-1].problems += lost(previous, before)
        previous = before
        life.kills.append(kill)
        unlock_if_asked(folder)
    else:
        process = start(folder, python)
    if process.wait(LONGEST_SECONDS):
        life.problems.append((folder / "run.log").read_text(encoding="utf-8")[-3000:])
    if previous:
        life.kills[-1].problems += epochs_lost(folder, previous)
    life.problems += [*broken_files(folder), *differences(whole, folder), *left_behind(folder)]
    return life


def _wait_for(folder: Path, process: subprocess.Popen[bytes], kill: Kill) -> bool:
    """Wait for a kill's moment; whether it has come before the run was over.

    Where the step is done already, the next one takes its place.
    """
    later = list(BEGUN)[list(BEGUN).index(kill.step) + 1 :]
    signs = [MOVED[kill.step] if kill.moved else BEGUN[kill.step], *(BEGUN[step] for step in later)]
    earlier = _dates(folder, signs)
    deadline = time.monotonic() + LONGEST_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        new = [path for path, date in _dates(folder, signs).items() if earlier.get(path) != date]
        if new:
            kill.step = new[0].relative_to(folder / WORK).parts[1]
            time.sleep(kill.seconds)
            return process.poll() is None
        time.sleep(0.05)
    return False


def _dates(folder: Path, patterns: Sequence[str]) -> dict[Path, int]:
    # Any of them may go while we look.
    dates = {}
    for path in (path for pattern in patterns for path in (folder / WORK).glob(pattern)):
        with suppress(FileNotFoundError):
            dates[path] = path.stat().st_mtime_ns
    return dates


def progress(folder: Path) -> Progress:
    """Read what is finished."""
    work = folder / WORK
    videos = {(str(path.relative_to(work)), path.stat().st_ino) for path in work.glob("partial/*/*/*.npz")}
    shards = {path.stem for path in work.glob("shards/*.h5")}
    checkpoints = frozenset(str(path) for path in work.glob("checkpoints/*/*/*.safetensors"))
    return Progress(frozenset(videos), frozenset(shards), _saved_epochs(work), checkpoints, _training_logs(folder))


def _saved_epochs(work: Path) -> int:
    states = [torch.load(path, weights_only=True) for path in work.glob("partial/train/*/state.pt")]
    return max((int(state["progress"]["epoch"]) for state in states), default=0)


def lost(before: Progress, after: Progress) -> list[str]:
    """Name finished videos and epochs that the next start had to do again."""
    gone = {name for name, inode in before.videos - after.videos}
    # They go when the shard that holds them stands.
    gone = {name for name in gone if Path(name).parent.name not in after.shards}
    problems = [f"finished video {name} was lost" for name in sorted(gone)]
    # The state goes when the scores of the finished training stand.
    if after.epochs < before.epochs and not after.checkpoints:
        problems.append(f"epoch {before.epochs} was lost: the state says {after.epochs}")
    return problems


def epochs_lost(folder: Path, before: Progress) -> list[str]:
    """Say if the last start trained an epoch again that was finished before."""
    # A log that is as it was belongs to a training that was finished before.
    logs = [Path(name).read_text(encoding="utf-8") for name, _ in _training_logs(folder) - before.training_logs]
    if before.epochs and any(f"going on after epoch {before.epochs}" not in log and "epoch" in log for log in logs):
        return [f"epoch {before.epochs} was trained again"]
    return []


def _training_logs(folder: Path) -> frozenset[tuple[str, int]]:
    return frozenset((str(path), date) for path, date in _dates(folder, ["logs/train/*.log"]).items())


def broken_files(folder: Path) -> list[str]:
    """Name files of the pipeline that are there and not whole."""
    work = folder / WORK
    problems: list[str] = []
    for pattern in ("catalog.jsonl", "shards/*.h5", "scores/*/*/*.h5", "checkpoints/*/*/*.safetensors"):
        for path in work.glob(pattern):
            problems += _problems_of(lambda path=path: check(path)[1])
    for kind in ("visual", "audio"):
        for path in work.glob(f"{kind}/*.h5"):
            problems += _problems_of(lambda path=path, kind=kind: _read_all(path, kind))
    for path in work.glob("partial/*/*/*.npz"):
        problems += _problems_of(lambda path=path: load_partial(path) and [])
    for path in work.glob("metrics/*/*/*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    return problems


def _problems_of(read: Any) -> list[str]:
    try:
        found: list[str] = read()
    except InputError as error:
        return [str(error)]
    return found


def _read_all(path: Path, kind: str) -> list[str]:
    with WorkFile(path, kind) as work:
        short = [video_id for video_id, video in work.videos.items() if len(work.rows(kind, video_id)) != video["rows"]]
    return [f"{path}: {video_id!r} is not whole" for video_id in short]


def differences(whole: Path, folder: Path) -> list[str]:
    """Name products that are not byte for byte those of the undisturbed run."""
    expected = {path.relative_to(whole) for path in _products(whole)}
    found = {path.relative_to(folder) for path in _products(folder)}
    problems = [f"{path} is missing or was not to be" for path in sorted(expected ^ found)]
    same = sorted(expected & found)
    return problems + [
        f"{path} differs" for path in same if (whole / path).read_bytes() != (folder / path).read_bytes()
    ]


def _products(folder: Path) -> Iterator[Path]:
    yield folder / TABLE
    for pattern in PRODUCTS:
        yield from (folder / WORK).glob(pattern)


def left_behind(folder: Path) -> list[str]:
    """Name temporary files and locks that have outlived the run."""
    return [
        f"{path.relative_to(folder)} was left behind"
        for place in (folder / "work", folder / "results")
        for path in place.rglob("*")
        if path.suffix in (".tmp", ".lock", ".npz", ".pt")
    ]


def _lived(out: Path, seed: int) -> list[Life]:
    if not out.exists():
        return []
    report = json.loads(out.read_text(encoding="utf-8"))
    if report["seed"] != seed:
        return []
    return [Life([Kill(**kill) for kill in life["kills"]], life["problems"]) for life in report["lives"]]


def _write(out: Path, seed: int, lives: Sequence[Life]) -> dict[str, Any]:
    kills = [kill for life in lives for kill in life.kills]
    bad = sum(bool(kill.problems) for kill in kills) + sum(bool(life.problems) for life in lives)
    summary = {
        "kills": len(kills),
        "by_step": {step: sum(kill.step == step for kill in kills) for step in BEGUN},
        "lives": len(lives),
        "survived": sum(not kill.problems for kill in kills),
        "lost": bad,
    }
    report = {"seed": seed, "summary": summary, "lives": [asdict(life) for life in lives]}
    write_text(out, json.dumps(report, indent=1) + "\n")
    return report


if __name__ == "__main__":
    main()
