"""``python -m extract.msad``: the catalog of MSAD (protocol ii), from its folders or lists and uniform annotations.

A name tells the class: ``Traffic_accident_3``, ``MSAD_normal_frontdoor1_2``. The authors released no spans of frames;
those of ``msad_test_anno.json`` are shares of the length.
"""

import argparse
from collections.abc import Sequence

from extract.base import command
from extract.base.help import command_parser
from extract.catalogs.named import add_frames, add_sources, write_from_shares
from extract.cut_videos import add_cut
from extract.datasets import MSAD


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.msad", __doc__, writes="--out (a catalog, JSON Lines)")
    add_sources(parser, "msad_test_anno.json")
    add_frames(parser)
    add_cut(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    write_from_shares(parser().parse_args(argv), MSAD)


if __name__ == "__main__":
    command.run(main)
