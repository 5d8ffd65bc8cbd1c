"""``python -m extract.tad``: the catalog of TAD, from its folders or lists and uniform annotations.

A name tells the class: ``Normal_259`` is normal, ``01_Accident_004`` is not. The authors have not released their split
and annotations; the spans of ``tad_test_anno.json`` are shares of the length.
"""

import argparse
from collections.abc import Sequence

from extract.base import command
from extract.base.help import command_parser
from extract.catalogs.named import add_frames, add_sources, write_from_shares
from extract.cut_videos import add_cut
from extract.datasets import TAD


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.tad", __doc__, writes="--out (a catalog, JSON Lines)")
    add_sources(parser, "tad_test_anno.json")
    add_frames(parser)
    add_cut(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    write_from_shares(parser().parse_args(argv), TAD)


if __name__ == "__main__":
    command.run(main)
