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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.progress import say, track
from extract.catalog import check_labels, part
from extract.datasets import DATA_SETS
from extract.failures import Failure, describe, write_failures
from extract.labels.flags import add_classes, chosen
from extract.lists.feature_files import LAYOUTS, read_feature_files, with_sound
from extract.lists.feature_list import ListedVideo, read_feature_list
from extract.lists.name_list import is_name_list

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from extract.npy.feature_folder import FeatureFolder
    from extract.npy.feature_sidecar import Sidecar, VideoFacts
    from extract.npy.layout import Layout
    from extract.shard import ShardHeader, ShardVideo

STAGE = "released"
NOTE = "released features"
VIDEOS_A_SHARD = 64
MOST_SHARDS = 99_999  # file names count them with five digits


@dataclass(frozen=True)
class Source:
    """Where the features come from and what they become.

    Attributes:
        path: The list.
        folder: Where its files are looked up.
        header: Header of every shard.
        facts: What an exported list says of its videos; empty for the authors' lists.
        dtype: ``float16`` or ``float32``, the stored type.
        rounds: Whether files of more precision than ``dtype`` are rounded; an error where they are not.
        layout: How files of all crops hold them; ``None`` where each crop has a file of its own.
    """

    path: Path
    folder: FeatureFolder
    header: ShardHeader
    facts: Mapping[str, VideoFacts]
    dtype: str
    rounds: bool
    layout: Layout | None = None


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


def listed_videos(path: Path, audio: Path | None, dataset: str | None) -> list[ListedVideo]:
    """Read a list of features, and that of the sound.

    Args:
        path: The list; without labels where it ends in .list or .txt.
        audio: The list of the sound's features, for a list without a column of its own for it.
        dataset: The data set whose names tell the class; needed for a list without labels.

    Raises:
        InputError: If a list is malformed, or the data set is needed and not told.
    """
    if not is_name_list(path):
        videos = read_feature_list(path)
    elif dataset is None:
        raise InputError(f"{path}: has no labels, so names must tell the class; give --dataset {'|'.join(DATA_SETS)}")
    else:
        videos = read_feature_files(path, DATA_SETS[dataset])
    if audio is None:
        return videos
    joined = with_sound(videos, audio)
    if any(video.audio for video in videos):
        raise InputError(f"{path}: has a column audio_path; leave --audio-list {audio} out")
    return joined


def with_seen(
    header: ShardHeader, arguments: argparse.Namespace, videos: Sequence[ListedVideo], folder: FeatureFolder
) -> tuple[ShardHeader, Layout | None]:
    """Complete a header by what the files themselves say: crops, widths and encoders.

    Args:
        header: The header as far as the list tells it.
        arguments: ``list``, ``layout``, ``crop_numbers``, ``visual_encoder`` and ``audio_encoder``.
        videos: The list's videos.
        folder: Where their files are looked up.

    Returns:
        The header, and the layout of files of all crops.

    Raises:
        InputError: If the files differ in form or width, or do not tell their layout. Says what was seen.
    """
    from extract.npy.layout import NothingSeenError
    from extract.npy.seen import AUDIO_ENCODERS, VISUAL_ENCODERS, encoding_of, see_layout, see_sound

    visual, audio, whole = header.visual, header.audio, bool(videos[0].whole)
    try:
        layout = see_layout(videos, folder, arguments.layout, arguments.list)
    except NothingSeenError:
        if whole or arguments.failures is None:
            raise
        return header, None  # all of them are failures
    visual = encoding_of(arguments.visual_encoder, layout, visual, VISUAL_ENCODERS)
    if audio is not None:
        sound = see_sound(videos, folder, arguments.audio_list or arguments.list)
        audio = encoding_of(arguments.audio_encoder, sound, audio, AUDIO_ENCODERS)
    crops = header.crops
    if whole:
        crops = tuple(arguments.crop_numbers or range(layout.crops))
        if len(set(crops)) != len(crops) or len(crops) != layout.crops or min(crops) < 0:
            raise InputError(
                f"--crop-numbers: {' '.join(map(str, crops))} must be {layout.crops} different numbers, as the files "
                f"of {arguments.list} are {layout.spelled}"
            )
    elif arguments.crop_numbers or arguments.layout:
        raise InputError(f"{arguments.list}: each crop has a file of its own; leave --layout and --crop-numbers out")
    say(
        f"{arguments.list}: {layout.spelled} a {'video' if whole else 'crop'}, {visual.encoder}"
        + (f"; sound [rows, {audio.width}], {audio.encoder}" if audio else "")
    )
    return replace(header, crops=crops, visual=visual, audio=audio), layout if whole else None


def list_header(arguments: argparse.Namespace, videos: Sequence[ListedVideo], sidecar: Sidecar | None) -> ShardHeader:
    """Work out the header of the shards of a list.

    Args:
        arguments: ``list``, and ``split``, ``dataset``, ``classes``, ``stride`` and ``note``, each ``None`` if not
            given.
        videos: The list's videos.
        sidecar: What stands beside an exported list; it decides where it is there. A note that was given is added.

    Raises:
        InputError: If the data set cannot be told, or an argument contradicts ``sidecar``.
    """
    from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, ShardHeader

    if sidecar is not None:
        return _exported_header(arguments, sidecar)
    named = arguments.list.stem.partition("_")[0].lower()
    if arguments.dataset is None and arguments.classes is None and named not in DATA_SETS:
        raise InputError(
            f"{arguments.list}: its name does not tell the data set; give --dataset {'|'.join(DATA_SETS)}, or --classes"
        )
    labels = DATA_SETS[named] if arguments.dataset is None and arguments.classes is None else chosen(arguments)
    stride = labels.stride if arguments.stride is None else arguments.stride
    if stride < 1:
        raise InputError(f"--stride {stride} must be at least 1 frame")
    return ShardHeader(
        dataset=labels.name,
        split=arguments.split or ("test" if arguments.list.stem.endswith("test") else "train"),
        stride=stride,
        crops=tuple(videos[0].visual),
        visual=RELEASED_VISUAL,
        audio=None if videos[0].audio is None else RELEASED_AUDIO,
        note=NOTE if arguments.note is None else arguments.note,
        labels=labels.labels,
    )


def check_videos(path: Path, videos: Sequence[ListedVideo], header: ShardHeader, sidecar: Sidecar | None) -> None:
    """Hold a list to the header that its shards will have.

    Raises:
        InputError: Naming the first line with no features, other crops, an unknown label, audio where the others have
            none or the reverse, or a video that ``sidecar`` does not have.
    """
    for video in videos:
        where = f"{path}, line {video.line}"
        check_labels(video.labels, header.label_set(path).codes, where)
        if not video.visual and not video.whole:
            raise InputError(f"{where}: names no feature files, which column path must hold")
        if bool(video.whole) != bool(videos[0].whole):
            raise InputError(
                f"{where}: {video.video_id!r} has one file for all crops, or others do; list the same for all"
            )
        if not video.whole and set(video.visual) != set(header.crops):
            crops, others = (", ".join(map(str, sorted(found))) for found in (video.visual, header.crops))
            raise InputError(f"{where}: {video.video_id!r} has the crops {crops}, not {others}; list the same for all")
        if (video.audio is None) != (header.audio is None):
            has = "none" if video.audio is None else "one"
            raise InputError(f"{where}: {video.video_id!r} has {has} in column audio_path, unlike the rest")
        if sidecar is not None and video.video_id not in sidecar.videos:
            raise InputError(f"{sidecar.path}: field videos lacks {video.video_id!r} of {where}; export again")


def first_dtype(path: Path, videos: Sequence[ListedVideo], folder: FeatureFolder) -> str:
    """Choose the type that loses nothing of the first video whose files can be read.

    Args:
        path: The list, for messages.
        videos: Its videos.
        folder: Where the files are looked up.

    Returns:
        ``float16`` if all files of that video are, else ``float32``.
    """
    from extract.npy.array_file import inspect_array
    from extract.npy.feature_file import FeatureFileError

    for video in videos:
        try:
            types = {inspect_array(file).dtype for file in _files(path, video, folder)}
        except FeatureFileError:
            continue  # reported when its turn comes
        return "float16" if types == {"float16"} else "float32"
    return "float32"


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


def readable_videos(
    videos: Iterable[ListedVideo], source: Source, failures: list[Failure] | None
) -> Iterator[tuple[ListedVideo, NDArray[Any], NDArray[Any] | None]]:
    """Read the features of each video.

    Args:
        videos: Videos of the list.
        source: Where the features come from and what they become.
        failures: As for ``write_shard``.

    Yields:
        The video, ``visual`` [snippets, crops, D] and ``audio`` [audio rows, D], ``None`` without audio.
    """
    from extract.npy.feature_file import FeatureFileError

    for video in videos:
        try:
            features = _read_video(video, source)
        except FeatureFileError as error:
            if failures is None:
                raise InputError(f"{error} (or give --failures FILE to leave such videos out)") from None
            failures.append(Failure(video.video_id, STAGE, str(error)))
            say(f"{video.video_id}: left out, {error}")
            continue
        yield video, *features


def _exported_header(arguments: argparse.Namespace, sidecar: Sidecar) -> ShardHeader:
    header = sidecar.header
    for name in ("split", "dataset", "stride"):
        given, stands = getattr(arguments, name), getattr(header, name)
        if given not in (None, stands):
            raise InputError(f"{sidecar.path}: field {name} is {stands!r}, but --{name} {given}; leave it out")
    if arguments.classes is not None and chosen(arguments).labels != header.labels:
        raise InputError(f"{sidecar.path}: names other classes than {arguments.classes}; leave --classes out")
    if header.labels is None or header.split not in ("train", "test") or header.stride < 1:
        raise InputError(f"{sidecar.path}: fields dataset, split and stride must be those of a shard; export again")
    if not arguments.note or arguments.note in header.note.split("; "):
        return header
    return replace(header, note="; ".join(filter(None, [header.note, arguments.note])))


def _read_video(video: ListedVideo, source: Source) -> tuple[NDArray[Any], NDArray[Any] | None]:
    import numpy as np

    from extract.npy.feature_file import FeatureFileError, inspect_features

    where = f"{source.path}, line {video.line}"
    audio = None if video.audio is None else _sound(source.folder.find(video.audio, where), source)
    if source.layout is not None:
        from extract.npy.layout import read_rows

        file = source.folder.find(video.whole, where)
        return _cast(file, read_rows(file, source.layout), source), audio
    files = [source.folder.find(video.visual[crop], where) for crop in source.header.crops]
    widths = source.header.widths
    rows = inspect_features(files[0], widths.visual).rows
    visual = np.empty((rows, len(files), widths.visual), source.dtype)
    for column, file in enumerate(files):
        features = _stored(file, widths.visual, source)
        if len(features) != rows:
            raise FeatureFileError(f"{file}: has {len(features)} rows, but {files[0]} has {rows}; fetch both again")
        visual[:, column] = features
    return visual, audio


def _sound(path: Path, source: Source) -> NDArray[Any]:
    from extract.npy.layout import ROWS_CROPS, Layout, read_rows

    return _cast(path, read_rows(path, Layout(ROWS_CROPS, 1, source.header.widths.audio))[:, 0], source)


def _stored(path: Path, width: int, source: Source) -> NDArray[Any]:
    from extract.npy.feature_file import read_features

    return _cast(path, read_features(path, width), source)


def _cast(path: Path, features: NDArray[Any], source: Source) -> NDArray[Any]:
    """Bring features to the stored type.

    Raises:
        FeatureFileError: If that cannot hold them, or would round them and was not asked for.
    """
    import numpy as np

    from extract.npy.feature_file import FeatureFileError

    with np.errstate(over="ignore"):
        stored: NDArray[Any] = features.astype(source.dtype, copy=False)
    if not np.isfinite(stored).all():
        fix = "use --dtype float32" if source.dtype == "float16" else "fetch it again"
        raise FeatureFileError(f"{path}: holds numbers too large for {source.dtype}; {fix}")
    if not source.rounds and not np.array_equal(stored, features):
        raise FeatureFileError(
            f"{path}: holds {features.dtype} numbers that {source.dtype}, the type chosen from the first files, would "
            "round; use --dtype float32, or name the type that may round them"
        )
    return stored


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


def _files(path: Path, video: ListedVideo, folder: FeatureFolder) -> list[Path]:
    listed = [
        *video.visual.values(),
        *([video.whole] if video.whole else []),
        *([] if video.audio is None else [video.audio]),
    ]
    return [folder.find(name, f"{path}, line {video.line}") for name in listed]


def _identity(video: ListedVideo | ShardVideo) -> tuple[str, tuple[str, ...]]:
    return video.video_id, video.labels


if __name__ == "__main__":
    command.run(main)
