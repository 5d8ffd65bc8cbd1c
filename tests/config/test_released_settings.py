"""The commands that released features of other encoders are imported with, and their catalogs made."""

import shlex
from pathlib import Path

import yaml

from config import paths, spelling
from config.configuration import Configuration
from config.reading import read

ROOT = Path(__file__).parents[2]


def configuration(name: str, **released: object) -> Configuration:
    content = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
    content["released"] |= released
    return read(content, f"config/{name}.yaml")


def test_each_split_is_imported_with_its_own_list_of_sound() -> None:
    i3d = configuration("xd_i3d")
    assert spelling.released_settings(i3d, "test") == {
        "list": "data/xd_i3d/list/rgb_test.list",
        "audio_list": "data/xd_i3d/list/audio_test.list",
    }
    assert shlex.split(spelling.catalog_command(i3d))[0] == "extract.xd"
    assert "audio" not in spelling.catalog_command(i3d)


def test_what_is_said_of_the_files_reaches_the_import_and_is_no_path() -> None:
    said = {"layout": "crops-rows", "crop_numbers": [2, 0, 1], "visual_encoder": "mine"}
    ucf = configuration("ucf_i3d", **said)
    assert spelling.flags(spelling.released_settings(ucf, "train")) == (
        "--list data/ucf_i3d/ucf-i3d.list --layout crops-rows --crop-numbers 2 0 1 --visual-encoder mine"
    )
    assert {entry.key for entry in paths.sources(ucf.whole)} == {
        "released.root", "released.train", "released.test", "released.annotations",
    }  # fmt: skip


def test_methods_that_read_no_text_need_no_text_tower() -> None:
    trained = spelling.training(configuration("ucf_i3d"), "rtfm", "trained", {})
    assert "text-weights" not in trained
    assert "--scoring-crop all" in trained


def test_a_set_whose_annotations_are_a_folder_or_need_lengths_says_so() -> None:
    masks = {entry.key: entry.is_folder for entry in paths.sources(configuration("shanghaitech_i3d").whole)}
    assert masks["released.annotations"] is None
    assert masks["released.train"] is False
    assert "--frames data/msad_i3d/test" in spelling.catalog_command(configuration("msad_i3d"))
    assert spelling.reported_rows(configuration("msad_i3d"), 1) == []
