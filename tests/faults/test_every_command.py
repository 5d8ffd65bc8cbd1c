"""Every command, given a strange file in place of one that it takes, ends with one line that names the file."""

import argparse
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from evaluate.compare.outputs import COLUMNS
from extract.datasets import DATA_SETS
from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL
from extract.workfile import write_workfile
from tests.extract.made_videos import write_numbered
from tests.faults import mutations
from tests.faults.commands_forked import Ended, forked_commands
from tests.faults.spoilings import FORMATS, one_of_each, spoilings
from tests.shards import Made, make_shard
from tests.test_help import COMMANDS as AND_BENCHMARKS
from tests.test_help import ROOT, parser_of
from train.checkpoint import Header, TrainedOn, save_checkpoint
from train.networks import build_network
from train.settings import Architecture, Recipe

# Benchmarks read what they have made themselves.
COMMANDS = [name for name in AND_BENCHMARKS if not name.startswith("benchmarks.")]
Run = Callable[[str, Sequence[str]], Ended]

# A good file for an argument, by its name; where a command means another by it, by both.
GOOD = {
    "annotations": "xd.txt",
    "frame_annotations": "xd-frames.txt",
    "audio": "audio.h5",
    "audio_failures": "failures.csv",
    "audio_list": "sound.list",
    "audio_weights": "weights.pt",
    "begun": "network.safetensors",
    "benchmarks": "jobs",
    "catalog": "catalog.jsonl",
    "causal": "scores.h5",
    "checkpoint": "network.safetensors",
    "classes": "classes.yaml",
    "curves": "curves.csv",
    "evaluate.compare first": "scores.h5",
    "evaluate.compare others": "scores.h5",
    "evaluate.compare.page table": "comparison.csv",
    "evaluate.detect checkpoint": "telling.safetensors",
    "evaluate.watch checkpoint": "telling.safetensors",
    "evaluate.ground_truth check": "gt.npy",
    "evaluate.ground_truth list": "order.txt",
    "evaluate.import_scores list": "order.txt",
    "evaluate.import_scores source": "all.npy",
    "events": "events",
    "extract.own list": "own.csv",
    "extract.own videos": "videos",
    "extract.ucf annotations": "ucf.txt",
    "extract.ucf test": "ucf-test.txt",
    "extract.ucf train": "ucf-train.txt",
    "extract.ucf videos": "videos",
    "extract.audit catalog": "catalog.jsonl",
    "extract.audit weights": "weights.pt",
    "extract.cctv annotations": "cctv.txt",
    "extract.xd test": "xd-test.csv",
    "extract.xd train": "xd-train.csv",
    "extract.cctv train": "cctv-train.csv",
    "extract.cctv test": "cctv-test.csv",
    "evaluate.report.transfer_matrix table": "transfer.csv",
    "extract.shanghaitech annotations": "masks",
    "extract.shanghaitech train": "shanghaitech-train.txt",
    "extract.shanghaitech test": "shanghaitech-test.txt",
    "extract.shanghaitech videos": "shanghaitech-videos",
    "extract.ubnormal annotations": "ubnormal.json",
    "extract.ubnormal train": "ubnormal-train.txt",
    "extract.ubnormal test": "ubnormal-test.txt",
    "extract.ubnormal videos": "ubnormal-videos",
    "extract.msad annotations": "msad.json",
    "extract.msad train": "msad-train.txt",
    "extract.msad test": "msad-test.txt",
    "extract.tad annotations": "tad.json",
    "extract.tad train": "tad-train.txt",
    "extract.tad test": "tad-test.txt",
    "extract.lad annotations": "lad.json",
    "extract.lad train": "lad-train.txt",
    "extract.lad test": "lad-test.txt",
    "failures": "failures.csv",
    "frames": "frames.csv",
    "file": "weights.pt",
    "files": "catalog.jsonl",
    "folder": "pictures",
    "kinds": "kinds.csv",
    "lengths": "lengths.csv",
    "list": "xd_test.csv",
    "lists": "failures.csv",
    "measured": "metrics.json",
    "metrics": "metrics.json",
    "onnx": "weights.pt",
    "operating_point": "point.json",
    "ours": "shards",
    "released": "shards",
    "reported": "reported.csv",
    "root": "features",
    "rounds": "catalog.jsonl",
    "scores": "scores.h5",
    "shards": "shards",
    "student": "network.safetensors",
    "table": "table.csv",
    "tables": "table.csv",
    "teacher": "network.safetensors",
    "test": "xd_test.csv",
    "text_weights": "weights.pt",
    "train": "xd_train.csv",
    "videos": "videos",
    "visual": "visual.h5",
    "visual_failures": "failures.csv",
    "visual_weights": "weights.pt",
    "weights": "weights.pt",
}
# In the place of every file, and so many of the others.
ALWAYS, SOME = ("folder", "fifo", "loop", "gone"), 2
# A smaller one to make strange ones of.
SMALLER = {"telling.safetensors": "network.safetensors"}
# What an argument says that is no file, where its first choice, or a number or word of no meaning, would not do.
SAID = {
    "evaluate.report.figure4 video": ["a"],
    "evaluate.report.provenance_page configuration": ["{}"],
    "evaluate.tables modality": ["m=RGB(ViT)"],
    "evaluate.tables row": ["m=VadCLIP"],
    "evaluate.watch sources": ["gone.ts"],
    "extract.align split": ["train"],
    "extract.failures max_failures": ["9"],
    "extract.simulate hours": ["0.1"],
    "train.run epochs": ["0"],
    "train.run model": ["deep_mil"],
}
# What goes with a file that a command can do without.
BESIDE = {
    "evaluate.ground_truth catalog": ["--check", "{good}/gt.npy"],
    "evaluate.ground_truth lengths": ["--check", "{good}/gt.npy"],
    "evaluate.ground_truth classes": ["--check", "{good}/gt.npy", "--lengths", "{good}/lengths.csv"],
    "evaluate.ground_truth list": ["--check", "{good}/gt.npy"],
    "evaluate.import_scores source": ["--lengths", "{good}/lengths.csv"],
    "evaluate.import_scores classes": ["--lengths", "{good}/lengths.csv"],
    "evaluate.import_scores list": ["--lengths", "{good}/lengths.csv"],
    "evaluate.detect onnx": ["--runtime", "onnx", "--allow-mismatch"],
    "evaluate.watch onnx": ["--runtime", "onnx", "--allow-mismatch"],
    "evaluate.detect classes": ["--text-weights", "random:0"],
    "evaluate.detect text_weights": ["--classes", "{good}/classes.yaml"],
    "evaluate.watch classes": ["--text-weights", "random:0"],
    "evaluate.watch text_weights": ["--classes", "{good}/classes.yaml"],
    "evaluate.score classes": ["--text-weights", "random:0"],
    "extract.align audio": ["--audio-failures", "{good}/failures.csv"],
    "extract.align audio_failures": ["--audio", "{good}/audio.h5"],
    "extract.audit catalog": ["--weights", "random:0"],
    "extract.audit weights": ["--catalog", "{good}/catalog.jsonl"],
    **{
        f"extract.{name} {place}": ["--frames", "{good}/frames.csv"]
        for name in ("msad", "tad", "lad", "ubnormal")
        for place in ("annotations", "train", "test", "videos")
    },
    "train.run catalog": ["--selection", "released"],
    "train.run teacher": ["--model", "student", "--text-weights", "random:0"],
    "train.run text_weights": ["--model", "vadclip"],
}
WEIGHTS = "random:0"


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with forked_commands(COMMANDS) as started:
        yield started


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good file of every kind."""
    folder = tmp_path_factory.mktemp("good")
    mutations.make_catalog(folder / "catalog.jsonl")
    mutations.make_scores(folder / "scores.h5")
    mutations.make_metrics(folder / "metrics.json")
    mutations.make_checkpoint(folder / "network.safetensors")
    mutations.make_weights(folder / "weights.pt")
    mutations.make_workfile(folder / "visual.h5")
    _make_audio(folder / "audio.h5")
    _make_telling(folder / "telling.safetensors")
    videos = [Made("a", ("A",), 3), Made("é b", ("B1",), 5)]
    for split in ("train", "test"):
        make_shard(
            folder / "shards" / f"{split}-00000.h5", videos, split=split, visual=RELEASED_VISUAL, audio=RELEASED_AUDIO
        )
    (folder / "videos").mkdir()
    write_numbered(folder / "videos/a.mp4", 20)
    for split in ("train", "test"):
        for name in ("v__0.npy", "v.npy"):
            (folder / "features").mkdir(exist_ok=True)
            mutations.make_npy(folder / "features" / name)
        (folder / f"xd_{split}.csv").write_text("path,audio_path,label\nv__0.npy,v.npy,A\n")
        (folder / f"xd-{split}.csv").write_text(f"video_id,label\n{split}__#0_label_B1-0-0,B1-0-0\n")
        (folder / f"cctv-{split}.csv").write_text(f"video_id,label\nfight_{split}_label_B1-0-0,B1-0-0\n")
        (folder / f"ucf-{split}.txt").write_text(f"Abuse/Abuse{len(split)}_x264.mp4\n")
        write_numbered(folder / f"videos/Abuse{len(split)}_x264.mp4", 20)
    (folder / "pictures").mkdir()
    (folder / "pictures/a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "jobs").mkdir()
    (folder / "jobs/train.tsv").write_text("s\tmax_rss\n1.5\t10.0\n")
    with SummaryWriter(str(folder / "events")) as writer:
        writer.add_scalar("total", 1.0, 1)
    shutil.copy(ROOT / "evaluate/reported/xd_table1.csv", folder / "reported.csv")
    np.save(folder / "all.npy", np.linspace(0, 1, 10), allow_pickle=False)
    np.save(folder / "gt.npy", np.zeros(140, np.float32), allow_pickle=False)
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    _make_named(folder)
    return folder


# A training and a test video of sets whose names tell the class, and what the annotations call the latter.
NAMED = {
    "shanghaitech": ("01_001", "01_0002", ""),
    "ubnormal": ("normal_scene_1", "abnormal_scene_2", "Abnormal"),
    "msad": ("MSAD_normal_1", "Fire_2", "Fire"),
    "tad": ("Normal_1", "01_Accident_2", "Car Accident"),
    "lad": ("v_Fire_n_s1_c1", "v_Fire_a_s2_c1", "Fire"),
}


def _make_named(folder: Path) -> None:
    frames = "video_id,frames\n"
    for name, (train, test, code) in NAMED.items():
        (folder / f"{name}-train.txt").write_text(f"{train}\n")
        (folder / f"{name}-test.txt").write_text(f"{test}\n")
        entry = f'{{"video_path": "{test}.mp4", "class_name": "{code}", "anomaly_span": [[0.1, 0.5]]}}'
        (folder / f"{name}.json").write_text(f"[{entry}]")
        frames += f"{test},40\n"
        (folder / f"{name}-videos").mkdir()
        for video in (train, test):
            (folder / f"{name}-videos/{video}.mp4").touch()
    (folder / "frames.csv").write_text(frames)
    (folder / "masks").mkdir()
    np.save(folder / "masks/01_0002.npy", np.array([0, 1, 1, 0]))


def _make_audio(path: Path) -> None:
    rows: dict[str, Any] = {"audio": np.ones((4, 512), np.float16)}
    videos = [({"video_id": name, "sounding": 4}, rows) for name in ("a", "b")]
    write_workfile(path, "audio", {"stride": 16}, {"audio": np.empty((0, 512), np.float16)}, videos)


def _make_telling(path: Path) -> None:
    """Write a checkpoint that tells classes apart."""
    architecture = Architecture("vadclip", layers=1, max_snippets=16, window=16)
    trained_on = TrainedOn(16, (0,), RELEASED_VISUAL, RELEASED_AUDIO, "")
    labels = DATA_SETS["xd"]
    header = Header(architecture, "xd", labels.model_codes, labels.prompts, Recipe(), 1, trained_on, "none", 0, "")
    state = {f"network.{name}": tensor for name, tensor in build_network(architecture).state_dict().items()}
    save_checkpoint(path, header, state | {"text": torch.zeros(len(labels.model_codes), 512)})


TEXTS = {
    "sound.list": "v__vggish.npy\n",
    "classes.yaml": "A: normal\nB1: fighting\n",
    "transfer.csv": "trained_on,method,scored_on,videos,auc_mean\nxd,vadclip,ucf,3,50.00\n",
    "comparison.csv": f"{','.join(COLUMNS)}\nAP,a,b,1.00,,2.00,,-1.00,-2.00,0.50,0.1000,0.1000,1 and 1,2,,\n",
    "cctv.txt": "fight_test_label_B1-0-0 1 43\n",
    "curves.csv": "epoch,total,learning_rate\n1,0.5,0.1\n",
    "failures.csv": "video_id,stage,reason\nc,visual,cannot be read\n",
    "lengths.csv": "video_id,frames\na,40\né b,100\n",
    "point.json": '{"format": "avadclip-operating-point", "version": 1, "threshold": 0.5, "branch": "either", '
    '"remarks": ["chosen"], "provenance": {}}',
    "order.txt": "é b\na\n",
    "kinds.csv": "video_id,kind\na,plain_normal\né b,heard_only\n",
    "own.csv": "video,split,labels,segments,unit\na.mp4,test,B1,B1 0.1 0.5,seconds\n",
    "table.csv": "method,reported_ap,measured_ap_mean,measured_ap_std,note\nVadCLIP,84.51,80.00,1.00,\n",
    "ucf.txt": "Abuse4_x264  Abuse  1  10  -1  -1\n",
    "xd.txt": "test__#0_label_B1-0-0 B1 5 90\n",
    "xd-frames.txt": "test__#0_label_B1-0-0 5 90\n",
}


@dataclass(frozen=True)
class Strange:
    """What stands in a good file's place: its name, and whether a command may take it for good all the same."""

    path: Path
    may_be_taken: bool


def file_arguments(command: str) -> list[argparse.Action]:
    """Find the arguments by which a command is given files to read."""
    parser = parser_of(command)
    written = parser.epilog or ""
    return [
        action
        for action in parser._actions
        if (action.type is Path or "FILE" in str(action.metavar) or re.search("weights.*random:", action.help or ""))
        and (
            f"{command} {action.dest}" in GOOD
            or not any(re.search(rf"(?<![\w-]){option}(?![\w-])", written) for option in action.option_strings)
        )
    ]


# Read only where a published model, or one that listens, has been read: by what reads train.run's and extract.audio's.
NOT_REACHED = [
    ("train.released", "text_weights"),
    ("train.export", "visual_weights"),
    ("evaluate.detect", "audio_weights"),
    ("evaluate.detect", "encoder_onnx"),
    ("evaluate.watch", "encoder_onnx"),
    ("evaluate.score", "text_weights"),
    ("evaluate.watch", "audio_weights"),
]
PLACES = [
    place
    for command in COMMANDS
    for action in file_arguments(command)
    if (place := (command, action.dest)) not in NOT_REACHED
]


def line_of(command: str, place: str, path: Path, good: Path, out: Path) -> list[str]:
    """Spell a command line on which one file is ``path``, the others are good, and what is written goes to ``out``."""
    reads = {action.dest for action in file_arguments(command)}
    words: list[str] = []
    parser = parser_of(command)
    # Of arguments of which one is needed, the first, unless another one is tried.
    either = [group._group_actions for group in parser._mutually_exclusive_groups if group.required]
    taken = [group[0].dest for group in either if place not in {action.dest for action in group}]
    for action in parser._actions:
        if action.dest != place and not action.required and action.dest not in taken:
            continue
        if action.dest == place:
            said = in_words(action, str(path))
        elif action.dest in reads:
            said = in_words(action, str(good_file(command, action.dest, good)))
        elif action.type is Path:
            said = [str(out / action.dest)]
        else:
            said = SAID.get(f"{command} {action.dest}", [str(next(iter(action.choices or [1])))])
        words += [*action.option_strings[-1:], *said]
    beside = BESIDE.get(f"{command} {place}", [])
    return [*words, *(word.replace("{good}", str(good)) for word in beside)]


def good_file(command: str, place: str, good: Path) -> Path | str:
    """Give a good file for an argument."""
    if "weights" in place:
        return WEIGHTS
    assert {f"{command} {place}", place} & GOOD.keys(), f"GOOD must say what {command} takes as {place}"
    return good / GOOD.get(f"{command} {place}", GOOD.get(place, ""))


def base_of(command: str, place: str, good: Path) -> Path:
    """Give the good file of which strange ones are made for an argument."""
    assert {f"{command} {place}", place} & GOOD.keys(), f"GOOD must say what {command} takes as {place}"
    name = GOOD.get(f"{command} {place}", GOOD.get(place, ""))
    return good / SMALLER.get(name, name)


def in_words(action: argparse.Action, path: str) -> list[str]:
    """Spell a file as the argument takes it, alone or behind words such as METHOD RUN."""
    if isinstance(action.metavar, tuple):
        return [*(WORDS.get(word, "1") for word in action.metavar[:-1]), path]
    return [f"m={path}" if action.metavar and "=" in action.metavar else path]


WORDS = {"METHOD": "m", "RUN": "seed0", "CONTROL": "trained"}


@pytest.fixture(scope="module")
def strange(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[Strange]]:
    """Make what may stand in the place of a good file or folder; once for each."""

    @cache
    def make(base: Path) -> list[Strange]:
        folder = tmp_path_factory.mktemp("strange")
        if not base.is_dir():
            return list(in_place_of(base, folder))
        made = [Strange(path, may_be_taken=False) for path in (folder / "gone", folder / "loop", folder / "a-file")]
        made[1].path.symlink_to(made[1].path)
        made[2].path.write_bytes(b"")
        # The first file of its folder, replaced.
        first = min(path for path in base.iterdir() if path.is_file())
        for number, one in enumerate(in_place_of(first, folder)):
            changed = shutil.copytree(base, folder / f"folder-{number}")
            (changed / first.name).unlink()
            (changed / first.name).symlink_to(one.path)
            made.append(Strange(changed, may_be_taken=True))
        return made

    return make


def in_place_of(base: Path, folder: Path) -> Iterator[Strange]:
    """Make what may stand in the place of a file."""

    def path(name: str) -> Path:
        return folder / f"{name}{base.suffix}"

    path("folder").mkdir()
    os.mkfifo(path("fifo"))
    path("loop").symlink_to(path("loop"))
    path("empty").touch()
    path("noise").write_bytes(bytes(range(256)))
    path("utf-16").write_bytes("é, b: [}\n".encode("utf-16"))
    path("no-yaml").write_text("a: b: c\n\t- {\n", encoding="utf-8")
    path("other").write_text('{"format": "other", "numbers": [1e999, %s]}' % ("9" * 5000))
    long = folder / ("x" * 300)
    for name in ("folder", "fifo", "loop", "gone", "empty", "noise", "utf-16", "no-yaml", "other"):
        yield Strange(path(name), may_be_taken=False)
    yield Strange(long, may_be_taken=False)
    odd = folder / os.fsdecode(b"\xff\x1b[2J" + base.suffix.encode())
    shutil.copyfile(base, odd)
    yield Strange(odd, may_be_taken=True)
    if base.suffix in FORMATS:
        for number, spoiling in enumerate(one_of_each(spoilings(base))):
            spoiling.write(path(f"spoiled-{number}"))
            yield Strange(path(f"spoiled-{number}"), may_be_taken=True)


@pytest.mark.parametrize(("command", "place"), PLACES)
def test_a_strange_file_ends_a_command_with_one_line_that_names_it(
    command: str, place: str, run: Run, good: Path, strange: Callable[[Path], list[Strange]], tmp_path: Path
) -> None:
    every = strange(base_of(command, place, good))
    # Other commands that read such a file are given others of these.
    first, some = zlib.crc32(f"{command} {place}".encode()), [one for one in every if one.path.stem not in ALWAYS]
    chosen = [one for one in every if one.path.stem in ALWAYS]
    chosen += [some[(first + number * (len(some) // SOME)) % len(some)] for number in range(min(SOME, len(some)))]
    check_all(command, place, run, good, chosen, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "place"), PLACES)
def test_every_strange_file_ends_a_command_with_one_line_that_names_it(
    command: str, place: str, run: Run, good: Path, strange: Callable[[Path], list[Strange]], tmp_path: Path
) -> None:
    check_all(command, place, run, good, strange(base_of(command, place, good)), tmp_path)


def check_all(command: str, place: str, run: Run, good: Path, chosen: list[Strange], tmp_path: Path) -> None:
    wrong = []
    for one in chosen:
        out = tmp_path / f"out of {one.path.name[:40]}"
        ended = run(command, line_of(command, place, one.path, good, out))
        if fault := fault_of(ended, one, out):
            wrong.append((one.path.name, fault, ended.err[-700:]))
    assert not wrong, "\n\n".join(map(str, wrong))


def fault_of(ended: Ended, one: Strange, out: Path) -> str | None:
    """Say what is wrong with how a command ended; ``None`` if nothing is."""
    lines = ended.err.splitlines()
    left = [path.name for path in out.rglob("*") if path.suffix in (".tmp", ".lock")]
    if "Traceback" in ended.err or ended.status not in (0, 1, 2):
        return f"status {ended.status}"
    if left:
        return f"leaves {left}"
    if ended.status == 0:
        return None if one.may_be_taken else "is taken"
    if sum("error: " in line for line in lines) != 1 or "error: " not in lines[-1]:
        return "not one line"
    # What another program might have written can be blamed on a file that it does not fit.
    if not one.may_be_taken and ascii(one.path.name)[1:-1] not in lines[-1] + ended.out:
        return "does not name the file"
    written = [path for path in (out / "out", out / "figure") if path.is_file()]
    return f"writes {written} all the same" if written else None
