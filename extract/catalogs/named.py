"""The catalog of a data set whose videos tell their class by name, or by a CSV list: what those sets have in common."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base.errors import InputError
from extract.base.progress import say, track
from extract.catalog import Segment, Video, check_labels, write_catalog
from extract.cut_videos import TAKE
from extract.datasets import DataSet
from extract.lists.frame_counts import read_frame_counts
from extract.lists.labels_in_names import code_of, label_in_name
from extract.lists.uniform_annotations import UniformVideo, read_uniform
from extract.lists.video_sources import SourceVideo, find_listed, read_source, refuse_absent, refuse_repeated

if TYPE_CHECKING:
    from extract.media.decode import Timeline

LIST = "a .txt or .list of names or feature files, or a CSV list (path,label or video_id,label)"


@dataclass(frozen=True)
class Found:
    """The anomalies of one test video in frames.

    Attributes:
        stretches: [start, end) of each.
        frames: Number of frames, where it is known.
        fps: Frames per second, where the video was read.
        cut: Why the video seems to be cut short, where it was taken all the same.
    """

    stretches: tuple[tuple[int, int], ...]
    frames: int | None = None
    fps: float | None = None
    cut: str = ""


def add_sources(parser: argparse.ArgumentParser, annotations: str) -> None:
    """Let a command be told what the catalog is made from.

    Args:
        parser: The command's.
        annotations: What ``--annotations`` is.
    """
    source = f"folder of {{}} videos, searched to any depth; {LIST}"
    parser.add_argument("--train", type=Path, required=True, metavar="SRC", help=source.format("training"))
    parser.add_argument("--test", type=Path, required=True, metavar="SRC", help=source.format("test"))
    parser.add_argument("--annotations", type=Path, required=True, help=annotations)
    parser.add_argument("--out", type=Path, required=True, help="catalog to write (JSON Lines)")


def add_videos(parser: argparse.ArgumentParser) -> None:
    """Let a command be told where listed videos lie."""
    parser.add_argument(
        "--videos", type=Path, help="folder of all videos, for lists of names; without it only features are at hand"
    )


def add_frames(parser: argparse.ArgumentParser) -> None:
    """Let a command be told how long the test videos are."""
    parser.add_argument(
        "--frames",
        type=Path,
        metavar="SRC",
        help="CSV video_id,frames of the test videos, or the folder of their features, rows times stride "
        "(default: the abnormal ones are opened and counted)",
    )


def read_sources(train: Path, test: Path, videos: Path | None = None) -> tuple[list[SourceVideo], list[SourceVideo]]:
    """Read the videos of both parts, and find those of lists in a folder.

    Raises:
        InputError: If a source is malformed, a name stands in both, or a listed video is absent.
    """
    parts = read_source(train), read_source(test)
    return placed(*parts, videos)


def placed(
    train: list[SourceVideo], test: list[SourceVideo], videos: Path | None
) -> tuple[list[SourceVideo], list[SourceVideo]]:
    """Find the files of listed videos in a folder; errors are those of ``read_sources``."""
    refuse_repeated([*train, *test])
    if videos is None:
        return train, test
    paths = find_listed(videos, [*train, *test])
    first, second = (
        [SourceVideo(one.video_id, paths[one.video_id], one.labels, one.where) for one in part]
        for part in (train, test)
    )
    return first, second


def label_of(video: SourceVideo, labels: DataSet) -> str:
    """Give a video's class: its list's, else the one that its name tells.

    Raises:
        InputError: If the list gives several or an unknown one, or the name tells none.
    """
    if video.labels is None:
        return label_in_name(labels, video.video_id, video.where)
    check_labels(video.labels, labels.codes, video.where)
    if len(video.labels) > 1:
        raise InputError(f"{video.where}: a video of {labels.name} has one class, not {'-'.join(video.labels)}")
    return video.labels[0]


def write(
    out: Path,
    labels: DataSet,
    train: Sequence[SourceVideo],
    test: Sequence[SourceVideo],
    found: Callable[[SourceVideo, str], Found],
) -> None:
    """Write the catalog.

    Args:
        out: The file.
        labels: The data set.
        train: Its training videos.
        test: Its test videos.
        found: Gives the anomalies of an abnormal test video of a class. Normal ones have none, and no segments: nothing
            of theirs counts as an event.

    Raises:
        InputError: If an abnormal test video has no anomaly.
    """
    lines = [Video(video.video_id, "train", video.path, (label_of(video, labels),)) for video in train]
    for video in track(test, label="annotations", total=len(test), unit="videos"):
        code = label_of(video, labels)
        events = Found(()) if code == labels.normal else found(video, code)
        if code != labels.normal and not events.stretches:
            raise InputError(f"{video.where}: the annotations give no anomaly of {video.video_id!r}, a {code} video")
        segments = tuple(Segment(code, start, end) for start, end in events.stretches)
        lines.append(
            Video(video.video_id, "test", video.path, (code,), segments, events.frames, events.fps, cut=events.cut)
        )
    write_catalog(out, lines)
    print(f"{out}: {len(train)} train and {len(test)} test videos")


def write_from_shares(arguments: argparse.Namespace, labels: DataSet) -> None:
    """Write the catalog of a data set whose annotations are uniform ones (``extract.lists.uniform_annotations``).

    Args:
        arguments: ``train``, ``test``, ``annotations``, ``frames``, ``cut`` and ``out``.
        labels: The data set.

    Raises:
        InputError: If a source is malformed, annotations and names contradict each other, or a length is unknown.
    """
    train, test = read_sources(arguments.train, arguments.test)
    write(arguments.out, labels, train, test, by_shares(arguments.annotations, test, arguments, labels))


def by_shares(
    path: Path, test: Sequence[SourceVideo], arguments: argparse.Namespace, labels: DataSet
) -> Callable[[SourceVideo, str], Found]:
    """Give what places the anomalies of uniform annotations.

    Args:
        path: The annotations.
        test: The test videos.
        arguments: ``test``, ``frames`` and ``cut``.
        labels: The data set.

    Raises:
        InputError: If they annotate a video that is no test video, or call one otherwise than its name or list does.
    """
    annotated = read_uniform(path)
    refuse_absent(annotated, {video.video_id for video in test}, path, arguments.test)
    for video in test:
        _check_class(video, annotated, path, labels)
    counts = None if arguments.frames is None else _lengths(arguments.frames, labels)

    def found(video: SourceVideo, code: str) -> Found:
        entry = annotated[video.video_id]
        if counts is not None and video.video_id in counts:
            frames = counts[video.video_id]
            return Found(entry.stretches(frames), frames)
        if not video.path:
            raise InputError(
                f"{entry.where}: its anomalies are shares of the length, and {video.video_id!r} has no file to count; "
                "give a folder of videos, or its length in --frames"
            )
        return _in_file(entry, video, cut=arguments.cut == TAKE)

    return found


def _lengths(source: Path, labels: DataSet) -> dict[str, int]:
    """Read how many frames videos have, by video_id.

    Args:
        source: A list of them, or a folder of features, one file a video or a crop, whose rows are ``stride`` frames.
        labels: The data set.

    Raises:
        InputError: If the list is malformed, or the files do not tell which axis is time.
    """
    if not source.is_dir():
        return read_frame_counts(source)
    from extract.lists.name_list import named_file
    from extract.npy.array_file import READABLE
    from extract.npy.feature_file import FeatureFileError
    from extract.npy.layout import recognise, rows_of

    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in READABLE)
    layout = recognise(files, None, source)
    counts = {}
    for file in files:
        try:
            counts[named_file(file.name, 0, str(file)).video_id] = labels.stride * rows_of(file, layout)
        except FeatureFileError as error:
            say(f"{error}; its length is unknown")
    return counts


def _check_class(video: SourceVideo, annotated: Mapping[str, UniformVideo], path: Path, labels: DataSet) -> None:
    code, entry = label_of(video, labels), annotated.get(video.video_id)
    if entry is None:
        if code != labels.normal:
            raise InputError(f"{path}: has no entry for test video {video.video_id!r}, a {code} video of {video.where}")
        say(f"{path}: has no entry for {video.video_id!r}, which is normal")
        return
    named = code_of(labels, entry.class_name)
    if named != code:
        raise InputError(
            f"{entry.where}: class_name is {entry.class_name!r:.60}, but {video.where} says {code}; mend one of them"
        )
    if entry.spans and code == labels.normal:
        raise InputError(f"{entry.where}: a normal video has no anomaly, but {len(entry.spans)} stand there")


def _in_file(entry: UniformVideo, video: SourceVideo, *, cut: bool) -> Found:
    from extract.media.decode import UnreadableVideo
    from extract.media.frame_times import known_fps
    from extract.media.reading import read_timeline

    try:
        timeline: Timeline = read_timeline(Path(video.path), cut=cut)
    except UnreadableVideo as error:
        raise InputError(f"{video.path}: {error}; fetch it again, or give its length in --frames") from None
    frames = len(timeline.starts)
    return Found(entry.stretches(frames), frames, known_fps(timeline), timeline.cut)
