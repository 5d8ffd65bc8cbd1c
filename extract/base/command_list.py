"""The list of a package's commands, which ``python -m extract`` and its like print."""

import ast
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from extract.base import command
from extract.base.help import summary_of

# Rooms whose commands are called without the room's name (`extract/__init__.py`).
UNNAMED = ("catalogs",)
GUARD = re.compile(r"^if __name__ == ['\"]__main__['\"]:", re.MULTILINE)


def commands_of(package: Path) -> dict[str, str]:
    """Find a package's commands without importing them.

    Args:
        package: The package's folder.

    Returns:
        What follows ``python -m`` and what it does in a line, in order of the names.
    """
    found = {}
    for path in package.rglob("*.py"):
        content = path.read_text(encoding="utf-8")
        is_package = path.name == "__main__.py"
        if path == package / "__main__.py" or not (is_package or GUARD.search(content)):
            continue
        parts = [part for part in path.relative_to(package.parent).with_suffix("").parts if part not in UNNAMED]
        docstring = ast.get_docstring(ast.parse(content)) or ""
        found[".".join(parts[:-1] if is_package else parts)] = summary_of(docstring)
    return dict(sorted(found.items()))


def list_commands(package: Path, for_people: Sequence[str]) -> None:
    """Print a package's commands, a line each: those for people first, then those that only rules call.

    Args:
        package: The package's folder.
        for_people: Commands for people, without the package's name, in the order in which they are shown.

    Raises:
        SystemExit: With status 2 and one line if the command line has words; a command has a dot. Else as
            ``command.run`` does.
    """
    command.run(lambda: _list_commands(package, for_people))


def _list_commands(package: Path, for_people: Sequence[str]) -> None:
    words = [word for word in sys.argv[1:] if word not in ("-h", "--help")]
    if words:
        print(f"error: write python -m {package.name}.COMMAND; python -m {package.name} lists them", file=sys.stderr)
        raise SystemExit(2)
    commands = commands_of(package)
    people = [f"{package.name}.{name}" for name in for_people]
    rules = [name for name in commands if name not in people]
    width = max(map(len, commands))
    print(f"usage: python -m {package.name}.COMMAND ...\n")
    for title, names in (("For people:", people), ("Called by the rules of the workflow:", rules)):
        print(title)
        for name in names:
            print(f"  {name:{width}}  {commands[name]}")
        print()
    print(f"python -m {people[0]} --help shows what a command takes, its defaults and what it writes.")
