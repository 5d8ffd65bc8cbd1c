"""Feature files of lists without labels, as I3D and C3D features come with: one path a line, the name tells the class.

Which file belongs to which video and crop is told by names (``extract.lists.name_list``), never by the order of lines.
"""

from dataclasses import replace
from pathlib import Path

from extract.base.errors import InputError
from extract.base.progress import say
from extract.datasets import DataSet
from extract.lists.feature_list import ListedVideo
from extract.lists.labels_in_names import labels_in_name
from extract.lists.name_list import NamedFile, read_named_files

CENTRE = 0
# Axes of a file of all crops of a video, before the width: RTFM's, and those of UR-DMU's own extractor.
LAYOUTS = ("rows-crops", "crops-rows")


def read_feature_files(path: Path, labels: DataSet) -> list[ListedVideo]:
    """Read such a list.

    Args:
        path: The list of visual features. Of a video whose first crop has no number (PEL4VAD), that one is crop 0.
        labels: The data set, whose names tell the class.

    Returns:
        Its videos in the order in which they first occur.

    Raises:
        InputError: Naming list and line, if it is malformed, a file stands there twice, or a name tells no class.
    """
    files: dict[str, list[NamedFile]] = {}
    for named in read_named_files(path):
        if named.is_sound:
            raise InputError(f"{path}, line {named.line}: {named.path!r} is sound; give its list as --audio-list")
        files.setdefault(named.video_id, []).append(named)
    return [_video(path, video_id, named, labels) for video_id, named in files.items()]


def with_sound(videos: list[ListedVideo], path: Path) -> list[ListedVideo]:
    """Add the sound's features of a list of their own, one file a video.

    Args:
        videos: The videos of the list of visual features.
        path: The list of sound, whose lines may stand in any order; those of other videos are counted on stderr.

    Raises:
        InputError: Naming list and line, if it is malformed, a video stands there twice, or one has no sound there.
    """
    sound: dict[str, NamedFile] = {}
    for named in read_named_files(path):
        first = sound.setdefault(named.video_id, named)
        if first is not named:
            raise InputError(f"{path}, line {named.line}: {named.video_id!r} stands in line {first.line} already")
    absent = [video for video in videos if video.video_id not in sound]
    if absent:
        raise InputError(
            f"{path}: has no sound of {absent[0].video_id!r} and {len(absent)} of {len(videos)} videos in all; give "
            "the list that belongs to the visual features"
        )
    others = sound.keys() - {video.video_id for video in videos}
    if others:
        say(f"{path}: {len(others)} videos are not in the list of visual features and left out, first {min(others)!r}")
    return [replace(video, audio=sound[video.video_id].path) for video in videos]


def _video(path: Path, video_id: str, files: list[NamedFile], labels: DataSet) -> ListedVideo:
    line = files[0].line
    codes = labels_in_name(labels, video_id, f"{path}, line {line}")
    if len(files) == 1 and files[0].crop is None:
        return ListedVideo(video_id, codes, line=line, whole=files[0].path)
    visual: dict[int, str] = {}
    for named in files:
        crop = CENTRE if named.crop is None else named.crop
        if crop in visual:
            raise InputError(f"{path}, line {named.line}: crop {crop} of {video_id!r} is listed twice; keep one line")
        visual[crop] = named.path
    return ListedVideo(video_id, codes, visual, line=line)
