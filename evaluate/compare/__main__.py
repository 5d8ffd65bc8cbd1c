"""``python -m evaluate.compare``: does one model beat another on the same test videos, or would chance do as well?

Every pair of models by AP, AUC and, where both tell classes, mAP: the difference, its interval over test videos, the p
of a paired randomisation test, corrected for the number of pairs, and a warning where the difference lies within what
videos or seeds alone can make. Several files of one name are the seeds of one model.
"""

import argparse
import csv
import io
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from evaluate.branches import BRANCHES
from evaluate.statistics.settings import Resampling
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from train.fields import add_flags, check_fields

FEWEST_SWAPS = 100


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser(
        "evaluate.compare", __doc__, writes="comparison.csv, .md, .tex and .svg into --out (or another --name)"
    )
    parser.add_argument("first", metavar="FILE", help="scores of a model, also as NAME=FILE")
    parser.add_argument(
        "others",
        nargs="+",
        metavar="[NAME=]FILE",
        help="scores of others; a name is the file's path if not given, and one name's files are its seeds",
    )
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos' segments")
    parser.add_argument("--branch", choices=tuple(BRANCHES), default="alignment", help="whose anomaly score")
    parser.add_argument("--protocol", choices=("released", "exact"), default="released", help="which frames count")
    parser.add_argument("--swaps", type=int, default=9999, help="swaps of the randomisation test (default: 9999)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--name", default="comparison", help="what the files are called (default: comparison)")
    add_flags(parser.add_argument_group("intervals"), Resampling)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, write, and warn where nothing was told apart."""
    arguments = parser().parse_args(argv)
    settings = Resampling(**{one.name: getattr(arguments, one.name) for one in fields(Resampling)})
    check_fields(settings)
    if arguments.swaps < FEWEST_SWAPS:
        raise InputError(f"--swaps: {arguments.swaps} must be at least {FEWEST_SWAPS}")
    if arguments.name != Path(arguments.name).name or arguments.name.startswith("."):
        raise InputError(f"--name: {arguments.name!r} cannot name a file; use letters, digits and underscores")
    files = named_files([arguments.first, *arguments.others])

    from evaluate.compare.models import read_models
    from evaluate.compare.outputs import as_csv, draw, how, lay_out, measure_name
    from evaluate.compare.pairs import compare
    from evaluate.twins import latex, markdown

    models = read_models(files, arguments.catalog, arguments.branch, arguments.protocol)
    found = compare(models, settings, arguments.swaps)
    alike = Counter(one.measure for one in found)
    notes = [how(settings, arguments.swaps, alike[one.measure]) for one in found]
    text = as_csv(found, models.videos, notes)
    laid = lay_out(list(csv.DictReader(io.StringIO(text))))
    paths = {suffix: arguments.out / f"{arguments.name}.{suffix}" for suffix in ("svg", "md", "tex", "csv")}
    draw(paths["svg"], found)
    write_text(paths["md"], markdown(laid))
    write_text(paths["tex"], latex(laid))
    write_text(paths["csv"], text)
    for one in found:
        if one.warnings:
            print(
                f"warning: {measure_name(one)}: {one.first} and {one.second} differ by {one.difference:.2f}, "
                f"{'; '.join(one.warnings)}",
                file=sys.stderr,
            )


def named_files(words: Sequence[str]) -> dict[str, list[Path]]:
    """Sort ``FILE`` and ``NAME=FILE`` by name.

    Raises:
        InputError: If a file is given twice, or there are fewer than two models.
    """
    files: dict[str, list[Path]] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or Path(word).is_file():
            name = path = word
        if not (name and path):
            raise InputError(f"{word!r} is not of the form NAME=FILE")
        given = files.setdefault(name, [])
        if Path(path) in given:
            raise InputError(f"{path}: is given twice for {name}; give each seed once")
        given.append(Path(path))
    if len(files) < 2:
        raise InputError(f"only one model, {next(iter(files))!r}, is given; give another, each with its own name")
    return files


if __name__ == "__main__":
    command.run(main)
