"""``python -m extract.demo``: generate a small data set of real mp4 files with known ground truth.

Its folders and lists look like those of XD-Violence (``xd``), CCTV-Fights_sub (``cctv``) or UCF-Crime (``ucf``); see
``demo_lists``. ``test_kinds.csv`` adds how each test video's events can be noticed.

Some files are awkward on purpose. In ``xd`` and ``cctv`` the first seen-only training video's audio ends early and the
first seen-only test video has no audio stream; in ``xd`` the first test video has a variable frame rate. ``ucf`` has no
audio at all, as UCF-Crime.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base import command
from extract.base.help import command_parser
from extract.datasets import CCTV, UCF, XD
from extract.demo.lists import video_path, write_lists
from extract.demo.videos import write_video

if TYPE_CHECKING:
    from extract.demo.plan import VideoPlan

# What the command makes unless told otherwise.
SIZES = {
    XD.name: {"train": 88, "test": 36, "max_snippets": 868},
    CCTV.name: {"train": 24, "test": 10, "max_snippets": 600},
    UCF.name: {"train": 32, "test": 12, "max_snippets": 600},
}


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = command_parser(
        "extract.demo", __doc__, writes="videos (mp4), their lists and annotations, and test_kinds.csv into --out"
    )
    arguments.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments.add_argument("--dataset", choices=SIZES, default=XD.name, help="whose folders and lists")
    arguments.add_argument("--seed", type=int, default=0, help="decides everything")
    arguments.add_argument("--train", type=int, help=f"number of training videos ({_defaults('train')})")
    arguments.add_argument("--test", type=int, help=f"number of test videos ({_defaults('test')})")
    arguments.add_argument(
        "--max-snippets",
        type=int,
        help=f"most snippets in all, of 16 frames, or of 4 for cctv ({_defaults('max_snippets')})",
    )
    arguments.add_argument("--workers", type=int, default=2, help="processes")
    return arguments


def _defaults(name: str) -> str:
    return "default: " + ", ".join(f"{size[name]} for {dataset}" for dataset, size in SIZES.items())


def main(argv: Sequence[str] | None = None) -> None:
    """Plan the data set, write its videos in parallel, then its lists."""
    arguments = parser().parse_args(argv)
    from extract.base.errors import InputError
    from extract.base.progress import track
    from extract.demo.plan import plan_data_set

    if arguments.workers < 1:
        raise InputError(f"--workers: {arguments.workers} must be at least 1")
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    size = {name: given.get(name, default) for name, default in SIZES[arguments.dataset].items()}
    plans = plan_data_set(arguments.seed, dataset=arguments.dataset, **size)
    refuse_other_videos(arguments.out, plans)
    write = partial(write_video, arguments.out)
    # Workers start afresh: a fork of a process that runs threads (a test, a notebook) may hang.
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as workers:
        for _ in track(workers.map(write, plans), label="demo videos", total=len(plans), unit="videos"):
            pass
    write_lists(arguments.out, arguments.dataset, plans)


def refuse_other_videos(folder: Path, plans: "Sequence[VideoPlan]") -> None:
    """Make sure that the folder will hold this data set only: whatever lies there becomes part of the catalog.

    Raises:
        InputError: If it holds a video that is not planned.
    """
    from extract.base.errors import InputError

    planned = {video_path(folder, plan) for plan in plans}
    for present in sorted(folder.rglob("*.mp4")):
        if present not in planned:
            raise InputError(f"--out: {present} is of another data set; remove it or choose another folder")


if __name__ == "__main__":
    command.run(main)
