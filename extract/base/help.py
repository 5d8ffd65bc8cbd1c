"""What every ``--help`` has in common."""

import argparse
import re


class _Formatter(argparse.HelpFormatter):
    """Show the default of every argument that has one, unless its text says it in words."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        switch = action.nargs == 0 and not isinstance(action, argparse.BooleanOptionalAction)
        if switch or action.default in (None, argparse.SUPPRESS) or "default:" in text:
            return text
        return f"{text} (default: {_spelled(action)})".strip()


class _WholeText(_Formatter, argparse.RawDescriptionHelpFormatter):
    """Keep the lines of the description."""


def command_parser(module: str, docstring: str, *, writes: str, whole: bool = False) -> argparse.ArgumentParser:
    """Begin a command's parser.

    Args:
        module: What follows ``python -m``.
        docstring: The module's; its first line describes the command.
        writes: Which files the command writes, by the names of their arguments.
        whole: Whether to print the whole docstring, line for line.
    """
    summary = summary_of(docstring)
    more = plain("\n".join(docstring.strip().splitlines()[1:]))
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=f"{summary}\n{more}".strip() if whole else summary,
        epilog=f"Writes {writes}.",
        formatter_class=_WholeText if whole else _Formatter,
    )


def summary_of(docstring: str) -> str:
    """Give the first line of a command's docstring without the call it begins with and without markup."""
    first = (docstring.strip().splitlines() or [""])[0]
    text = plain(re.sub(r"^``python -m [^`]*``: ", "", first))
    return text[:1].upper() + text[1:]


def plain(text: str) -> str:
    """Take the markup of docstrings out of a text."""
    return text.replace("``", "")


def _spelled(action: argparse.Action) -> str:
    default = action.default
    if isinstance(action, argparse.BooleanOptionalAction):
        return action.option_strings[0 if default else -1]
    words = list(map(str, default)) if isinstance(default, list | tuple) else [f"{default}"]
    # What argparse would take for a placeholder.
    return " ".join(words).replace("%", "%%") or "none"
