"""``python -m extract.released``: released features and the list that names them, as shards.

The list is a CSV list with labels (extract/lists/feature_list.py), or one path a line without (``.list``, ``.txt``;
extract/lists/name_list.py), where names tell the class and ``--audio-list`` may name the sound. A file holds one crop
of a video, or all of them: [rows, crops, width] or [crops, rows, width], which is recognised, or said by ``--layout``.
Paths are those of the machine that the list was made on and are looked up below ``--root`` by the longest end that
exists there. Links in that folder are followed.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.progress import say, track
from extract.catalog import part
from extract.failures import Failure, describe, write_failures
from extract.labels.flags import add_classes
from extract.lists.feature_files import LAYOUTS
from extract.lists.feature_list import ListedVideo
from extract.npy.listed_features import STAGE, Source, first_dtype, readable_videos
from extract.npy.listed_header import NOTE, check_videos, list_header, listed_videos, with_seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from extract.shard import ShardVideo

VIDEOS_A_SHARD = 64
MOST_SHARDS = 99_999  # file names count them with five digits


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser(
        "extract.released",
        __doc__,
        writes="train-00000.h5, ... or test-00000.h5, ... into --out, and --failures (CSV) where it is given",
    )
    parser.add_argument(
        "--list",
        type=Path,
        required=True,
        help="CSV with path,label or path,audio_path,label, or a .list or .txt of paths alone",
    )
    parser.add_argument("--audio-list", type=Path, help="a .list or .txt of the sound's features, one path a video")
    parser.add_argument("--root", type=Path, required=True, help="folder of the files; links in it are followed")
    parser.add_argument(
        "--layout", choices=LAYOUTS, help="axes of a file of all crops (default: recognised from the files)"
    )
    parser.add_argument(
        "--crop-numbers",
        type=int,
        nargs="+",
        metavar="N",
        help="crop number of each crop in a file of all crops: 0 the centre, 1 to 4 the corners, 5 to 9 the same "
        "mirrored (default: 0, 1, ... in the file's order)",
    )
    parser.add_argument(
        "--visual-encoder", help="what made the visual features (default: the published encoder of their width)"
    )
    parser.add_argument("--audio-encoder", help="what made the sound's features (default: likewise)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards to write")
    parser.add_argument(
        "--split",
        choices=("train", "test"),
        help="what the shards are for (default: test for a list named *test.csv, else train)",
    )
    add_classes(parser, required=False, otherwise="the list's first word before _")
    parser.add_argument("--stride", type=int, help="frames a snippet (default: 16, for cctv 4)")
    parser.add_argument("--shards", type=int, help=f"shards to write (default: one for {VIDEOS_A_SHARD} videos)")
    parser.add_argument("--shard", type=int, help="write only this one, from 0, even if it is there (default: all)")
    parser.add_argument(
        "--dtype",
        choices=("float16", "float32"),
        help="round to this type (default: float16 if the first video's files are, else float32; rounds nothing)",
    )
    parser.add_argument(
        "--failures", type=Path, help="list to write of videos whose files are bad (default: stop at the first)"
    )
    parser.add_argument("--note", help=f"goes with the features into every table (default: {NOTE})")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the shards."""
    arguments = parser().parse_args(argv)
    videos = listed_videos(arguments.list, arguments.audio_list, arguments.dataset)
    shards = arguments.shards if arguments.shards is not None else math.ceil(len(videos) / VIDEOS_A_SHARD)
    if not 1 <= shards <= MOST_SHARDS or not 0 <= (arguments.shard or 0) < shards:
        raise InputError(
            f"--shards {shards} must lie in 1..{MOST_SHARDS} and --shard {arguments.shard} lie in 0..{shards - 1}"
        )

    from extract.finished import refuse_more_shards, shard_path
    from extract.npy.feature_folder import FeatureFolder
    from extract.npy.feature_sidecar import read_sidecar

    sidecar = read_sidecar(arguments.list)
    if sidecar is not None:
        print(f"{arguments.list}: with header, frames and sounding rows from {sidecar.path}", file=sys.stderr)
    header = list_header(arguments, videos, sidecar)
    check_videos(arguments.list, videos, header, sidecar)
    folder, layout = FeatureFolder(arguments.root), None
    if sidecar is None:
        header, layout = with_seen(header, arguments, videos, folder)
    facts = {} if sidecar is None else sidecar.videos
    dtype = arguments.dtype or first_dtype(arguments.list, videos, folder)
    source = Source(arguments.list, folder, header, facts, dtype, arguments.dtype is not None, layout)

    failures: list[Failure] | None = None if arguments.failures is None else []
    if arguments.shard is not None:
        path = shard_path(arguments.out, header.split, arguments.shard)
        write_shard(path, part(videos, arguments.shard, shards), source, failures)
    else:
        refuse_more_shards(arguments.out, header.split, shards)
        for index in range(shards):
            path = shard_path(arguments.out, header.split, index)
            write_absent_shard(path, part(videos, index, shards), source, failures)
    if failures is not None:
        write_failures(arguments.failures, failures)
    if failures:
        print(f"{len(failures)} of {len(videos)} videos failed: {describe(failures)}", file=sys.stderr)


def write_absent_shard(
    path: Path, videos: Sequence[ListedVideo], source: Source, failures: list[Failure] | None
) -> None:
    """Write a shard unless an earlier run has; arguments and errors are those of ``write_shard``.

    A finished shard stays if it holds these videos, except for those whose files are still bad.

    Raises:
        InputError: If the shard that is there holds other videos, rows or types or has another header.
    """
    from extract.finished import differs, finished_videos

    found = finished_videos(path, source.header, source.dtype)
    if found is None:
        write_shard(path, videos, source, failures)
        return
    held = {video.video_id for video in found}
    if [_identity(video) for video in videos if video.video_id in held] != [_identity(video) for video in found]:
        raise differs(path, f"it does not hold the {len(videos)} videos of {source.path} in this order")
    listed = {video.video_id: video for video in videos}
    for shard_video in found:
        _check_rows(path, shard_video, listed[shard_video.video_id], source)
    absent = [video for video in videos if video.video_id not in held]
    failures_here: list[Failure] | None = None if failures is None else []
    mended = sum(1 for _ in readable_videos(absent, source, failures_here))
    if mended:
        say(f"{path}: {mended} of the videos it lacks can be read now; made again")
        write_shard(path, videos, source, failures)
        return
    if failures is not None:
        failures += failures_here or []
    say(f"{path}: finished before, kept")


def write_shard(path: Path, videos: Sequence[ListedVideo], source: Source, failures: list[Failure] | None) -> None:
    """Write one shard; one video is held at a time.

    Args:
        path: The shard to make.
        videos: Its videos, in order.
        source: Where the features come from and what they become.
        failures: Takes the videos whose files are bad; ``None`` makes the first of them an error.

    Raises:
        InputError: If a file is bad and ``failures`` is ``None``, or an exported list contradicts its audio.
    """
    from extract.npy.feature_sidecar import VideoFacts, sidecar_path
    from extract.shard import new_shard

    label = f"{STAGE} {path.stem}"
    with new_shard(path, source.header, source.dtype) as writer:
        tracked = track(videos, label=label, total=len(videos), unit="videos")
        for video, visual, audio in readable_videos(tracked, source, failures):
            facts = source.facts.get(video.video_id) or VideoFacts(-1, math.nan, _sounding(audio))
            if facts.audio_sounding > (0 if audio is None else len(audio)):
                raise InputError(
                    f"{sidecar_path(source.path)}: {video.video_id!r}: audio_sounding is {facts.audio_sounding}, "
                    "more than the rows of its audio; export again"
                )
            writer.add(video.video_id, video.labels, visual, audio, **asdict(facts))


def _check_rows(path: Path, held: ShardVideo, video: ListedVideo, source: Source) -> None:
    from extract.npy.feature_file import FeatureFileError, inspect_features
    from extract.npy.layout import rows_of

    first = video.whole or video.visual[source.header.crops[0]]
    try:
        file = source.folder.find(first, f"{source.path}, line {video.line}")
        rows = inspect_features(file).rows if source.layout is None else rows_of(file, source.layout)
    except FeatureFileError:
        return  # what was read before has since been moved or damaged; the shard still holds it
    if rows != held.snippets:
        from extract.finished import differs

        raise differs(path, f"{video.video_id!r} has {held.snippets} rows there and {rows} in its file")


def _sounding(audio: NDArray[Any] | None) -> int:
    return 0 if audio is None else int(audio.any(axis=1).sum())


def _identity(video: ListedVideo | ShardVideo) -> tuple[str, tuple[str, ...]]:
    return video.video_id, video.labels


if __name__ == "__main__":
    command.run(main)
