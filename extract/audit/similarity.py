"""Compares two folders of shards row by row: cosine similarity, numbers of rows, lengths of features."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from extract.audit.search import unit_rows
from extract.base.errors import InputError
from extract.base.files import atomic_path
from extract.base.printable import cell
from extract.shard import Shard, ShardHeader, ShardVideo, shard_paths


@dataclass(frozen=True)
class ShardFolder:
    """The shards of one split, open for reading.

    Attributes:
        path: The folder.
        header: Header of the first shard; stride and crops are the same in all.
        videos: Every video with the shard that holds it, by id.
    """

    path: Path
    header: ShardHeader
    videos: dict[str, tuple[Shard, ShardVideo]]


@dataclass(frozen=True)
class Similarity:
    """How one crop of one video compares; the columns of similarity.csv.

    Attributes:
        video_id: The video.
        crop: Crop number.
        cosine_mean: Mean cosine similarity of rows of equal number.
        cosine_min: The least of them.
        rows_ours: Rows of ours, T.
        rows_released: Rows of the others.
        norm_ours: Median length of our rows.
        norm_released: Median length of the others' rows.
    """

    video_id: str
    crop: int
    cosine_mean: float
    cosine_min: float
    rows_ours: int
    rows_released: int
    norm_ours: float
    norm_released: float


@contextmanager
def open_folder(folder: Path, split: str) -> Iterator[ShardFolder]:
    """Open all shards of a split.

    Raises:
        InputError: If there is none, one is malformed, two disagree in stride or crops, or a video stands in two.
    """
    with ExitStack() as stack:
        shards = [stack.enter_context(Shard(path)) for path in shard_paths(folder, split)]
        first = shards[0].header
        videos: dict[str, tuple[Shard, ShardVideo]] = {}
        for shard in shards:
            if (shard.header.stride, shard.header.crops) != (first.stride, first.crops):
                raise InputError(
                    f"{shard.path}: stride or crops differ from {shards[0].path}; make the shards together"
                )
            for video in shard.videos:
                if video.video_id in videos:
                    raise InputError(
                        f"{shard.path}: {video.video_id!r} stands also in {videos[video.video_id][0].path}"
                    )
                videos[video.video_id] = (shard, video)
        yield ShardFolder(folder, first, videos)


def common_videos(ours: ShardFolder, released: ShardFolder) -> list[str]:
    """List the ids that both folders hold, in the order of ours.

    Raises:
        InputError: If there is none.
    """
    common = [video_id for video_id in ours.videos if video_id in released.videos]
    if not common:
        raise InputError(
            f"{ours.path} and {released.path} have no video in common; ours begins with "
            f"{next(iter(ours.videos), 'nothing')!r}, the other with {next(iter(released.videos), 'nothing')!r}"
        )
    return common


def similarities(ours: ShardFolder, released: ShardFolder) -> Iterator[Similarity]:
    """Compare every common crop of every common video, one after the other.

    Raises:
        InputError: If no crop number is in both, or the rows differ in width.
    """
    if ours.header.visual.width != released.header.visual.width:
        raise InputError(
            f"{ours.path} has rows of {ours.header.visual.width} numbers, {released.path} of "
            f"{released.header.visual.width}; features of different encoders cannot be compared"
        )
    crops = [crop for crop in ours.header.crops if crop in released.header.crops]
    if not crops:
        raise InputError(
            f"{ours.path} has crops {ours.header.crops}, {released.path} {released.header.crops}: none in both"
        )
    for video_id in common_videos(ours, released):
        for crop in crops:
            yield _similarity(video_id, crop, ours, released)


def write_similarities(path: Path, compared: Iterable[Similarity]) -> list[Similarity]:
    """Write similarity.csv, whole or not at all, and give its rows."""
    written = []
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Similarity))
        for similarity in compared:
            video_id, *numbers = astuple(similarity)
            spelled = [f"{number:.7g}" if isinstance(number, float) else number for number in numbers]
            writer.writerow([cell(video_id), *spelled])
            written.append(similarity)
    return written


def _similarity(video_id: str, crop: int, ours: ShardFolder, released: ShardFolder) -> Similarity:
    our_shard, our_video = ours.videos[video_id]
    other_shard, other_video = released.videos[video_id]
    own = our_shard.visual(our_video, our_shard.column_of(crop))  # [T, 512]
    other = other_shard.visual(other_video, other_shard.column_of(crop))
    rows = min(len(own), len(other))
    cosines = (unit_rows(own[:rows]) * unit_rows(other[:rows])).sum(axis=-1)
    return Similarity(
        video_id,
        crop,
        float(cosines.mean()),
        float(cosines.min()),
        len(own),
        len(other),
        float(np.median(np.linalg.norm(own, axis=-1))),
        float(np.median(np.linalg.norm(other, axis=-1))),
    )
