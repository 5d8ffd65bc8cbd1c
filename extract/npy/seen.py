"""What a list's feature files are, seen from some of them: their layout, and the encoders that have their widths."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from extract.base.errors import InputError
from extract.lists.feature_list import ListedVideo
from extract.npy.feature_file import FeatureFileError
from extract.npy.feature_folder import FeatureFolder
from extract.npy.layout import Layout, recognise
from extract.published_encoders import C3D, I3D_1024, I3D_2048, VGGISH
from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, Encoding

# Looked into before anything is written, evenly over the list: lists have abnormal videos first.
MOST_SEEN = 64
# Encoders whose features are published, by the width of their rows.
VISUAL_ENCODERS = {512: RELEASED_VISUAL.encoder, 1024: I3D_1024, 2048: I3D_2048, 4096: C3D}
AUDIO_ENCODERS = {512: RELEASED_AUDIO.encoder, 128: VGGISH}


def see_layout(videos: Sequence[ListedVideo], folder: FeatureFolder, given: str | None, source: Path) -> Layout:
    """Find out how the visual features lie in their files.

    Args:
        videos: The list's videos.
        folder: Where their files are looked up.
        given: The layout of files of all crops, where a person named it.
        source: The list, for messages.

    Returns:
        The layout; for lists with a file for each crop that of a file.

    Raises:
        InputError: As ``recognise``.
    """
    return recognise(_found(videos, folder, source, _first_file), given, source)


def encoding_of(name: str | None, layout: Layout, known: Encoding, encoders: dict[int, str]) -> Encoding:
    """Say how a stream was encoded: by the encoder that was named, else the published one of that width."""
    encoder = name or encoders.get(layout.width, f"unnamed-{layout.width}")
    return replace(known, encoder=encoder, width=layout.width)


def see_sound(videos: Sequence[ListedVideo], folder: FeatureFolder, source: Path) -> Layout:
    """Find out how wide the sound's features are; errors are those of ``recognise``, or that files have crops."""
    layout = recognise(_found(videos, folder, source, lambda video: video.audio), None, source)
    if layout.crops != 1:
        raise InputError(f"{source}: its sound is {layout.spelled}; it must be [rows, width]")
    return layout


def _first_file(video: ListedVideo) -> str | None:
    return video.whole or next(iter(video.visual.values()), None)


def _found(
    videos: Sequence[ListedVideo], folder: FeatureFolder, source: Path, name: Callable[[ListedVideo], str | None]
) -> list[Path]:
    files = []
    for video in videos[:: max(1, len(videos) // MOST_SEEN)]:
        listed = name(video)
        try:
            if listed:
                files.append(folder.find(listed, f"{source}, line {video.line}"))
        except FeatureFileError:
            continue  # reported when its turn comes
    return files
