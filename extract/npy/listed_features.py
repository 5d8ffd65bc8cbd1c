"""The features of the videos of a list: which files hold them, read whole and brought to the type that is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base.errors import InputError
from extract.base.progress import say
from extract.failures import Failure
from extract.lists.feature_list import ListedVideo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from extract.npy.feature_folder import FeatureFolder
    from extract.npy.feature_sidecar import VideoFacts
    from extract.npy.layout import Layout
    from extract.shard import ShardHeader

STAGE = "released"


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


def _files(path: Path, video: ListedVideo, folder: FeatureFolder) -> list[Path]:
    listed = [
        *video.visual.values(),
        *([video.whole] if video.whole else []),
        *([] if video.audio is None else [video.audio]),
    ]
    return [folder.find(name, f"{path}, line {video.line}") for name in listed]
