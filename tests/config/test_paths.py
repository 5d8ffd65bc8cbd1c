"""The files and folders that a configuration names."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import paths
from config.paths import Named
from tests.workflow.project import ROOT


def configuration(base: str) -> Any:
    return yaml.safe_load((ROOT / f"config/{base}.yaml").read_text(encoding="utf-8"))


def test_a_tilde_is_the_home_folder_in_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    settings = configuration("config")
    settings["videos"]["train"] = settings["visual"]["weights"] = settings["text_weights"] = "~/x"
    paths.at_home(settings)
    assert settings["videos"] == {
        "train": "/home/me/x",
        "test": "data/xd/test",
        "annotations": "data/xd/annotations_multiclasses.txt",
        "frame_annotations": "data/xd/annotations.txt",
    }
    assert (settings["visual"]["weights"], settings["text_weights"]) == ("/home/me/x", "/home/me/x")
    assert settings["audio"]["weights"] == "weights/Wav2CLIP.pt"
    released = configuration("xd_released")
    released["released"]["root"] = released["methods"]["teacher"]["checkpoint"] = "~/y"
    paths.at_home(released)
    assert released["released"]["root"] == released["methods"]["teacher"]["checkpoint"] == "/home/me/y"


@pytest.mark.parametrize(
    ("base", "folders"),
    [
        ("demo", {}),
        ("config", {"train": None, "test": None}),
        ("ucf", {"videos": True}),
        ("xd_released", {"root": True}),
    ],
)
def test_every_source_is_listed_by_its_key_and_kind(base: str, folders: dict[str, bool | None]) -> None:
    settings = configuration(base)
    key = "released" if base == "xd_released" else "videos"
    named = {entry.key: entry for entry in paths.sources(settings)}
    for name, path in settings[key].items() if base != "demo" else ():
        assert named.pop(f"{key}.{name}") == Named(f"{key}.{name}", path, folders.get(name, False))
    checkpoints = [
        f"methods.{name}.checkpoint" for name, method in settings["methods"].items() if "checkpoint" in method
    ]
    assert list(named) == checkpoints


def test_weights_that_are_fetched_or_untrained_are_no_file_to_look_for() -> None:
    assert paths.weights("k", "random:0:calibrated") == paths.weights("k", "weights/ViT-B-16.pt") == []
    assert paths.weights("k", "weights/mine.pt") == [Named("k", "weights/mine.pt", False)]


def test_a_path_is_held_to_what_it_has_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "fifo")

    def why(name: str, is_folder: bool | None) -> str | None:
        return paths.missing(Named("k", str(tmp_path / name), is_folder))

    assert why("file", False) is why("file", None) is why("", True) is why("", None) is None
    assert why("file", True) == "is no folder"
    assert why("", False) == "is a folder, no file"
    assert why("fifo", False) == why("fifo", None) == "is no plain file"
    assert why("gone", None) == why("gone", True) == "No such file or directory"
    assert why("file/x", False) == "Not a directory"
    assert why("x" * 300, False) == "File name too long"
    assert paths.missing(Named("k", "", True)) == "is empty"


def test_another_file_in_a_path_s_place_has_another_state_even_if_it_is_older(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    named = [Named("k", str(path), False)]
    assert paths.state(named) == []
    path.write_bytes(b"first")
    states = [paths.state(named)]
    os.utime(path, (1_000_000, 1_000_000))
    states.append(paths.state(named))
    path.write_bytes(b"second")
    os.utime(path, (1_000_000, 1_000_000))
    states.append(paths.state(named))
    assert states[0] != states[1] != states[2]
    assert paths.state(named) == states[2]


def test_a_path_with_braces_is_followed_by_its_state_for_snakemake_would_see_a_wildcard(tmp_path: Path) -> None:
    folder = tmp_path / "{2024}"
    folder.mkdir()
    assert paths.as_input(str(folder)) == []
    assert len(paths.state([Named("k", str(folder), True)])) == 1
    assert paths.as_input(str(tmp_path)) == [str(tmp_path)]
    assert paths.state([Named("k", str(tmp_path), True)]) == []
