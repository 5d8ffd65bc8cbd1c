"""``python -m extract.lad``: the catalog of LAD2000, from its folders or lists and its own or uniform annotations.

A name tells the class: ``v_Crash_a_s1_c2`` is a crash, ``v_Crash_n_s1_c2`` is normal. Anomalies come from a folder of
the authors' ``gt_Crash_a_s1_c2.mat`` (``gt``, [1, frames], 0 for normal), or from ``lad_test_anno.json`` as shares of
the length. Their pickled dictionaries are not read: a pickle can run code.
"""

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.regular_file import check_regular
from extract.catalog import MOST_FRAMES
from extract.catalogs.named import Found, add_frames, add_sources, by_shares, read_sources, write
from extract.cut_videos import add_cut
from extract.datasets import LAD
from extract.lists.video_sources import SourceVideo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VARIABLE = "gt"
# What scipy raises for what is no MATLAB file, or a damaged one.
DAMAGED = (OSError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, zlib.error)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.lad", __doc__, writes="--out (a catalog, JSON Lines)")
    add_sources(parser, "folder of gt_*.mat, searched to any depth, or lad_test_anno.json")
    add_frames(parser)
    add_cut(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    train, test = read_sources(arguments.train, arguments.test)
    if not arguments.annotations.is_dir():
        write(arguments.out, LAD, train, test, by_shares(arguments.annotations, test, arguments, LAD))
        return
    files = {path.stem: path for path in sorted(arguments.annotations.rglob("gt_*.mat"))}

    def found(video: SourceVideo, code: str) -> Found:
        name = video.video_id.replace("v_", "gt_", 1)
        if name not in files:
            raise InputError(f"{arguments.annotations}: has no {name}.mat for {video.video_id!r} of {video.where}")
        from extract.lists.frame_masks import stretches

        mask = read_mat(files[name])
        return Found(stretches(mask), len(mask))

    write(arguments.out, LAD, train, test, found)


def read_mat(path: Path) -> "NDArray[np.bool_]":
    """Read the frame labels of one video: [frames], true for abnormal.

    Raises:
        InputError: If the file is no MATLAB file of version 7 or before, or has no numbers ``gt`` [1, frames].
    """
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    try:
        check_regular(path)
        shapes = {name: shape for name, shape, _ in whosmat(str(path), appendmat=False)}
        shape = shapes.get(VARIABLE, ())
        if len(shape) != 2 or shape[0] != 1 or not 1 <= shape[1] <= MOST_FRAMES // 10:
            raise InputError(f"{path}: has {shapes}; needed is {VARIABLE} [1, frames]")
        value: Any = loadmat(str(path), appendmat=False, variable_names=[VARIABLE])[VARIABLE]
    except (*DAMAGED, MatReadError) as error:
        raise InputError(f"{path}: cannot be read as a MATLAB file: {error}; fetch it again") from None
    if getattr(value, "dtype", None) is None or value.dtype.kind not in "buif" or value.shape != shape:
        raise InputError(f"{path}: {VARIABLE} holds no numbers [1, frames]; fetch it again")
    mask: NDArray[np.bool_] = value[0] != 0
    return mask


if __name__ == "__main__":
    command.run(main)
