"""The text of a configuration, before any of its values is believed.

Snakemake says of a text that is no YAML neither where nor in which file. Here it is one line with file and line, and so
is what YAML takes without a word (`extract.base.yaml_text`).
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from extract.base import yaml_text
from extract.base.errors import InputError
from extract.base.printable import printable

DEFAULT = Path("config/config.yaml")
KIND, WHERE_FROM = "configuration", "those of this project are config/*.yaml"


def check_text(path: Path) -> str:
    """Check the text of a configuration, YAML or JSON, and give it.

    Raises:
        InputError: If it cannot be read, a key stands twice, or a number is not what it looks like; names the line.
    """
    return yaml_text.check_text(path, KIND, WHERE_FROM)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a configuration by itself, without Snakemake: what ``config.reading`` checks.

    Raises:
        InputError: As ``check_text`` does, or if it holds no keys.
    """
    return yaml_text.read_mapping(path, KIND, WHERE_FROM)


def check_command_line(words: Sequence[str]) -> None:
    """Check the configurations that a Snakemake command names, and end with one line if one cannot be read.

    Args:
        words: The command's words, itself first.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", default=[], type=Path)
    try:
        named: Iterable[Path] = parser.parse_known_args(words[1:])[0].configfile
    except argparse.ArgumentError:
        # Snakemake says what is wrong with it.
        return
    check_readable(path for path in named if path.suffix in (".yaml", ".yml", ".json"))


def check_readable(paths: Iterable[Path]) -> None:
    """Check the text of every configuration, and end with one line if one is wrong."""
    try:
        for path in paths:
            check_text(path)
    except InputError as error:
        sys.exit(f"error: {printable(str(error))}")


def refuse_braces(folder: str) -> None:
    """End with one line where Snakemake ends in a traceback: the project's own path has braces."""
    if "{" in folder or "}" in folder:
        sys.exit(f"error: {printable(folder)}: Snakemake takes braces in the project's own path for names; rename it")
