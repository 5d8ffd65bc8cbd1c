"""The tutorial on classes of one's own, done as it is written, on generated videos."""

import csv
import json
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from extract.check import check
from extract.datasets import DATA_SETS
from extract.shard import Shard
from tests.extract.made_videos import FPS, click_track, numbered, write_video
from tests.extract.narrow_clip import narrow_clip
from tests.workflow.project import ROOT, copy_project, snakemake

TUTORIAL = (ROOT / "docs/own-classes.md").read_text(encoding="utf-8")
CODES = ("normal", "litter", "cart", "smoke")


def blocks(language: str) -> list[str]:
    """Give the tutorial's blocks of one language."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    return found


def untrained(text: str) -> str:
    """Put untrained encoders in the place of the weights that are fetched, as the tutorial says, and train for less."""
    changed = re.sub(r"weights/[\w-]+[.]pt", "random:0", text).replace("precision: auto", "precision: fp32")
    return changed.replace("epochs: 10,", "epochs: 1,").replace("milestones: [8]", "milestones: [1]")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh checkout in which the tutorial's files are in place."""
    folder = copy_project(tmp_path_factory.mktemp("tutorial"))
    (listed,) = blocks("csv")
    configuration, more = blocks("yaml")
    videos = folder / "data/mine/videos"
    (folder / "config/mine.yaml").write_text(untrained(configuration), encoding="utf-8")
    for number, row in enumerate(csv.DictReader(listed.splitlines())):
        path = videos / row["video"]
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures = [np.roll(numbered(number + 1), frame, axis=1) for frame in range(36)]
        write_video(path, pictures, sound=click_track(36 / FPS, [0.3], hum=0.1))
    (folder / "data/mine/list.csv").write_text(listed, encoding="utf-8")
    (folder / "data/mine/more.yaml").write_text(more, encoding="utf-8")
    return folder


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that runs a command of the project in this process, with a CLIP of one layer."""
    monkeypatch.chdir(project)
    monkeypatch.setattr("extract.encoders.clip.load_clip", narrow_clip)

    def run(line: str) -> None:
        words = shlex.split(re.split(" 2?> ?", line)[0])
        if words[0] == "rm":
            return
        assert words[:2] == ["python", "-m"]
        module = words[2] if words[2] not in ("extract.labels", "evaluate.detect") else f"{words[2]}.__main__"
        import_module(module).main(words[3:])

    return run


def test_the_tutorial_leads_from_a_folder_and_a_list_to_a_detector(project: Path, here: Callable[[str], None]) -> None:
    assert not {code for one in DATA_SETS.values() for code in one.codes} & set(CODES)
    plain = untrained(TUTORIAL).replace("\\\n", "")
    (run,) = re.findall(r"^snakemake (.*)$", plain, re.MULTILINE)
    dry = snakemake(project, "--dry-run", "--printshellcmds", *shlex.split(run))
    assert dry.returncode == 0, dry.stderr
    jobs = re.findall("^Shell command: (python -m .*)$", dry.stdout, re.MULTILINE)
    named = "extract.labels --class normal normal --class litter 'someone dropping litter'"
    assert any(named in job for job in jobs)
    for job in jobs:
        for command in job.split(" && "):
            here(command.strip())

    with (project / "results/mine_table2.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["method"] == "AVadCLIP"
    assert row["measured_avg_mean"]
    metrics = json.loads((project / "work/mine/metrics/teacher/trained/seed0.json").read_text(encoding="utf-8"))
    assert tuple(metrics["per_class"]) == CODES
    assert metrics["prompts"] == ["normal", "someone dropping litter", "a cart left behind", "smoke"]
    files = [path for path in (project / "work/mine").rglob("*") if path.suffix in (".h5", ".safetensors", ".jsonl")]
    kept = [path for path in files if path.parent.name not in ("visual", "audio")]
    assert [check(path)[1] for path in kept] == [[]] * len(kept)
    with Shard(project / "work/mine/shards/test-00000.h5") as shard:
        assert shard.header.label_set(project).codes == CODES
        assert [video.labels for video in shard.videos] == [("normal",), ("litter",), ("cart", "smoke")]

    for command in re.findall(r"^(python -m evaluate[.].*)$", plain, re.MULTILINE):
        here(command)
    with (project / "found/hall-5.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file))[6:] == ["normal", "someone dropping litter", "a cart left behind", "smoke"]
    assert (project / "found/detections.csv").is_file()
    with (project / "found_more/hall-5.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file))[6:] == ["normal", "someone dropping litter", "people fighting (not trained)"]
