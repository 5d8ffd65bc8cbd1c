"""The header that the shards of a list of features have: from the list, what stands beside it, and the files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base.errors import InputError
from extract.base.progress import say
from extract.catalog import check_labels
from extract.datasets import DATA_SETS
from extract.labels.flags import chosen
from extract.lists.feature_files import read_feature_files, with_sound
from extract.lists.feature_list import ListedVideo, read_feature_list
from extract.lists.name_list import is_name_list

if TYPE_CHECKING:
    from extract.npy.feature_folder import FeatureFolder
    from extract.npy.feature_sidecar import Sidecar
    from extract.npy.layout import Layout
    from extract.shard import ShardHeader

NOTE = "released features"


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
