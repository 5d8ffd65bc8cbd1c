"""Every command says what it takes, what it assumes and what it writes, and every command is listed."""

import argparse
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from extract.base.command_list import commands_of
from extract.base.help import command_parser

ROOT = Path(__file__).parents[1]
PACKAGES = ("extract", "train", "evaluate")
# Found by another mark than the list's own: who ends as a command does.
COMMANDS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__").replace(".catalogs", "")
    for package in (*PACKAGES, "benchmarks")
    for path in (ROOT / package).rglob("*.py")
    if "    command.run(main)" in path.read_text(encoding="utf-8")
)


def parser_of(name: str) -> argparse.ArgumentParser:
    module = importlib.import_module(name)
    built = (module if hasattr(module, "parser") else importlib.import_module(f"{name}.__main__")).parser()
    assert isinstance(built, argparse.ArgumentParser)
    return built


def entry(text: str, option: str) -> str:
    """Give the help of one option, on one line."""
    (found,) = re.findall(rf"^  (?:--?\w[\w-]*(?: \S+)?, )*{option}(?![\w-]).*(?:\n {{4,}}.*)*", text, re.MULTILINE)
    return " ".join(found.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_no_markup_and_says_what_is_written(name: str) -> None:
    text = parser_of(name).format_help()
    assert "``" not in text
    assert f"usage: python -m {name}" in text
    assert re.search(r"^Writes .*\.$", text, re.MULTILINE | re.DOTALL)
    description = text.split("\n\n")[1]
    assert description[0].isupper()
    assert "python -m" not in description


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_argument_and_shows_every_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    parser = parser_of(name)
    text = parser.format_help()
    for action in parser._actions:
        assert action.help, action.dest
        if action.default in (None, argparse.SUPPRESS) or isinstance(action, argparse._StoreTrueAction):
            continue
        shown = entry(text, action.option_strings[-1])
        assert len(re.findall(r"\(default: [^)]+\)", shown)) == 1, shown


def test_a_default_is_spelled_as_it_would_be_typed() -> None:
    parser = command_parser("x", "``python -m x``: does ``x``.\n\nAnd more.", writes="y")
    parser.add_argument("--list", nargs="*", default=(3, 6), help="some")
    parser.add_argument("--empty", default="", help="a text")
    parser.add_argument("--wave", action=argparse.BooleanOptionalAction, default=False, help="a switch")
    parser.add_argument("--own", default=5, help="a number (default: five)")
    parser.add_argument("--share", default="5%", help="a share")
    text = parser.format_help()
    assert "some (default: 3 6)" in text
    assert "a text (default: none)" in text
    assert "a switch (default: --no-wave)" in text
    assert "a number (default: five)\n" in text
    assert "a share (default: 5%)" in text
    assert "Does x.\n" in text
    assert "And more" not in text


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_every_command_once_and_imports_none(package: str) -> None:
    done = subprocess.run([sys.executable, "-m", package], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(rf"^  ({package}\.\S+)  +\S", done.stdout, re.MULTILINE)
    assert sorted(listed) == [name for name in COMMANDS if name.split(".")[0] == package]
    assert done.stdout.index("For people") < done.stdout.index("Called by the rules")
    assert "``" not in done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_rule_never_calls_is_listed_for_people(package: str) -> None:
    rules = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.smk") if ".venv" not in path.parts)
    people = importlib.import_module(f"{package}.__main__").FOR_PEOPLE
    uncalled = [name for name in commands_of(ROOT / package) if not re.search(rf"\b{re.escape(name)}\b", rules)]
    assert {name.removeprefix(f"{package}.") for name in uncalled} <= set(people)


def test_commands_in_folders_are_found_by_the_name_they_are_called_by(tmp_path: Path) -> None:
    guard = 'if __name__ == "__main__":\n    main()\n'
    for name, content in {
        "package/__main__.py": '"""The list."""\n',
        "package/detect/__main__.py": '"""``python -m package.detect``: finds ``it``.\n\nMore."""\n',
        "package/report/page.py": '"""``python -m package.report.page``: makes it."""\n' + guard,
        "package/report/words.py": '"""No command."""\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert commands_of(tmp_path / "package") == {"package.detect": "Finds it.", "package.report.page": "Makes it."}


def test_a_command_written_with_a_space_is_refused_with_the_right_spelling() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "extract", "own"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "error: write python -m extract.COMMAND; python -m extract lists them\n"


def test_make_alone_lists_every_target_and_starts_none() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert sorted(re.findall(r"^make (\w+) +\S", done.stdout, re.MULTILINE)) == sorted(targets.split())
    assert len(done.stdout.splitlines()) == len(targets.split())
