"""The text of a configuration: keys that stand twice, numbers that are others, what is no YAML."""

import os
from pathlib import Path

import pytest

from config.yaml_text import check_command_line, check_text
from extract.base.errors import InputError
from tests.workflow.project import ROOT


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        check_text(path)
    assert str(refused.value).isprintable()
    assert str(refused.value).startswith(str(path))
    return str(refused.value)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_this_project_s_own_configurations_are_read(path: Path) -> None:
    check_text(path)


def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    demo = (ROOT / "config/demo.yaml").read_text(encoding="utf-8")
    first = demo.splitlines().index("stride: 16") + 1
    message = refusal(written(tmp_path, demo.replace("stride: 16\n", "stride: 16\nstride: 4\n")))
    assert f"line {first + 1}: key stride stands in line {first} too" in message


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a:\n  epochs: 1\n  'epochs': 2\n", (3, 2)),
        ("a: {x: 1, y: 2, x: 3}\n", (1, 1)),
        ("a:\n- b: 1\n  c: 2\n  b: 3\n", (4, 2)),
        ("base: &base {x: 1}\nb:\n  <<: *base\n  y: 1\n  y: 2\n", (5, 4)),
    ],
)
def test_it_is_found_at_any_depth_and_in_any_spelling(tmp_path: Path, text: str, lines: tuple[int, int]) -> None:
    assert f"line {lines[0]}: key" in (message := refusal(written(tmp_path, text)))
    assert f"stands in line {lines[1]} too" in message


def test_a_key_that_overrides_a_merged_one_and_an_alias_stand_once(tmp_path: Path) -> None:
    check_text(written(tmp_path, "base: &base {x: 1, y: 2}\nb:\n  <<: *base\n  x: 3\nc: *base\nd: [*base, *base]\n"))


def test_json_is_held_to_the_same(tmp_path: Path) -> None:
    check_text(written(tmp_path, '{\n\t"a": 1e-4\n}', "mine.json"))
    assert "key a stands twice" in refusal(written(tmp_path, '{"b": {"a": 1, "a": 2}}', "mine.json"))


@pytest.mark.parametrize(("text", "read"), [("010", "8"), ("1:30", "90"), ("-017", "-15"), ("1:30.5", "90.5")])
def test_a_number_that_yaml_takes_for_another_is_refused(tmp_path: Path, text: str, read: str) -> None:
    assert f"line 2: {text} is {read} to YAML" in refusal(written(tmp_path, f"name: x\nstride: {text}\n"))


@pytest.mark.parametrize(
    "text", ["0", "-1", "1_000", "0x10", "1.0e-4", "'010'", "'1:30'", "00-10", "1.05", "0.10", ".5"]
)
def test_numbers_that_are_what_they_look_like_and_text_in_quotes_pass(tmp_path: Path, text: str) -> None:
    check_text(written(tmp_path, f"a: {text}\n"))


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"name: x\n  a: [1\nb: 2\n", 2, "mapping values are not allowed here"),
        (b"name: x\n\tstride: 16\n", 2, "spaces, not tabs"),
        (b"name: x\nnote: a: b\n", 2, "needs quotes"),
        (b"name: x\nvideos: {train: a\n", 3, "expected ',' or '}'"),
        (b"name: x\nnote: *other\n", 2, "undefined alias"),
        (b"name: x\nnote: a\x07b\n", 2, "control character"),
        (b"name: x\nnote: caf\xe9\n", 2, "is not UTF-8"),
    ],
)
def test_what_is_no_yaml_is_refused_by_file_and_line(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    message = refusal(tmp_path / "mine.yaml")
    assert f"mine.yaml, line {line}: " in message
    assert words in message


def test_a_missing_configuration_a_folder_and_a_fifo_are_named(tmp_path: Path) -> None:
    assert "no such configuration" in refusal(tmp_path / "gone.yaml")
    assert "plain file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "fifo.yaml")
    assert "plain file" in refusal(tmp_path / "fifo.yaml")


@pytest.mark.parametrize(
    "words", [["--configfile", "PATH"], ["--configfile=PATH", "--", "tables"], ["--configfiles", "PATH"]]
)
def test_every_spelling_of_snakemake_s_option_is_seen(tmp_path: Path, words: list[str]) -> None:
    path = written(tmp_path, "a: [1\n")
    with pytest.raises(SystemExit) as ended:
        check_command_line(["snakemake", "-n", *(word.replace("PATH", str(path)) for word in words)])
    assert str(ended.value).startswith(f"error: {path}, line 2: is no YAML")
    check_command_line(["snakemake", "-n", "--cores", "1", str(path)])
