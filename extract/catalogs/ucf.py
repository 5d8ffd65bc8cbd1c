"""``python -m extract.ucf``: the catalog of UCF-Crime, from its lists and its annotation file.

The lists are ``Anomaly_Train.txt`` and ``Anomaly_Test.txt``, one ``<Class>/<name>.mp4`` a line, where the folders
``Training_Normal_Videos_Anomaly`` and ``Testing_Normal_Videos_Anomaly`` stand for the class Normal; or CSV lists of
features, whose label is the class, or lists of feature files that end in ``.list`` as RTFM and UR-DMU have them, whose
names begin with it. Events come from ``Temporal_Anomaly_Annotation.txt``, ``<name> <Class> <start> <end>
<start> <end>`` in frames, -1 for none. Normal test videos have no segments, as in UCF-Crime's evaluation.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.names import one_form
from extract.catalog import Segment, Video, check_labels, check_video_id, write_catalog
from extract.datasets import UCF
from extract.lists.annotation_lines import frame_span, read_lines, report
from extract.lists.feature_list import read_feature_list
from extract.lists.labels_in_names import label_in_name
from extract.lists.name_list import LIST_SUFFIX, read_name_list
from extract.lists.video_sources import find_listed

LABELS = UCF
ORIGIN = "it is part of UCF-Crime's download"
_NORMAL_FOLDERS = ("Training_Normal_Videos_Anomaly", "Testing_Normal_Videos_Anomaly")
_NO_FRAME = "-1"


@dataclass(frozen=True)
class ListedClip:
    """A video that a list names.

    Attributes:
        video_id: The file's stem.
        code: Its class.
        source: The list.
        line: Its line there.
    """

    video_id: str
    code: str
    source: Path
    line: int

    @property
    def where(self) -> str:
        """List and line, for messages."""
        return f"{self.source}, line {self.line}"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.ucf", __doc__, writes="--out (a catalog, JSON Lines)")
    parser.add_argument(
        "--videos", type=Path, help="folder of all videos, searched to any depth; without it only features are at hand"
    )
    parser.add_argument(
        "--train", type=Path, required=True, metavar="LIST", help="Anomaly_Train.txt, or a .csv or .list of features"
    )
    parser.add_argument(
        "--test", type=Path, required=True, metavar="LIST", help="Anomaly_Test.txt, or a .csv or .list of features"
    )
    parser.add_argument("--annotations", type=Path, required=True, help="Temporal_Anomaly_Annotation.txt")
    parser.add_argument("--out", type=Path, required=True, help="catalog to write (JSON Lines)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    train, test = read_list(arguments.train), read_list(arguments.test)
    _refuse_repeated([*train, *test])
    segments = read_annotations(arguments.annotations, test)
    paths = find_listed(arguments.videos, [*train, *test]) if arguments.videos else {}
    videos = [Video(clip.video_id, "train", paths.get(clip.video_id, ""), (clip.code,)) for clip in train]
    videos += [
        Video(clip.video_id, "test", paths.get(clip.video_id, ""), (clip.code,), segments[clip.video_id])
        for clip in test
    ]
    write_catalog(arguments.out, videos)
    print(f"{arguments.out}: {len(train)} train and {len(test)} test videos")


def read_list(path: Path) -> list[ListedClip]:
    """Read which videos belong to a part of the set, in file order.

    Args:
        path: ``Anomaly_Train.txt`` or ``Anomaly_Test.txt``, a CSV list (``.csv``) as ``extract.lists.feature_list``
            reads it, or a list of feature files without labels (``.list``), whose names tell the class.

    Raises:
        InputError: Naming file and line, if it is malformed or names an unknown class.
    """
    if path.suffix.lower() == ".csv":
        # Several classes joined are none of this set, which the check below says.
        listed = ((video, "-".join(video.labels)) for video in read_feature_list(path))
        clips = [ListedClip(video.video_id, code, path, video.line) for video, code in listed]
    elif path.suffix.lower() == LIST_SUFFIX:
        names = read_name_list(path)
        clips = [
            ListedClip(video_id, label_in_name(LABELS, video_id, f"{path}, line {line}"), path, line)
            for video_id, line in names.items()
        ]
    else:
        clips = [_parse_listed(path, number, line.strip()) for number, line in read_lines(path, ORIGIN)]
    for clip in clips:
        check_labels([clip.code], LABELS.codes, clip.where)
    return clips


def read_annotations(path: Path, test: Sequence[ListedClip]) -> dict[str, tuple[Segment, ...]]:
    """Read ``Temporal_Anomaly_Annotation.txt``.

    Args:
        path: The file. Blank lines are skipped and ``.mp4`` after a name is dropped; both are reported.
        test: The test videos.

    Returns:
        The segments of every test video; none for normal ones.

    Raises:
        InputError: Naming file and line, if a line is malformed or contradicts the list, a video stands there twice or
            is no test video, or an abnormal test video has no segments.
    """
    clips = {clip.video_id: clip for clip in test}
    segments: dict[str, tuple[Segment, ...]] = {}
    repaired = []
    for number, line in read_lines(path, ORIGIN):
        where = f"{path}, line {number}"
        name, *fields = line.split()
        video_id = one_form(name.removesuffix(".mp4"))
        if name.endswith(".mp4"):
            repaired.append(number)
        if video_id in segments:
            raise InputError(f"{where}: {video_id!r} stands there twice")
        if video_id not in clips:
            raise InputError(
                f"{where}: {video_id!r} is not in the list of test videos; add it there or remove this line"
            )
        segments[video_id] = _parse_events(fields, clips[video_id], where)
    report(path, repaired, "with .mp4 after the name, which is dropped")
    for clip in test:
        if not segments.setdefault(clip.video_id, ()) and clip.code != LABELS.normal:
            raise InputError(f"{path}: gives no segment for {clip.video_id!r}, a {clip.code} video in {clip.where}")
    return segments


def _parse_listed(path: Path, number: int, line: str) -> ListedClip:
    where = f"{path}, line {number}"
    folder, slash, name = line.partition("/")
    stem = name.removesuffix(".mp4")
    if not folder or not slash or stem == name or "/" in stem:
        raise InputError(f"{where}: {line!r} must be <Class>/<name>.mp4")
    try:
        video_id = check_video_id(one_form(stem))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return ListedClip(video_id, LABELS.normal if folder in _NORMAL_FOLDERS else folder, path, number)


def _parse_events(fields: Sequence[str], clip: ListedClip, where: str) -> tuple[Segment, ...]:
    if len(fields) < 3 or len(fields) % 2 == 0:
        raise InputError(f"{where}: after the name must follow the class and pairs of start and end, -1 -1 for none")
    code = fields[0]
    if code != clip.code:
        raise InputError(f"{where}: class {code} contradicts {clip.where}, which says {clip.code}; mend one of them")
    events = []
    for start, end in zip(fields[1::2], fields[2::2], strict=True):
        if start == end == _NO_FRAME:
            continue
        events.append(Segment(code, *frame_span(start, end, f"{where}:")))
    if events and code == LABELS.normal:
        raise InputError(f"{where}: a normal video has no event, but {events[0].start} {events[0].end} stands there")
    return tuple(events)


def _refuse_repeated(clips: Sequence[ListedClip]) -> None:
    seen: dict[str, ListedClip] = {}
    for clip in clips:
        first = seen.setdefault(clip.video_id, clip)
        if first is not clip:
            raise InputError(f"{clip.where}: {clip.video_id!r} stands in {first.where} already; keep one of them")


if __name__ == "__main__":
    command.run(main)
