"""``python -m extract.labels``: check classes and prompts and write them as a file of classes, for a configuration."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.labels.file import own_classes, write_classes
from extract.labels.prompt_tokens import check_lengths


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.labels", __doc__, writes="--out (YAML)")
    parser.add_argument(
        "--class",
        dest="classes",
        nargs=2,
        action="append",
        required=True,
        metavar=("CODE", "PROMPT"),
        help="a class; repeat it for each, the normal class first",
    )
    parser.add_argument("--out", type=Path, required=True, help="file of classes to write")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file."""
    arguments = parser().parse_args(argv)
    codes = [code for code, _ in arguments.classes]
    doubled = [code for code in codes if codes.count(code) > 1]
    if doubled:
        raise InputError(f"--class: {doubled[0]!r} stands there twice; keep one")
    try:
        labels = own_classes(dict(arguments.classes))
        check_lengths(labels.model_codes, labels.prompts)
    except InputError as error:
        raise InputError(f"--class: {error}") from None
    write_classes(arguments.out, labels)


if __name__ == "__main__":
    command.run(main)
