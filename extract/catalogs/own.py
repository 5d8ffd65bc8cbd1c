"""``python -m extract.own``: the catalog of your own videos, from a folder and one list, CSV or JSON Lines.

A CSV list (``.csv``) begins with the names of its columns, in any order; the last two may be left out:

    video,split,labels,segments,unit
    gate/monday.mp4,train,A,,
    gate/tuesday.mp4,train,fighting-riot,,
    yard/noon.mkv,test,B1,B1 12.5 14.0; B1 20 31,seconds
    yard/night.mkv,test,normal,,

video     the file, relative to the folder of videos
split     train or test
labels    codes of the label set, or the words that stand for them, joined by a hyphen; capital letters do not matter
segments  what happens when, only for test videos: label, start and end, several of them separated by a semicolon;
          needed for every test video that is not normal
unit      seconds or frames, how segments are counted; needed where there are segments. Seconds count from the first
          picture and become frames by the times at which the video's own frames are shown. Frames count from 0; the
          end is the first frame after the event.

A JSON Lines list (any other name) has one object a line with the same fields, where segments are objects:

    {"video":"noon.mkv", "split":"train", "labels":"fighting-riot"}
    {"video":"a.mkv", "split":"test", "labels":"G", "unit":"frames", "segments":[{"label":"G", "start":5, "end":9}]}

Several lists may be given, such as the corrections that the pages of evaluate.detect and evaluate.watch save. With
--form label-studio or fiftyone the list is an export of that tool instead, of what evaluate.detect --export gave it:
its reviewed videos are all of --split, one in which nothing was marked is normal, and one that nobody looked at is left
out.

Classes of your own stand in a YAML file, --classes FILE, one line a class, a code and its prompt, the normal class
first: normal: normal, then fall: a person falling, then theft: someone stealing. The label sets of --dataset are:

xd    A normal, B1 fighting, B2 shooting, B4 riot, B5 abuse, B6 car accident, G explosion
cctv  A normal, B1 fighting
ucf   Normal, Abuse, Arrest, Arson, Assault, Burglary, Explosion, Fighting, RoadAccidents, Robbery, Shooting,
      Shoplifting, Stealing, Vandalism

A video is known by its file's name without folder and suffix, so two files may not share it.
"""

import argparse
import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.json_text import parse_json
from extract.base.names import on_disk, one_form
from extract.base.progress import say, track
from extract.catalog import SPLITS, Segment, Video, check_video_id, write_catalog
from extract.cut_videos import TAKE, add_cut
from extract.datasets import UCF
from extract.labels.flags import add_classes, chosen
from extract.labels.label_set import LabelSet, same_to_a_reader
from extract.lists.annotation_lines import read_lines, report
from extract.lists.feature_list import parse_labels
from extract.lists.review_tools import TOOLS
from extract.lists.video_sources import files_by_stem

if TYPE_CHECKING:
    from extract.media.decode import Timeline

NEEDED = ("video", "split", "labels")
FIELDS = (*NEEDED, "segments", "unit")
UNITS = ("seconds", "frames")
FIX = "python -m extract.own --help shows what it looks like"
_EVENT = re.compile(r"(?P<label>\S.*?)\s+(?P<start>[0-9]+(?:\.[0-9]+)?)\s+(?P<end>[0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True)
class Event:
    """An event as the list counts it.

    Attributes:
        label: Label code.
        start: Where it begins, in the row's unit.
        end: Where it ends, in the row's unit.
    """

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Row:
    """One line of the list, checked.

    Attributes:
        video: The file, relative to the folder of videos.
        split: ``train`` or ``test``.
        labels: Label codes.
        events: What happens when.
        unit: ``seconds`` or ``frames``; empty without events.
        path: The list.
        line: Number of its line.
        where: List and line, for messages.
    """

    video: PurePosixPath
    split: str
    labels: tuple[str, ...]
    events: tuple[Event, ...]
    unit: str
    path: Path
    line: int
    where: str

    @property
    def video_id(self) -> str:
        """The file's stem."""
        return self.video.stem


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.own", __doc__, writes="--out (a catalog, JSON Lines)", whole=True)
    parser.add_argument("--videos", type=Path, required=True, metavar="DIR", help="folder of the videos, at any depth")
    parser.add_argument(
        "--list", type=Path, nargs="+", required=True, metavar="FILE", help="the list, .csv or JSON Lines, or several"
    )
    parser.add_argument("--form", choices=("list", *TOOLS), default="list", help="what the list is")
    parser.add_argument(
        "--split", choices=SPLITS, help=f"of all videos that a review tool exported (default: {SPLITS[0]})"
    )
    add_classes(parser)
    add_cut(parser)
    parser.add_argument("--out", type=Path, required=True, help="catalog to write (JSON Lines)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog."""
    arguments = parser().parse_args(argv)
    labels = chosen(arguments)
    if arguments.form == "list":
        if arguments.split is not None:
            raise InputError("--split: a list says for each video itself; leave it out, or say --form")
        rows = read_lists(arguments.list, labels)
    else:
        split = arguments.split or SPLITS[0]
        rows = read_reviewed(arguments.list, arguments.form, split, arguments.videos, labels)
    _refuse_absent(rows, arguments.videos)
    _say_unlisted(rows, arguments.videos)
    for path in arguments.list:
        report(
            path,
            [row.line for row in rows if row.path == path and row.split == "train" and row.events],
            "with segments of a training video, which are not used",
        )
    videos = [
        video_of(row, arguments.videos, labels, cut=arguments.cut == TAKE)
        for row in track(rows, label="frame times", total=len(rows), unit="videos")
    ]
    write_catalog(arguments.out, videos, () if arguments.classes is None else labels.codes)
    train = sum(video.split == "train" for video in videos)
    print(f"{arguments.out}: {train} train and {len(videos) - train} test videos")


def read_lists(paths: Sequence[Path], labels: LabelSet) -> list[Row]:
    """Read and check lists; see the module.

    Args:
        paths: The lists; a name that ends in ``.csv`` makes it CSV, any other JSON Lines.
        labels: The label set.

    Raises:
        InputError: Naming file and line, if a line is malformed or two videos share a name.
    """
    rows: list[Row] = []
    for path in paths:
        fields = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
        if not fields:
            raise InputError(f"{path}: lists no video; {FIX}")
        rows += [_parse_row(values, labels, path, line, f"{path}, line {line}") for line, values in fields]
    return _with_names_of_their_own(rows)


def read_reviewed(paths: Sequence[Path], form: str, split: str, folder: Path, labels: LabelSet) -> list[Row]:
    """Read and check exports of a review tool; see the module.

    Args:
        paths: The exports.
        form: Of which tool, one of ``TOOLS``.
        split: ``train`` or ``test``, of all of them.
        folder: The folder of videos, in which those that are known by their stem alone are looked up.
        labels: The label set.

    Raises:
        InputError: Naming file and video, if one is malformed, absent or there twice.
    """
    rows: list[Row] = []
    stems = files_by_stem(folder)
    for path in paths:
        videos, waiting = TOOLS[form](path)
        if waiting:
            say(f"{path}: {waiting} videos that nobody has reviewed are left out")
        for number, video in enumerate(videos, start=1):
            where = f"{path}, {video.name!r}"
            events = [{"label": one.label, "start": one.start, "end": one.end} for one in video.events]
            values = {
                "video": _file_of(video.name, folder, stems, where),
                "split": split,
                "labels": "-".join(dict.fromkeys(_code(one.label, labels, where) for one in video.events))
                or labels.normal,
                "segments": events,
                "unit": "frames",
            }
            rows.append(_parse_row(values, labels, path, number, where))
    if not rows:
        raise InputError(f"{paths[0]}: has no reviewed video; review some, or name the right export")
    return _with_names_of_their_own(rows)


def _file_of(name: str, folder: Path, stems: Mapping[str, Sequence[Path]], where: str) -> str:
    """Give a video's file within the folder; a name that is no file's is a stem."""
    if on_disk(folder, PurePosixPath(one_form(name))).is_file():
        return name
    found = stems.get(one_form(name), [])
    if len(found) != 1:
        raise InputError(f"{where}: {folder} has {len(found)} videos of this name; there must be one")
    return found[0].relative_to(folder).as_posix()


def _with_names_of_their_own(rows: Sequence[Row]) -> list[Row]:
    known: dict[str, Row] = {}
    for row in rows:
        if row.video_id in known:
            other = known[row.video_id]
            place = f"line {other.line}" if other.path == row.path else other.where
            raise InputError(
                f"{row.where}: {row.video} has the same name as {other.video} in {place}; keep one of them, or rename "
                "one"
            )
        known[row.video_id] = row
    return list(known.values())


def video_of(row: Row, folder: Path, labels: LabelSet, *, cut: bool = False) -> Video:
    """Make a video's line of the catalog. Only test videos with events are opened.

    Args:
        row: Its line of the list.
        folder: The folder of videos.
        labels: The label set.
        cut: Whether to take a file that seems to be cut short.

    Raises:
        InputError: Naming list, line and video, if it cannot be read or an event lies beyond its end.
    """
    path = on_disk(folder, row.video)
    if row.split == "train":
        return Video(row.video_id, row.split, str(path), row.labels)
    if not row.events:
        # UCF-Crime's evaluation counts nothing for a normal video, the others its whole length as normal.
        return Video(row.video_id, row.split, str(path), row.labels, () if labels.name == UCF.name else None)
    from extract.media.decode import UnreadableVideo
    from extract.media.frame_times import known_fps
    from extract.media.reading import read_timeline

    try:
        timeline = read_timeline(path, cut=cut)
    except UnreadableVideo as error:
        raise InputError(f"{row.where}: {path}: {error}; mend the file or remove this line") from None
    segments = tuple(_segment(event, row, timeline) for event in row.events)
    return Video(
        row.video_id,
        row.split,
        str(path),
        row.labels,
        segments,
        len(timeline.starts),
        known_fps(timeline),
        cut=timeline.cut,
    )


def _segment(event: Event, row: Row, timeline: "Timeline") -> Segment:
    from extract.media.frame_times import frames_between, length_seconds

    if row.unit == "frames":
        frames = len(timeline.starts)
        if event.end > frames:
            raise InputError(
                f"{row.where}: {event.label} ends at frame {int(event.end)}, but {row.video} has {frames} frames"
            )
        return Segment(event.label, int(event.start), int(event.end))
    length = length_seconds(timeline)
    # Players round; a frame more is no mistake.
    if event.start >= length or event.end > length + timeline.frame_seconds:
        raise InputError(
            f"{row.where}: {event.label} lasts from {event.start} to {event.end} s, but {row.video} ends at "
            f"{length:.3f} s"
        )
    return Segment(event.label, *frames_between(timeline.starts, event.start, event.end))


def _csv_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    lines = read_lines(path, FIX)
    reader = csv.reader((text for _, text in lines), strict=True)
    try:
        cells = [(lines[reader.line_num - 1][0], row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}, line {lines[reader.line_num - 1][0]}: no CSV: {error}") from None
    columns = [name.strip() for name in cells[0][1]]
    if not set(NEEDED) <= set(columns) <= set(FIELDS) or len(set(columns)) < len(columns):
        raise InputError(
            f"{path}, line {cells[0][0]}: columns are {', '.join(columns)}; needed are {', '.join(NEEDED)}, and "
            "segments and unit where something happens"
        )
    for number, row in cells[1:]:
        if len(row) != len(columns):
            raise InputError(f"{path}, line {number}: has {len(row)} cells, not {len(columns)} as the header has")
    return [(number, dict(zip(columns, row, strict=True))) for number, row in cells[1:]]


def _json_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for number, line in read_lines(path, FIX):
        where = f"{path}, line {number}"
        try:
            values = parse_json(line)
        except ValueError as error:
            raise InputError(f"{where}: no JSON: {error}; a list whose name ends in .csv is read as CSV") from None
        if not isinstance(values, dict):
            raise InputError(f"{where}: no JSON object; {FIX}")
        unknown = [name for name in values if name not in FIELDS]
        if unknown:
            raise InputError(f"{where}: unknown field {unknown[0]!r}; there are {', '.join(FIELDS)}")
        rows.append((number, values))
    return rows


def _parse_row(values: Mapping[str, Any], labels: LabelSet, path: Path, line: int, where: str) -> Row:
    split = _text(values, "split", where)
    if split not in SPLITS:
        raise InputError(f"{where}: split is {split!r}; it must be train or test")
    codes = _parse_labels(_text(values, "labels", where), labels, where)
    events = _parse_events(values.get("segments"), labels, where)
    row = Row(
        video=_parse_path(_text(values, "video", where), where),
        split=split,
        labels=codes,
        events=events,
        unit=_parse_unit(values, events, where),
        path=path,
        line=line,
        where=where,
    )
    _check_events(row, labels)
    return row


def _text(values: Mapping[str, Any], name: str, where: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {name} is missing; it must be text")
    return value.strip()


def _parse_path(text: str, where: str) -> PurePosixPath:
    path = PurePosixPath(one_form(text))
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: video {text!r} must be a path inside the folder of videos, without '..'")
    try:
        check_video_id(path.stem)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return path


def _parse_labels(text: str, labels: LabelSet, where: str) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(_code(name, labels, where) for name in parse_labels(text, where)))
    if labels.normal in codes and len(codes) > 1:
        raise InputError(f"{where}: labels {text!r} say normal and not normal; keep one of the two")
    return codes


def _code(name: str, labels: LabelSet, where: str) -> str:
    words = dict(zip(labels.codes, labels.words, strict=True))
    for code, word in words.items():
        if same_to_a_reader(name) in (same_to_a_reader(code), same_to_a_reader(word)):
            return code
    known = ", ".join(
        code if same_to_a_reader(code) == same_to_a_reader(word) else f"{code} ({word})" for code, word in words.items()
    )
    raise InputError(f"{where}: unknown label {name.strip()!r}; label set {labels.name} has {known}")


def _parse_events(value: Any, labels: LabelSet, where: str) -> tuple[Event, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        parts = [_match(part.strip(), where) for part in value.split(";") if part.strip()]
    elif isinstance(value, list):
        parts = [_members(entry, where) for entry in value]
    else:
        raise InputError(f"{where}: segments must be text or a list, not {value!r}")
    return tuple(Event(_code(label, labels, where), start, end) for label, start, end in parts)


def _match(part: str, where: str) -> tuple[str, float, float]:
    match = _EVENT.fullmatch(part)
    if match is None:
        raise InputError(f"{where}: segment {part!r} must be a label, start and end, as in 'B1 12.5 14.0; B1 20 31'")
    return match["label"], float(match["start"]), float(match["end"])


def _members(entry: Any, where: str) -> tuple[str, float, float]:
    if not isinstance(entry, dict) or set(entry) != {"label", "start", "end"} or not isinstance(entry["label"], str):
        raise InputError(f"{where}: segments must be objects with label, start and end, not {entry!r}")
    for name in ("start", "end"):
        if not isinstance(entry[name], int | float) or isinstance(entry[name], bool):
            raise InputError(f"{where}: {name} of a segment must be a number, not {entry[name]!r}")
    return entry["label"], entry["start"], entry["end"]


def _parse_unit(values: Mapping[str, Any], events: Sequence[Event], where: str) -> str:
    unit = values.get("unit") or ""
    unit = unit.strip() if isinstance(unit, str) else unit
    if unit not in ("", *UNITS) or (events and not unit):
        raise InputError(f"{where}: unit is {unit!r}; where there are segments it must be seconds or frames")
    return str(unit)


def _check_events(row: Row, labels: LabelSet) -> None:
    for event in row.events:
        if not 0 <= event.start < event.end < math.inf:
            raise InputError(f"{row.where}: {event.label} {event.start} {event.end} must have 0 <= start < end")
        if row.unit == "frames" and (event.start % 1 or event.end % 1):
            raise InputError(f"{row.where}: {event.label} {event.start} {event.end} must be whole frames")
        if event.label not in row.labels:
            raise InputError(
                f"{row.where}: segment {event.label} is not among the labels {'-'.join(row.labels)}; add it to them"
            )
    if row.split == "test" and not row.events and row.labels != (labels.normal,):
        raise InputError(
            f"{row.where}: {row.video} is a test video labelled {'-'.join(row.labels)} but has no segments; add them"
        )


def _refuse_absent(rows: Sequence[Row], folder: Path) -> None:
    absent = [row for row in rows if not on_disk(folder, row.video).is_file()]
    if absent:
        raise InputError(
            f"{absent[0].where}: {folder / absent[0].video} is absent, as are {len(absent)} of {len(rows)} listed "
            "videos in all; put them there, mend the path, or remove their lines"
        )


def _say_unlisted(rows: Sequence[Row], folder: Path) -> None:
    listed = {on_disk(folder, row.video) for row in rows}
    found = [path for paths in files_by_stem(folder).values() for path in paths]
    others = [path for path in found if path not in listed]
    if others:
        say(f"{folder}: {len(others)} videos are not in the list and left out, first {others[0]}")


if __name__ == "__main__":
    command.run(main)
