"""What a changed value makes again in a run that is finished, so that no old number stands for a new setting."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.finished import planned, project_with_stand_in

TABLE = "results/mine_table1.csv"


def method(model: str, **others: object) -> dict[str, object]:
    architecture = {"model": model, "layers": 1, "window": 16, "max_snippets": 16}
    recipe = {"epochs": 1, "batch": 2, "learning_rate": 1e-4}
    return {"rows": {"table1": "any"}, "modality": "RGB", "scoring_crop": 0} | {
        "architecture": architecture,
        "recipe": recipe,
        **others,
    }


def configured(folder: Path, change: Callable[[Any], object] = lambda settings: None) -> str:
    """Write a configuration of own videos in a folder with braces, and give its path."""
    settings = yaml.safe_load((folder / "config/demo.yaml").read_text(encoding="utf-8"))
    for name in ("figure4", "sound_study", "learning_seeds"):
        del settings[name]
    settings |= {
        "name": "mine",
        "videos": {"videos": "videos {2024}", "list": "videos {2024}/list.csv"},
        "shards": {"train": 1, "test": 1},
        "seeds": [0],
        "methods": {"vadclip": method("vadclip")},
    }
    settings["visual"]["weights"] = "clip.pt"
    change(settings)
    (folder / "mine.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return "mine.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project_with_stand_in(tmp_path_factory.mktemp("finished"))
    (folder / "videos {2024}").mkdir()
    (folder / "videos {2024}/list.csv").write_text("path,label\n")
    for name in ("clip.pt", "other.pt"):
        (folder / name).write_text(name)
        os.utime(folder / name, (1_000_000, 1_000_000))
    done = planned(folder, "--configfile", configured(folder), "--", TABLE)
    assert done.returncode == 0, done.stderr
    return folder


def jobs(folder: Path, change: Callable[[Any], object] = lambda settings: None) -> set[str]:
    done = planned(folder, "-n", "--configfile", configured(folder, change), "--", TABLE)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^(\w+) +\d+$", done.stdout, re.MULTILINE)) - {"total"}


AFTER_TRAINING = {"train", "score", "metrics", "table"}


def test_a_finished_run_is_finished(project: Path) -> None:
    assert jobs(project) == set()


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda s: s["visual"].update(weights="other.pt"), {"visual", "audio", "align", "failures", *AFTER_TRAINING}),
        (lambda s: s["audio"].update(weights="random:1"), {"audio", "align", "failures", *AFTER_TRAINING}),
        (lambda s: s.update(text_weights="random:1"), AFTER_TRAINING),
        (lambda s: s["methods"]["vadclip"]["recipe"].update(learning_rate=2e-4), AFTER_TRAINING),
        (lambda s: s["methods"]["vadclip"]["architecture"].update(window=8), AFTER_TRAINING),
    ],
    ids=["visual weights", "audio weights", "text weights", "recipe", "architecture"],
)
def test_a_changed_value_makes_again_what_it_goes_into(
    project: Path, change: Callable[[Any], object], again: set[str]
) -> None:
    assert jobs(project, change) == again


@pytest.mark.parametrize("key", ["visual", "audio", "text_weights"])
def test_weights_that_are_not_there_end_a_finished_run_with_one_line(project: Path, key: str) -> None:
    def change(settings: Any) -> None:
        if key == "text_weights":
            settings[key] = "gone.pt"
        else:
            settings[key]["weights"] = "gone.pt"

    done = planned(project, "-n", "--configfile", configured(project, change), "--", TABLE)
    name = key if key == "text_weights" else f"{key}.weights"
    assert done.returncode == 1
    assert f"mine.yaml: key {name}: gone.pt: No such file" in done.stderr.strip().splitlines()[-1]


def test_an_older_file_in_the_place_of_the_weights_makes_the_features_again(project: Path) -> None:
    content = (project / "clip.pt").read_text()
    (project / "clip.pt").write_text("another")
    os.utime(project / "clip.pt", (500_000, 500_000))
    try:
        assert {"visual", "train", "table"} <= jobs(project)
    finally:
        (project / "clip.pt").write_text(content)
        os.utime(project / "clip.pt", (1_000_000, 1_000_000))


def test_an_older_list_in_a_folder_with_braces_makes_the_catalog_again(project: Path) -> None:
    path = project / "videos {2024}/list.csv"
    before = path.stat()
    path.write_text("path,label\nx.mp4,A\n")
    os.utime(path, (500_000, 500_000))
    try:
        assert "catalog" in jobs(project)
    finally:
        path.write_text("path,label\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_own_videos_are_never_set_beside_a_paper_s_numbers(project: Path) -> None:
    done = planned(project, "-n", "-p", "--forceall", "--configfile", configured(project), "--", TABLE)
    (command,) = re.findall(r"python -m evaluate\.tables .*", done.stdout)
    assert "--reported" not in command
    assert "--row vadclip=any" in command
