"""Text from outside, such as names in files, for a terminal and for a spreadsheet."""

import re

# With the quotes before it: one that was there already must not be taken for ours.
_FORMULA = re.compile(r"'*[=+@\t\r-]")
_NUMBER = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?%?")


def printable(text: str) -> str:
    r"""Escape what is no printable character, such as a terminal's ``\x1b``, and spread no line over two."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode()
        for character in text
    )


def cell(text: str) -> str:
    """Give text for a CSV file that people open; a spreadsheet would compute what begins as a formula does."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def text_of_cell(text: str) -> str:
    """Give back the text that ``cell`` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) and _FORMULA.match(text[1:]) else text
