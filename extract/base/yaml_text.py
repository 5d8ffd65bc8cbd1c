"""The text of a YAML file, before any of its values is believed.

YAML keeps the last of two equal keys without a word, and reads 010 as 8 and 1:30 as 90. Here each of them is one line
with file and line.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from extract.base.errors import InputError
from extract.base.printable import printable
from extract.base.regular_file import read_regular_text

_INTEGER = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
# Octal, and base 60, in which 1:30 is 90.
_LOOKS_OTHERWISE = re.compile(r"[-+]?0[0-7_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")


def check_text(path: Path, kind: str, where_from: str) -> str:
    """Check the text of a YAML or JSON file, and give it.

    Args:
        path: The file.
        kind: What it is to be, for messages, for example ``configuration``.
        where_from: Where such files are, or what is in them, for the message that there is none.

    Raises:
        InputError: If it cannot be read, a key stands twice, or a number is not what it looks like; names the line.
    """
    try:
        text = read_regular_text(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such {kind}; {where_from}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: is not UTF-8; save the file in that encoding") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); a {kind} is a plain file") from None
    try:
        json.loads(text, object_pairs_hook=_json_object)
    except _DoubledKeyError as error:
        raise InputError(f"{path}: key {error} stands twice; keep one") from None
    except (ValueError, RecursionError):
        _check_yaml(text, path, kind)
    return text


def read_mapping(path: Path, kind: str, where_from: str) -> dict[Any, Any]:
    """Read a YAML or JSON file that holds a mapping.

    Args:
        path: The file.
        kind: As for ``check_text``.
        where_from: Likewise; also for the message that the file holds something else.

    Raises:
        InputError: As ``check_text`` does, or if a value cannot be, such as a date that is none, or it is no mapping.
    """
    text = check_text(path, kind, where_from)
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, thousands of digits
        raise InputError(f"{path}: is no {kind} ({printable(str(error))}): {where_from}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no {kind}: {where_from}")
    return content


class _DoubledKeyError(Exception):
    """A key that stands twice in one JSON object."""


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise _DoubledKeyError(key)
    return dict(pairs)


def _check_yaml(text: str, path: Path, kind: str) -> None:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{where}: is no YAML: {error.problem or error.context}{_hint(text, mark)}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise InputError(f"{path}, line {line}: is no YAML: it holds a control character; remove it") from None
    except RecursionError:
        raise InputError(f"{path}: is no {kind}: its values are nested too deeply") from None
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, path)
        elif isinstance(node, yaml.ScalarNode):
            _check_number(node, path)


def _hint(text: str, mark: yaml.Mark | None) -> str:
    lines = text.splitlines()
    if mark is None or mark.line >= len(lines):
        return ""
    line = lines[mark.line]
    if "\t" in (line[: len(line) - len(line.lstrip())], line[mark.column : mark.column + 1]):
        return "; indent with spaces, not tabs"
    return "; a value that holds a colon, bracket, brace, hash, star or quote needs quotes"


def _nodes(root: yaml.Node | None) -> Iterator[yaml.Node]:
    seen: set[int] = set()
    left = [root] if root is not None else []
    while left:
        node = left.pop()
        # An alias is the node that it names.
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            left.extend(member for pair in reversed(node.value) for member in reversed(pair))
        elif isinstance(node, yaml.SequenceNode):
            left.extend(reversed(node.value))


def _check_keys(node: yaml.MappingNode, path: Path) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        if key.value in lines:
            raise InputError(
                f"{path}, line {line}: key {key.value} stands in line {lines[key.value]} too, and YAML would take the "
                "last one without a word; keep one"
            )
        lines[key.value] = line


def _check_number(node: yaml.ScalarNode, path: Path) -> None:
    if node.tag not in (_INTEGER, _FLOAT) or node.style is not None or not _LOOKS_OTHERWISE.fullmatch(node.value):
        return
    read = yaml.safe_load(node.value)
    raise InputError(
        f"{path}, line {node.start_mark.line + 1}: {node.value} is {read} to YAML; write {read}, or '{node.value}' in "
        "quotes if it is text"
    )
