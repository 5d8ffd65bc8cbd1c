"""Names that would mean something to a shell, to Snakemake or to a path, through the whole pipeline."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from extract.base.errors import InputError
from extract.catalog import check_video_id, read_catalog
from extract.datasets import DATA_SETS
from extract.shard import Shard
from tests.extract.made_videos import write_numbered
from tests.faults.places import python
from tests.workflow.project import SMALLEST, copy_project, snakemake, write_config

# Each would leave a file named HACKED if a shell saw it.
NAMES = (
    "plain; touch HACKED",
    "$(touch HACKED)",
    "`touch HACKED`",
    'it\'s "quoted" #1 = 50% {threads} {input}',
    "-rf & touch HACKED |  two  spaces ",
    "..é\\n*?[a]~!<HACKED>",
)
FOLDER = "my 'videos' $(touch HACKED); \"touch HACKED\" #=&"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over videos with such names, in a folder with such a name."""
    folder = copy_project(tmp_path_factory.mktemp("outer") / "project")
    videos = folder / FOLDER
    videos.mkdir()
    one = write_numbered(folder / "one.mp4", 40)
    lines = []
    for number, name in enumerate(NAMES):
        shutil.copy(one, videos / f"{name.lstrip('.')}.mp4")
        split, label = ("train", "test")[number % 2], ("A", "B1")[number // 2 % 2]
        events = {"unit": "frames", "segments": [{"label": label, "start": 5, "end": 20}]}
        line = {"video": f"{name.lstrip('.')}.mp4", "split": split, "labels": label}
        lines.append(json.dumps(line | (events if split == "test" and label != "A" else {})))
    (videos / "li'st $(touch HACKED).jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    demo = yaml.safe_load((folder / "config/demo.yaml").read_text(encoding="utf-8"))
    method = demo["methods"]["vadclip"]
    method["rows"] = {"table1": "VadCLIP"}
    method["modality"] = "RGB$(touch HACKED)'\""
    method["architecture"] = {"model": "deep_mil", "max_snippets": 16}
    method["recipe"] = {"epochs": 1, "batch": 1, "learning_rate": 1.0e-4, "sampling": "paired"}
    change: dict[str, object] = {
        "name": "named",
        "videos": {"videos": FOLDER, "list": f"{FOLDER}/li'st $(touch HACKED).jsonl"},
        "visual": demo["visual"] | SMALLEST,
        "note": "note; touch HACKED $(touch HACKED) 'x' \"y\" {threads}",
        "methods": {"vadclip": method},
        "seeds": [0],
        "shards": {"train": 1, "test": 1},
        "figure4": None,
        "audio": None,
    }
    config = write_config(folder, change, "named")
    before = set(outside(folder))
    done = snakemake(folder, "--cores", "2", "--configfile", config, "--", "results/named_table1.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(outside(folder)) == before
    return folder


def outside(folder: Path) -> Iterator[Path]:
    """Name all that lies around the places that a run may write to, and in the folder of videos."""
    for path in folder.parent.rglob("*"):
        place = path.relative_to(folder).parts[:1] if path.is_relative_to(folder) else ()
        if place not in {("work",), ("results",), (".snakemake",)} and "__pycache__" not in path.parts:
            yield path


def test_every_video_goes_through_under_its_own_name(project: Path) -> None:
    found: dict[str, str] = {}
    for split in ("train", "test"):
        with Shard(project / f"work/named/shards/{split}-00000.h5") as shard:
            found |= {video.video_id: split for video in shard.videos}
    assert found == {name.lstrip("."): ("train", "test")[number % 2] for number, name in enumerate(NAMES)}
    assert {video.video_id for video in read_catalog(project / "work/named/catalog.jsonl")} == set(found)


def test_no_shell_has_run_what_a_name_says(project: Path) -> None:
    assert not list(project.parent.rglob("HACKED*"))


@pytest.mark.parametrize(
    "video_id", ["../up", "a/b", "..", ".hidden", "new\nline", "tab\t", "nul\0", "", "\u202eright to left"]
)
def test_a_name_that_would_leave_its_folder_or_break_a_line_is_refused(video_id: str) -> None:
    with pytest.raises(InputError):
        check_video_id(video_id)


@pytest.mark.parametrize("video", ["../secret.mp4", "/etc/passwd", "a/../../secret.mp4"])
def test_a_list_cannot_name_a_file_outside_its_folder(tmp_path: Path, video: str) -> None:
    (tmp_path / "videos").mkdir()
    write_numbered(tmp_path / "secret.mp4", 10)
    (tmp_path / "list.jsonl").write_text(json.dumps({"video": video, "split": "train", "labels": "A"}) + "\n")
    words = ["--videos", str(tmp_path / "videos"), "--list", str(tmp_path / "list.jsonl"), "--dataset", "xd"]
    done = python("-m", "extract.own", *words, "--out", str(tmp_path / "catalog.jsonl"))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert not (tmp_path / "catalog.jsonl").exists()


def test_released_features_are_not_read_outside_their_folder_nor_written_outside_the_output(tmp_path: Path) -> None:
    """A list is what a stranger publishes: its paths must stay below --root."""
    import numpy as np

    root = tmp_path / "root"
    root.mkdir()
    with (tmp_path / "a__0.npy").open("wb") as file:
        np.save(file, np.ones((3, 512), np.float16), allow_pickle=False)
    (tmp_path / "list.csv").write_text("path,label\n../a__0.npy,A\n", encoding="utf-8")
    assert "A" in DATA_SETS["xd"].codes
    words = ["--list", str(tmp_path / "list.csv"), "--root", str(root), "--out", str(tmp_path / "out")]
    done = python("-m", "extract.released", *words, "--dataset", "xd", "--split", "train", "--stride", "16")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out/train-00000.h5").exists()
