"""``python -m evaluate.report.figures_page``: a folder of pictures as one page that holds them."""

import argparse
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from evaluate.report.page import page, picture
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.figures_page", __doc__, writes="--out (HTML)")
    parser.add_argument("folder", type=Path, help="folder of PNG files, as evaluate.report.figure4 makes it")
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
