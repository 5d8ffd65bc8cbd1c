"""From the first alert to a better model, by the five commands of the README, on a generated camera."""

import json
import re
import shlex
from collections.abc import Callable
from copy import deepcopy
from importlib import import_module
from pathlib import Path

import pytest
import torch

from extract.datasets import DATA_SETS
from extract.encoders.weights import file_sha256
from extract.shard import Shard
from tests.evaluate.pages.shown import Parsed
from tests.evaluate.watch.narrow import Redness, header_of, replacements
from tests.evaluate.watch.servers import write_alarms
from tests.train.narrow_clip import narrow_clip
from tests.workflow.project import ROOT, copy_project, snakemake
from train.checkpoint import read_header, save_checkpoint
from train.learner import build_learner, checkpoint_tensors

README = (ROOT / "evaluate/README.md").read_text(encoding="utf-8")
SECTION = README.split("## From the first alert to a better model\n")[1].split("\n## ")[0]
CAMERA = "rtsp://USER:PASSWORD@10.0.0.5/stream"


def block(language: str) -> str:
    """Give the section's block of a language, with a generated camera and untrained weights in their places."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    return (
        str(found)
        .replace("FILE", "random:0")
        .replace(CAMERA, "camera.ts")
        .replace("precision: auto", "precision: fp32")
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that runs a command in this process, in a fresh checkout, with encoders that see redness."""
    copy_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, value in replacements().items():
        monkeypatch.setattr(name, value)
    clip = deepcopy(narrow_clip())
    clip.visual = Redness()
    monkeypatch.setattr("extract.encoders.clip.load_clip", lambda weights, encoder: (clip, weights))

    def run(line: str) -> None:
        words = shlex.split(re.split(" 2?> ?", line)[0])
        if words[0] == "rm":
            return
        assert words[:2] == ["python", "-m"]
        module = f"{words[2]}.__main__" if words[2] == "evaluate.watch" else words[2]
        import_module(module).main([*words[3:], *(["--silence", "2"] if words[2] == "evaluate.watch" else [])])

    return run


def save_teacher(path: Path) -> None:
    """Write a checkpoint that can be trained further: with the prompt that its texts came from."""
    header = header_of("teacher", max_snippets=8)
    learner, _ = build_learner(header.architecture, DATA_SETS["xd"], "random:0", 5, torch.device("cpu"))
    save_checkpoint(path, header, checkpoint_tensors(learner))


def judge(page: Path, verdict: bool) -> str:
    """Do as the page's script does when its one event is confirmed or refused (see tests/evaluate/pages)."""
    data = Parsed(page.read_text(encoding="utf-8")).data
    (event,) = data["detections"]
    segment = {"label": event["label"], "start": event["start_seconds"], "end": event["end_seconds"]}
    labels = event["label"] if verdict else data["classes"][0]["label"]
    values = {"video": data["listed"], "split": "train", "labels": labels, "segments": [segment] if verdict else []}
    return json.dumps(values | {"unit": data["unit"]}) + "\n"


def test_five_commands_lead_from_the_first_alert_to_a_better_model(tmp_path: Path, run: Callable[[str], None]) -> None:
    watch, joined, workflow, train, again = block("").replace("\\\n", "").splitlines()
    save_teacher(tmp_path / "teacher.safetensors")
    write_alarms(tmp_path / "camera.ts", 26, [(6, 9), (18, 20)])
    (tmp_path / "config/live.yaml").write_text(block("yaml"), encoding="utf-8")

    run(watch)
    first, second = sorted((tmp_path / "live/front").glob("*.html"))
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/one.jsonl").write_text(judge(first, verdict=True))
    (tmp_path / "saved/two.jsonl").write_text(judge(second, verdict=False))
    assert joined == "cat saved/*.jsonl > live/list.jsonl"
    lists = sorted((tmp_path / "saved").glob("*.jsonl"))
    (tmp_path / "live/list.jsonl").write_text("".join(path.read_text() for path in lists))

    words = shlex.split(workflow)
    dry = snakemake(tmp_path, "--dry-run", "--printshellcmds", *words[1:])
    assert dry.returncode == 0, dry.stderr
    for job in re.findall("^Shell command: (python -m .*)$", dry.stdout, re.MULTILINE):
        for command in job.split(" && "):
            run(command.strip())
    with Shard(tmp_path / "work/live/shards/train-00000.h5") as shard:
        assert [video.labels for video in shard.videos] == [("B1",), ("A",)]

    run(train)
    better = read_header(tmp_path / "better.safetensors")
    assert better.continued_from == file_sha256(tmp_path / "teacher.safetensors")
    assert better.recipe.learning_rate == pytest.approx(
        0.1 * read_header(tmp_path / "teacher.safetensors").recipe.learning_rate
    )

    run(again)
    lines = [json.loads(line) for line in (tmp_path / "live-better/front/events.jsonl").read_text().splitlines()]
    assert {line["checkpoint_sha256"] for line in lines if line["what"] == "begins"} == {
        file_sha256(tmp_path / "better.safetensors")
    }
    (note,) = {note for line in lines if line["what"] == "begins" for note in line["notes"] if "further" in note}
    assert f"trained further from the checkpoint {better.continued_from[:12]}" in note
