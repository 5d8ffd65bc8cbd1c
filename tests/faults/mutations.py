"""``python -m tests.faults.mutations``: damage and spoil files of every kind that the pipeline reads, and read them.

Damage is blind; a spoiled file is well formed, and says at one place what no honest writer would (``spoilings``). Each
must be read or refused with an ``InputError``. Anything else is counted: another exception (``crashed``), a process
that died, as C libraries make it (``died``), one that did not come back (``hung``), a file that was believed where it
takes its values from elsewhere or says a thing twice (``believed``). Files are read in processes of their own, some
hundred in each.
"""

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from extract.base.errors import InputError
from extract.base.files import write_text
from tests.faults.spoilings import Spoiling, one_of_each, spoilings

SECONDS = 20
SECONDS_OF_WAITING = 300
MEMORY_BYTES = 12 << 30
BATCH = 250
# Half of the damage falls here, where formats keep what they are.
HEAD_BYTES = 2048
# Kinds of spoilings that no reader may take for good.
NEVER_READ = ("elsewhere", "doubled")
BOLD = (0, 0xFF, 0x7F, 0x80, ord("{"), ord('"'), ord("9"), ord("-"), ord("\n"))


@dataclass
class Outcomes:
    """What became of the damaged files of one kind, or of those spoiled in one way."""

    read: int = 0
    refused: int = 0
    crashed: int = 0
    died: int = 0
    hung: int = 0
    believed: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many there were."""
        return self.read + self.refused + self.crashed + self.died + self.hung + self.believed


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Damage a file: bits, bytes, blocks, its end, its numbers."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        if not damaged:
            break
        reach = min(len(damaged), HEAD_BYTES) if chance.random() < 0.5 else len(damaged)
        place = chance.randrange(reach)
        match chance.randrange(7):
            case 0:
                damaged[place] ^= 1 << chance.randrange(8)
            case 1:
                damaged[place] = chance.choice(BOLD)
            case 2:
                damaged[place : place + 8] = chance.randbytes(8)
            case 3:
                del damaged[place : place + chance.choice((1, 7, 512))]
            case 4:
                damaged[place:place] = damaged[place : place + chance.choice((1, 16, 512))]
            case 5:
                damaged[place : place + 8] = b"\xff" * 8
            case 6 if chance.random() < 0.3:
                del damaged[place:]
    return bytes(damaged)


def make_catalog(path: Path) -> None:
    """Write a catalog with every field."""
    from extract.catalog import Segment, Video, write_catalog

    test = Video("é b", "test", "b.mp4", ("B1",), (Segment("B1", 3, 90),), 100, 25.0)
    write_catalog(path, [Video("a", "test", "a.mp4", ("A",)), test])


def make_shard(path: Path) -> None:
    """Write a shard of two videos."""
    from tests.shards import Made, make_shard

    make_shard(path, [Made("a", ("A",), 3), Made("b", ("B1", "G"), 5)], crops=(0, 5))


def make_workfile(path: Path) -> None:
    """Write a work file of the visual step."""
    import numpy as np

    from extract.workfile import write_workfile

    empty: dict[str, Any] = {"visual": np.empty((0, 1, 512), np.float16), "bounds": np.empty((0, 2))}
    rows: dict[str, Any] = {"visual": np.ones((4, 1, 512), np.float16), "bounds": np.ones((4, 2))}
    videos = [({"video_id": name, "labels": "A", "frames": 64, "fps": 25.0}, rows) for name in ("a", "b")]
    write_workfile(path, "visual", {"dataset_split": "train", "stride": 16, "crops": [0]}, empty, videos)


def make_partial(path: Path) -> None:
    """Write a finished video."""
    import numpy as np

    from extract.workfile import save_partial

    save_partial(path, {"visual": np.ones((4, 1, 512), np.float16), "frames": np.array(64)})


def make_scores(path: Path) -> None:
    """Write scores of two videos."""
    import numpy as np

    from evaluate.scores_file import ScoredVideo, ScoresHeader, write_scores

    rows = np.full(7, 0.5, np.float32)
    video = ScoredVideo(rows, rows, np.stack([rows, rows], axis=1), 100)
    write_scores(path, ScoresHeader(16, ("A", "B1")), [("a", video), ("é b", video)])


def make_checkpoint(path: Path) -> None:
    """Write an untrained network of the smallest kind."""
    import torch

    from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL
    from train.checkpoint import Header, TrainedOn, save_checkpoint
    from train.networks import build_network
    from train.settings import Architecture, Recipe

    architecture = Architecture("deep_mil", max_snippets=16)
    trained_on = TrainedOn(16, (0,), RELEASED_VISUAL, RELEASED_AUDIO, "")
    header = Header(architecture, "xd", (), (), Recipe(), 1, trained_on, "none", 0, "")
    state = {f"network.{name}": tensor for name, tensor in build_network(architecture).state_dict().items()}
    save_checkpoint(path, header, state | {"text": torch.zeros(0, 512)})


def make_metrics(path: Path) -> None:
    """Write the metrics of a scores file."""
    from evaluate.metrics import main

    make_catalog(path.with_name("catalog"))
    make_scores(path.with_name("scores"))
    main(["--scores", str(path.with_name("scores")), "--catalog", str(path.with_name("catalog")), "--out", str(path)])


def make_npy(path: Path) -> None:
    """Write a feature file."""
    import numpy as np

    with path.open("wb") as file:
        np.save(file, np.ones((5, 512), np.float16), allow_pickle=False)


def make_list(path: Path) -> None:
    """Write a list of features."""
    path.write_text("path,audio_path,label\nd/a__0.npy,s/a.npy,B1-0-0\nd/é b__5.npy,s/é b.npy,A\n", encoding="utf-8")


def make_sidecar(path: Path) -> None:
    """Write what belongs to a list of features."""
    import math

    from extract.npy.feature_sidecar import sidecar_text
    from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, ShardHeader, ShardVideo

    header = ShardHeader("xd", "train", 16, (0, 5), RELEASED_VISUAL, RELEASED_AUDIO, "note")
    videos = [ShardVideo("a", ("A",), 0, 5, 0, 5, 5, 80, 24.0), ShardVideo("é b", ("B1",), 5, 5, 5, 5, 0, -1, math.nan)]
    path.write_text(sidecar_text(header, videos), encoding="utf-8")


def make_weights(path: Path) -> None:
    """Write a plain state dict as torch saves it."""
    import torch

    torch.save({"a": torch.ones(30), "b.c": torch.ones(2, 2)}, path)


def read_shard(path: Path) -> None:
    """Read all of a shard."""
    from extract.shard import Shard

    with Shard(path) as shard:
        for video in shard.videos:
            shard.visual(video, 0)
            shard.audio(video)


def read_workfile(path: Path) -> None:
    """Read all of a work file."""
    from extract.workfile import WorkFile

    with WorkFile(path, "visual") as work:
        for video_id in work.videos:
            work.rows("visual", video_id)
            work.rows("bounds", video_id)


def read_catalog(path: Path) -> None:
    """Read a catalog."""
    from extract.catalog import read_catalog

    read_catalog(path)


def read_partial(path: Path) -> None:
    """Read a finished video."""
    from extract.workfile import load_partial

    load_partial(path)


def read_scores(path: Path) -> None:
    """Read scores."""
    from evaluate.scores_file import read_scores

    read_scores(path)


def read_checkpoint(path: Path) -> None:
    """Load a checkpoint."""
    import torch

    from train.checkpoint import load_checkpoint

    load_checkpoint(path, torch.device("cpu"))


def read_metrics(path: Path) -> None:
    """Make a table of metrics."""
    from evaluate.tables import main
    from tests.faults.places import ROOT

    table = ["--table", "1", "--reported", str(ROOT / "evaluate/reported/xd_table1.csv"), "--row", "m=VadCLIP"]
    main([*table, "--modality", "m=RGB(ViT)", "--measured", f"m={path}", "--out", str(path.with_suffix(".table"))])


def read_npy(path: Path) -> None:
    """Read a feature file."""
    from extract.npy.feature_file import read_features

    read_features(path)


def read_list(path: Path) -> None:
    """Read a list of features."""
    from extract.lists.feature_list import read_feature_list

    read_feature_list(path)


def read_sidecar(path: Path) -> None:
    """Read what belongs to a list of features."""
    from extract.npy.feature_sidecar import read_sidecar

    read_sidecar(path.with_suffix(".csv"))


def read_weights(path: Path) -> None:
    """Read an encoder's weights."""
    from extract.encoders.weights import read_state_dict

    read_state_dict(path)


def read_checked(path: Path) -> None:
    """Let ``extract.check`` look at a file."""
    from extract.check import check

    _, problems = check(path)
    if problems:
        raise InputError(problems[0])


# Kind of file: its suffix, what makes one and what reads it.
KINDS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], None]]] = {
    "catalog": (".jsonl", make_catalog, read_catalog),
    "shard": (".h5", make_shard, read_shard),
    "shard_checked": (".h5", make_shard, read_checked),
    "workfile": (".h5", make_workfile, read_workfile),
    "partial": (".npz", make_partial, read_partial),
    "scores": (".h5", make_scores, read_scores),
    "scores_checked": (".h5", make_scores, read_checked),
    "checkpoint": (".safetensors", make_checkpoint, read_checkpoint),
    "checkpoint_checked": (".safetensors", make_checkpoint, read_checked),
    "metrics": (".json", make_metrics, read_metrics),
    "npy": (".npy", make_npy, read_npy),
    "list": (".csv", make_list, read_list),
    "sidecar": (".json", make_sidecar, read_sidecar),
    "weights": (".pt", make_weights, read_weights),
}


def try_kind(kind: str, count: int, seed: int, *, sample: bool = False) -> dict[str, Outcomes]:
    """Read damaged and spoiled files of a kind.

    Args:
        kind: One of ``KINDS``.
        count: How many to damage.
        seed: Decides how.
        sample: Whether to spoil every place and in every way at least once, in place of every place in every way.

    Returns:
        What became of them: of the damaged ones under the kind's name, of the spoiled ones under that and the
        spoiling's kind.
    """
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, f"base{KINDS[kind][0]}")
        KINDS[kind][1](base)
        # Numbers go on behind those of the damaged ones.
        names = [kind] * count + [f"{kind}: {spoiling.kind}" for spoiling in _chosen(base, sample=sample)]
        outcomes = {name: Outcomes() for name in names}
        start = 0
        while start < len(names):
            stop = min(start + BATCH, len(names))
            start = _batch(
                ["--child", kind, str(base), str(count), str(seed), str(int(sample))], start, stop, names, outcomes
            )
    return outcomes


def _chosen(base: Path, *, sample: bool) -> list[Spoiling]:
    return one_of_each(spoilings(base)) if sample else spoilings(base)


def _batch(words: list[str], start: int, stop: int, names: list[str], outcomes: dict[str, Outcomes]) -> int:
    """Read some of the files in a process of its own; give the number to go on with."""
    command = [sys.executable, "-m", "tests.faults.mutations", *words, str(start), str(stop)]
    child = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = [line.removeprefix("::").split(" ", 2) for line in child.stdout.splitlines() if line.startswith("::")]
    begun = start
    for word, number, *rest in said:
        begun = int(number)
        outcome = outcomes[names[begun]]
        if word in ("crashed", "believed"):
            outcome.examples.append(f"{names[begun]} {number}: {rest[0]}")
        if word != "begun":
            setattr(outcome, word, getattr(outcome, word) + 1)
    if child.returncode == 0:
        return stop
    if not said:
        raise RuntimeError(child.stderr)
    outcome = outcomes[names[begun]]
    if child.returncode in (-signal.SIGALRM, -signal.SIGPROF):
        outcome.hung += 1
    else:
        outcome.died += 1
    outcome.examples.append(f"{names[begun]} {begun}: exit status {child.returncode}: {child.stderr[-300:]}")
    return begun + 1


def _child(kind: str, base: Path, count: int, seed: int, sample: int, start: int, stop: int) -> None:
    spoiled = _chosen(base, sample=bool(sample)) if stop > count else []
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    content = base.read_bytes()
    path = base.with_name(f"damaged{base.suffix}")
    for number in range(start, stop):
        spoiling = spoiled[number - count] if number >= count else None
        if spoiling is None:
            path.write_bytes(mutated(content, random.Random(f"{kind}-{seed}-{number}")))
        else:
            spoiling.write(path)
        print(f"::begun {number}", flush=True)
        # Both kill the process, whatever library it is in; on a busy machine much time may pass without work.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(SECONDS_OF_WAITING)
        word, *told = _read(KINDS[kind][2], path)
        if spoiling is not None:
            told = [f"{spoiling.place}, {spoiling.how}", *told]
            word = "believed" if word == "read" and spoiling.kind in NEVER_READ else word
        print(f"::{word} {number} {': '.join(told)}".replace("\n", " "), flush=True)
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _read(read: Callable[[Path], None], path: Path) -> tuple[str, ...]:
    try:
        read(path)
    except InputError as error:
        return ("refused",) if path.stem in str(error) else ("crashed", f"does not name the file: {error}")
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return "crashed", f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
    return ("read",)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutations", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--out", type=Path, required=True, help="JSON to write after every kind; kinds in it are kept")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Try every kind; fail if a file was neither read nor refused, or believed."""
    arguments = parser().parse_args(argv)
    key = {"count": arguments.count, "seed": arguments.seed}
    done = _done(arguments.out, key)
    for kind in arguments.kinds:
        if kind not in done:
            for name, outcomes in try_kind(kind, arguments.count, arguments.seed).items():
                done[name] = {"tried": outcomes.tried, **asdict(outcomes)}
            write_text(arguments.out, json.dumps({**key, "kinds": done}, indent=1, ensure_ascii=False) + "\n")
        for name, found in done.items():
            if name == kind or name.startswith(f"{kind}: "):
                print(name, {word: number for word, number in found.items() if word != "examples"})
    if any(found["tried"] > found["read"] + found["refused"] for found in done.values()):
        raise SystemExit(1)


def _done(out: Path, key: dict[str, int]) -> dict[str, dict[str, Any]]:
    if not out.exists():
        return {}
    report = json.loads(out.read_text(encoding="utf-8"))
    return dict(report["kinds"]) if all(report[name] == value for name, value in key.items()) else {}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
    else:
        main()
