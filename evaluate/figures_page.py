"""``python -m evaluate.figures_page``: a folder of pictures as one page that holds them."""

import argparse
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from evaluate.page import page, picture
from extract import command
from extract.errors import InputError
from extract.files import write_text
from extract.help import command_parser


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.figures_page", __doc__, writes="--out (HTML)")
    parser.add_argument("folder", type=Path, help="folder of PNG files, as evaluate.curves makes it")
    parser.add_argument("--title", required=True, help="heading of the page")
    parser.add_argument("--out", type=Path, required=True, help="page to write (HTML)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    arguments = parser().parse_args(argv)
    paths = sorted(arguments.folder.glob("*.png"))
    if not paths:
        raise InputError(f"{arguments.folder}: has no PNG file; draw the figures first")
    pictures = [picture(b64encode(path.read_bytes()), path.stem) for path in paths]
    write_text(arguments.out, page(arguments.title, pictures))


if __name__ == "__main__":
    command.run(main)
