"""Where the videos of one part of a data set are read from: a folder, or a CSV list where only features are at hand."""

import argparse
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from extract.base.errors import InputError
from extract.base.names import one_form
from extract.base.progress import say
from extract.catalog import check_video_id
from extract.lists.feature_list import NO_LABEL, read_feature_list
from extract.lists.name_list import is_name_list, read_name_list

VIDEO_SUFFIXES = (
    *(".mp4", ".mkv", ".avi", ".mov", ".mpeg", ".mpg", ".webm", ".flv", ".ts", ".m4v"),
    *(".mts", ".m2ts", ".wmv", ".asf", ".3gp", ".3g2", ".vob", ".ogv", ".mxf", ".divx", ".f4v", ".mpe"),
)
# Of the files that are left out, so many kinds are told apart.
MOST_SUFFIXES = 5
_LABELLED_NAME = re.compile(r".+_label_(?P<codes>[^_]+)", re.DOTALL)


@dataclass(frozen=True)
class SourceVideo:
    """A video that a folder holds or a list names.

    Attributes:
        video_id: The file's stem.
        path: The file; empty where a list names the video.
        labels: Label codes of the list; ``None`` for a file.
        where: The file, or list and line, for messages.
    """

    video_id: str
    path: str
    labels: tuple[str, ...] | None
    where: str


def add_video_sources(parser: argparse.ArgumentParser) -> None:
    """Let a command be told where the training and the test videos are, each as ``read_source`` takes it."""
    for flag, videos in (("--train", "training"), ("--test", "test")):
        parser.add_argument(
            flag,
            type=Path,
            required=True,
            metavar="SRC",
            help=f"folder of {videos} videos, searched to any depth, or a CSV list of features (path,label) or ids "
            "(video_id,label)",
        )


def read_source(source: Path) -> list[SourceVideo]:
    """Find the videos of a folder, sorted by name, or of a list, in its order.

    Args:
        source: A folder of videos, searched to any depth; a list without labels (``extract.lists.name_list``), which
            ends in .txt or .list; or a CSV list as ``extract.lists.feature_list`` reads it.

    Raises:
        InputError: If there is none of them, a folder holds no video, two files share a stem, or the list is malformed.
    """
    if is_name_list(source):
        return [
            SourceVideo(video_id, "", None, f"{source}, line {line}")
            for video_id, line in read_name_list(source).items()
        ]
    if source.is_file():
        return [
            SourceVideo(listed.video_id, "", listed.labels, f"{source}, line {listed.line}")
            for listed in read_feature_list(source)
        ]
    videos = []
    for video_id, paths in files_by_stem(source).items():
        if len(paths) > 1:
            raise InputError(f"{paths[1]}: {paths[0]} has the same name; keep one of them")
        videos.append(SourceVideo(video_id, str(paths[0]), None, str(paths[0])))
    return videos


def files_by_stem(folder: Path) -> dict[str, list[Path]]:
    """Find the videos of a folder, searched to any depth, by stem, sorted by name.

    Args:
        folder: Files with one of ``VIDEO_SUFFIXES``, in small or capital letters, count; one line on stderr says how
            many others there are. Linked folders are searched too, as sets are often spread over disks; hidden files,
            such as those that macOS adds, are not videos.

    Raises:
        InputError: If the folder is absent or holds no video, or a stem is no video_id.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; put the videos there or set the path in the configuration")
    found: dict[str, list[Path]] = {}
    others: Counter[str] = Counter()
    for path in sorted(_files_below(folder), key=lambda path: (path.name, path)):
        if path.suffix.lower() in VIDEO_SUFFIXES:
            found.setdefault(_video_id(path), []).append(path)
        else:
            others[path.suffix.lower()] += 1
    if not found:
        raise InputError(f"{folder}: holds no video file ({' '.join(VIDEO_SUFFIXES)})")
    if others:
        say(f"{folder}: {others.total()} files are no videos by their names and left out: {_counted(others)}")
    return found


class Listed(Protocol):
    """A video that a list names: its id, and list and line for messages."""

    @property
    def video_id(self) -> str: ...

    @property
    def where(self) -> str: ...


def find_listed(folder: Path, listed: Sequence[Listed]) -> dict[str, str]:
    """Find the file of every listed video by its name, anywhere below a folder.

    Args:
        folder: The downloaded parts, unpacked as they come.
        listed: The listed videos. Files that are not listed are counted on stderr.

    Raises:
        InputError: If a listed video is absent, or two files have its name.
    """
    found = files_by_stem(folder)
    absent = [video for video in listed if video.video_id not in found]
    if absent:
        raise InputError(
            f"{absent[0].where}: {absent[0].video_id!r} is not in {folder}, and {len(absent)} of {len(listed)} listed "
            "videos are absent in all; download them, or remove their lines and say so where you report numbers"
        )
    for video in listed:
        if len(found[video.video_id]) > 1:
            first, second = found[video.video_id][:2]
            raise InputError(f"{second}: {first} has the same name, which {video.where} lists; keep one of them")
    names = {video.video_id for video in listed}
    others = [str(paths[0]) for video_id, paths in found.items() if video_id not in names]
    if others:
        say(f"{folder}: {len(others)} videos are in neither list and left out, first {others[0]}")
    return {video_id: str(found[video_id][0]) for video_id in names}


def codes_in_name(video_id: str) -> tuple[str, ...]:
    """Give the label codes that follow ``_label_`` at a name's end, without ``0`` and repetitions; ``()`` if none."""
    match = _LABELLED_NAME.fullmatch(video_id)
    codes = match["codes"].split("-") if match else ()
    return tuple(code for code in dict.fromkeys(codes) if code != NO_LABEL)


def refuse_other_labels(video: SourceVideo, labels: tuple[str, ...]) -> None:
    """Refuse a video whose list labels it otherwise than its name does; the order of codes is free.

    Raises:
        InputError: Naming list, line, video and both labels.
    """
    if video.labels is not None and set(video.labels) != set(labels):
        raise InputError(
            f"{video.where}: label {'-'.join(video.labels)!r} contradicts the name of {video.video_id!r}, which says "
            f"{'-'.join(labels)!r}; mend the list"
        )


def refuse_absent(annotated: Iterable[str], test: Collection[str], annotations: Path, source: Path) -> None:
    """Refuse annotations of videos that are not among the test videos: numbers would silently cover fewer of them.

    Args:
        annotated: Names that the annotations have.
        test: Names of the test videos.
        annotations: The annotation file, for the message.
        source: Folder or list of the test videos, for the message.

    Raises:
        InputError: Naming the first, and how many there are.
    """
    absent = [name for name in annotated if name not in test]
    if absent:
        raise InputError(
            f"{annotations}: annotates {len(absent)} videos that {source} does not hold, first {absent[0]!r}; download "
            "them, or remove their lines and say so where you report numbers"
        )


def refuse_repeated(videos: Iterable[SourceVideo], name_of: Callable[[str], str] = str) -> None:
    """Refuse a name that occurs twice, for example in the training and in the test part.

    Args:
        videos: All videos of the set.
        name_of: What of a ``video_id`` must be unique; all of it by default.

    Raises:
        InputError: Naming both places.
    """
    seen: dict[str, SourceVideo] = {}
    for video in videos:
        first = seen.setdefault(name_of(video.video_id), video)
        if first is not video:
            raise InputError(f"{video.where}: {first.where} has the same name; keep one of them")


def _files_below(folder: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = Path(parent).resolve()
        if real in seen:  # a link to a folder above it
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _counted(suffixes: Counter[str]) -> str:
    common = [f"{count} {suffix or 'without suffix'}" for suffix, count in suffixes.most_common(MOST_SUFFIXES)]
    more = len(suffixes) - len(common)
    return ", ".join(common) + (f" and {more} kinds more" if more else "")


def _video_id(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{str(path)!r}: the name is no UTF-8; rename it") from None
    try:
        return check_video_id(one_form(path.stem))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
