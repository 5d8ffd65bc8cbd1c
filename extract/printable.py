"""Text from outside, such as names in files, for a terminal."""


def printable(text: str) -> str:
    r"""Escape what is no printable character, such as a terminal's ``\x1b``, and spread no line over two."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode()
        for character in text
    )
