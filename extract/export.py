"""``python -m extract.export``: shards as the ``.npy`` files and CSV lists that other repositories read.

``DIR/visual/<video_id>__<crop>.npy`` [snippets, D] and ``DIR/audio/<video_id>.npy`` [audio rows, D] in the
shards' own precision; ``DIR/<dataset>_CLIP_rgb.csv`` (training videos) and ``DIR/<dataset>_CLIP_rgbtest.csv`` with
``path,label`` or ``path,audio_path,label``, paths relative to DIR; and beside each list what these cannot hold
(extract/npy/feature_sidecar.py). ``python -m extract.released`` makes the same shards of them again.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.files import atomic_path, write_text
from extract.base.help import command_parser
from extract.base.progress import track
from extract.catalog import SPLITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from extract.shard import Shard, ShardHeader, ShardVideo

SUFFIXES = {"train": "", "test": "test"}


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser(
        "extract.export",
        __doc__,
        writes=".npy files in visual/ and audio/, a CSV list of each split and a JSON file beside each list into --out",
    )
    parser.add_argument("shards", type=Path, metavar="SHARDS", help="folder of the shards")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write to; files of other content in it are never replaced"
    )
    parser.add_argument("--split", choices=SPLITS, help="which shards (default: every split that SHARDS has)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Export one or both splits."""
    arguments = parser().parse_args(argv)
    from extract.shard import shard_paths

    splits = [arguments.split] if arguments.split else [split for split in SPLITS if _has(arguments.shards, split)]
    if not splits:
        raise InputError(f"{arguments.shards}: holds no shard named train-00000.h5 or test-00000.h5")
    shards = {split: shard_paths(arguments.shards, split) for split in splits}
    refuse_repeated([path for paths in shards.values() for path in paths])
    for split, paths in shards.items():
        export_split(paths, split, arguments.out)


def refuse_repeated(paths: Sequence[Path]) -> None:
    """Refuse shards that hold a video twice, for its files would have one name.

    Raises:
        InputError: Naming the video and both shards.
    """
    from extract.shard import Shard

    seen: dict[str, Path] = {}
    for path in paths:
        with Shard(path) as shard:
            for video in shard.videos:
                if video.video_id in seen:
                    raise InputError(f"{path}: {seen[video.video_id]} holds {video.video_id!r} too; export one of them")
                seen[video.video_id] = path


def export_split(paths: Sequence[Path], split: str, folder: Path) -> None:
    """Export the shards of one split, the list last.

    What an earlier run has written is compared and kept.

    Args:
        paths: The shards, in order.
        split: ``train`` or ``test``.
        folder: Where the features and the list go.

    Raises:
        InputError: If the shards do not belong together, a video has no audio rows in a set with audio, or a file of
            other content stands where one is to be written; nothing is replaced.
    """
    from extract.npy.feature_sidecar import sidecar_path, sidecar_text

    header, videos = _joined(paths, split)
    feature_list = folder / f"{header.dataset}_CLIP_rgb{SUFFIXES[split]}.csv"
    texts = {sidecar_path(feature_list): sidecar_text(header, videos), feature_list: list_text(header, videos)}
    for path, text in texts.items():
        _is_there(path, text.encode())
    written = 0
    label = f"export {split}"
    for listed, features in track(_features(paths), label=label, total=len(videos), unit="videos"):
        written += sum(_write_array(folder / name, array) for name, array in zip(listed, features, strict=True))
    for path, text in texts.items():
        write_text(path, text)
    print(f"{feature_list}: {len(videos)} videos, {written} files written")


def list_text(header: ShardHeader, videos: Sequence[ShardVideo]) -> str:
    """Spell the list of a split: all crops of a video one after the other.

    Args:
        header: The shards' header.
        videos: The videos of the split.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label"] if header.audio is None else ["path", "audio_path", "label"])
    for video in videos:
        visual, audio = _visual_names(header, video), _audio_names(header, video)
        writer.writerows([name, *audio, "-".join(video.labels)] for name in visual)
    return text.getvalue()


def _has(folder: Path, split: str) -> bool:
    return any(folder.glob(f"{split}-[0-9][0-9][0-9][0-9][0-9].h5"))


def _visual_names(header: ShardHeader, video: ShardVideo) -> list[str]:
    return [f"visual/{video.video_id}__{crop}.npy" for crop in header.crops]


def _audio_names(header: ShardHeader, video: ShardVideo) -> list[str]:
    return [] if header.audio is None else [f"audio/{video.video_id}.npy"]


def _joined(paths: Sequence[Path], split: str) -> tuple[ShardHeader, list[ShardVideo]]:
    from extract.shard import Shard

    with Shard(paths[0]) as first:
        header = first.header
    videos: list[ShardVideo] = []
    for path in paths:
        with Shard(path) as shard:
            if shard.header.split != split:
                raise InputError(f"{path}: attribute split is {shard.header.split!r}, unlike its name; rename the file")
            if shard.header != header:
                raise InputError(f"{path}: its attributes {shard.header} differ from those of {paths[0]}: {header}")
            _check_videos(shard)
            videos += shard.videos
    return header, videos


def _check_videos(shard: Shard) -> None:
    from extract.catalog import check_labels

    codes = shard.header.label_set(shard.path).codes
    if len(set(shard.header.crops)) < len(shard.header.crops):
        raise InputError(f"{shard.path}: attribute crops names a crop twice: {shard.header.crops}")
    for video in shard.videos:
        check_labels(video.labels, codes, f"{shard.path}: {video.video_id!r}")
        if shard.header.audio is not None and not video.audio_rows:
            raise InputError(f"{shard.path}: {video.video_id!r} has no audio rows, which no list can say; leave it out")


def _features(paths: Sequence[Path]) -> Iterator[tuple[list[str], Iterator[NDArray[Any]]]]:
    from extract.shard import Shard

    for path in paths:
        with Shard(path) as shard:
            for video in shard.videos:
                names = _visual_names(shard.header, video) + _audio_names(shard.header, video)
                yield names, _arrays(shard, video)


def _arrays(shard: Shard, video: ShardVideo) -> Iterator[NDArray[Any]]:
    for column in range(len(shard.header.crops)):
        yield shard.visual_as_stored(video, column)
    if shard.header.audio is not None:
        yield shard.audio_as_stored(video)


def _write_array(path: Path, array: NDArray[Any]) -> bool:
    import numpy as np

    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    if _is_there(path, content.getvalue()):
        return False
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())
    return True


def _is_there(path: Path, content: bytes) -> bool:
    if not path.exists():
        return False
    if path.stat().st_size != len(content) or path.read_bytes() != content:
        raise InputError(f"{path}: is there already, with other content; remove it, or choose another folder for --out")
    return True


if __name__ == "__main__":
    command.run(main)
