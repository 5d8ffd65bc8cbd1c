"""``python -m extract.shanghaitech``: the catalog of ShanghaiTech's weak split, from its lists and frame masks.

The lists are ``SH_Train.txt`` and ``SH_Test.txt`` of Zhong et al. (2019), one name a line, or lists of features. Names
with four digits at the end (``01_0015``) are abnormal, those with three (``01_001``) are not. The masks are a folder of
``<name>.npy``, one value a frame, for the abnormal videos.
"""

import argparse
from collections.abc import Sequence

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.progress import say
from extract.catalogs.named import Found, add_sources, add_videos, label_of, read_sources, write
from extract.datasets import SHANGHAITECH
from extract.lists.video_sources import SourceVideo


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.shanghaitech", __doc__, writes="--out (a catalog, JSON Lines)")
    add_sources(parser, "folder of the frame masks <name>.npy of the abnormal videos")
    add_videos(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    train, test = read_sources(arguments.train, arguments.test, arguments.videos)
    if not arguments.annotations.is_dir():
        raise InputError(f"{arguments.annotations}: no such folder; it must hold the frame masks <name>.npy")
    masks = {path.stem: path for path in arguments.annotations.glob("*.npy")}
    for video in [*train, *test]:
        if video.video_id in masks and label_of(video, SHANGHAITECH) == SHANGHAITECH.normal:
            raise InputError(f"{masks[video.video_id]}: {video.where} says that {video.video_id!r} is normal; mend one")

    def found(video: SourceVideo, code: str) -> Found:
        if video.video_id not in masks:
            raise InputError(f"{arguments.annotations}: has no {video.video_id}.npy for the video of {video.where}")
        from extract.lists.frame_masks import read_mask, stretches

        mask = read_mask(masks[video.video_id])
        return Found(stretches(mask), len(mask))

    unused = masks.keys() - {video.video_id for video in [*train, *test]}
    if unused:
        say(f"{arguments.annotations}: {len(unused)} masks are of no listed video, first {min(unused)!r}")
    write(arguments.out, SHANGHAITECH, train, test, found)


if __name__ == "__main__":
    command.run(main)
