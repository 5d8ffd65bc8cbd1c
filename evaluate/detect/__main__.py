"""``python -m evaluate.detect``: your own videos, from the file to what happened in them and when.

A video is decoded, embedded and scored in one go, by the same functions as the data sets and with the checkpoint's own
stride and crop. For ``VIDEO`` the folder ``--out`` then holds ``<id>.csv`` (a line a snippet), ``<id>.json`` (the
detections and how they came about), the figure ``<id>.png`` and ``<id>.svg``, and ``<id>.html``, a page in which
the video plays above its scores. Of a folder every video below it is done: ``detections.csv`` lists the detections of
all, ``failures.csv`` the videos that failed, ``index.html`` leads to all pages. Nothing is downloaded.

The anomaly says whether something happens: a detection is where either branch reaches ``--threshold``. The classes say
what it is: where none reaches ``--class-threshold``, the detection is called "anomaly" and the likeliest are named.
With ``--classes`` these are others than the checkpoint was trained with; all that is written says "not trained" behind
the name of a class of which the training had no examples.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evaluate.detect.level import add_level, given_level, said_of
from evaluate.detect.options import (
    add_class_level,
    add_computing,
    add_models,
    add_runtime,
    check_options,
    ready_tools,
)
from evaluate.given_classes import add_given_classes, given_classes
from evaluate.pages.html import INDEX
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.names import one_form
from extract.base.progress import say
from extract.catalog import Video, check_video_id, read_catalog
from extract.cut_videos import add_cut
from extract.failures import Failure, describe, write_failures
from extract.lists.label_studio import CONFIGURATION, TASKS
from extract.lists.review_tools import LABEL_STUDIO, TOOLS
from extract.lists.video_sources import files_by_stem

if TYPE_CHECKING:
    from evaluate.detect.export import Detected
    from evaluate.detect.models import Tools
    from evaluate.pages.index_page import Entry

STAGE = "detect"
FAILURES = "failures.csv"
DETECTIONS = "detections.csv"


class Thresholds(NamedTuple):
    """From where on something is said.

    Attributes:
        anomaly: Least anomaly of a detection.
        named: Least probability of a class for a detection to have its name.
        says: How the least anomaly was chosen; empty if the user said it.
    """

    anomaly: float
    named: float
    says: str = ""


class Places(NamedTuple):
    """Where things lie.

    Attributes:
        out: Folder of what is written.
        folder: Folder of the videos.
        truth: What a catalog says of them, by id.
    """

    out: Path
    folder: Path
    truth: Mapping[str, Video]


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser(
        "evaluate.detect",
        __doc__,
        writes="ID.csv, ID.json, ID.png, ID.svg and ID.html of each video into --out, and for a folder of videos "
        "detections.csv, failures.csv and index.html; with --export what a review tool imports",
    )
    parser.add_argument("videos", type=Path, metavar="VIDEO|FOLDER", help="a video, or a folder searched to any depth")
    add_models(parser, "videos without an audio stream")
    add_given_classes(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--catalog", type=Path, help="catalog whose annotated events the pages show beside what is found"
    )
    parser.add_argument(
        "--export",
        nargs="+",
        choices=tuple(TOOLS),
        default=(),
        help="write what is detected for a review tool too; extract.own takes what was corrected there",
    )
    add_level(parser, "a detection")
    add_class_level(parser, "a detection")
    add_cut(parser)
    add_computing(parser, "the result will say so")
    add_runtime(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Detect."""
    arguments = parser().parse_args(argv)
    check_options(arguments)
    threshold, point = given_level(arguments.operating_point, arguments.threshold)
    found = videos_below(arguments.videos)
    if LABEL_STUDIO in arguments.export:
        _refuse_taken(found, (TASKS, CONFIGURATION))
    truth = {} if arguments.catalog is None else {one.video_id: one for one in read_catalog(arguments.catalog)}
    if arguments.catalog is not None:
        _say_unlisted(arguments.catalog, found, truth)
    places = Places(arguments.out, arguments.videos if arguments.videos.is_dir() else arguments.videos.parent, truth)

    from evaluate.detect.export import export
    from evaluate.detect.files import detections_csv
    from evaluate.pages.index_page import spell
    from extract.base.progress import track

    tools = ready_tools(arguments, STAGE, classes=given_classes(arguments), cut=arguments.cut)
    says = said_of(point, arguments, tools.model, STAGE) if point else ""
    thresholds = Thresholds(threshold, arguments.class_threshold, says)
    done: dict[str, tuple[Detected, Entry]] = {}
    failures: list[Failure] = []
    for video_id, paths in track(found.items(), label=STAGE, total=len(found), unit="videos"):
        result = _detect(video_id, paths, tools, thresholds, places)
        if isinstance(result, Failure):
            failures.append(result)
            print(f"{STAGE}: {video_id}: {result.reason}", file=sys.stderr)
        else:
            done[video_id] = result
    if arguments.videos.is_dir():
        detections = {video_id: detected.detections for video_id, (detected, _) in done.items()}
        write_text(arguments.out / DETECTIONS, detections_csv(detections))
        write_failures(arguments.out / FAILURES, failures)
        failed = [(one.video_id, one.reason) for one in failures]
        write_text(arguments.out / INDEX, spell([entry for _, entry in done.values()], failed))
    for form in arguments.export if done else ():
        export(form, [detected for detected, _ in done.values()], arguments.out)
    if failures:
        raise InputError(f"{len(failures)} of {len(found)} videos failed: {describe(failures)}")


def videos_below(path: Path) -> dict[str, list[Path]]:
    """Give the videos of a folder, or the one, by id.

    Raises:
        InputError: If there is none, or a name cannot name the results.
    """
    if path.is_dir():
        found = files_by_stem(path)
        _refuse_taken(found, (FAILURES, DETECTIONS, INDEX))
        return found
    if not path.is_file():
        raise InputError(f"{path}: no such video or folder")
    try:
        return {check_video_id(one_form(path.stem)): [path]}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _refuse_taken(found: Mapping[str, Sequence[Path]], names: Sequence[str]) -> None:
    for name in names:
        if Path(name).stem in found:
            raise InputError(f"{found[Path(name).stem][0]}: its results would replace {name}; rename the video")


def _say_unlisted(catalog: Path, found: Mapping[str, Sequence[Path]], truth: Mapping[str, Video]) -> None:
    unlisted = [video_id for video_id in found if video_id not in truth]
    if unlisted:
        say(
            f"{STAGE}: {catalog} does not name {len(unlisted)} of {len(found)} videos, first {unlisted[0]}; their "
            "pages show nothing annotated"
        )


def _detect(
    video_id: str, paths: Sequence[Path], tools: Tools, thresholds: Thresholds, places: Places
) -> Failure | tuple[Detected, Entry]:
    """Do one video and write its files; give its detections and its line of the index, or the reason if it failed."""
    from evaluate.detect.detections import detect_events
    from evaluate.detect.export import Detected
    from evaluate.detect.files import anomaly_of, compose, detections_json, detections_of, scores_csv
    from evaluate.detect.page import compose_page, entry_of, frames_to_see
    from evaluate.detect.scoring import score_video
    from evaluate.pages.video_page import spell
    from evaluate.report.thumbnails import glimpse
    from evaluate.report.timeline import draw
    from extract.media.audio_track import UnreadableAudio
    from extract.media.decode import UnreadableVideo
    from extract.workfile import UnstorableError

    if len(paths) > 1:
        return Failure(video_id, STAGE, f"{paths[1]}: {paths[0]} has the same name; keep one of them")
    try:
        scored = score_video(paths[0], tools)
        anomaly, columns = anomaly_of(scored), range(1, len(scored.model.codes))
        found = detect_events(anomaly, scored.scores.classes, columns, thresholds.anomaly, thresholds.named)
        frames = frames_to_see(scored, found)
        seen = glimpse(paths[0], threads=tools.threads, moments=list(dict.fromkeys(frames.values())))
    except (UnreadableVideo, UnreadableAudio, UnstorableError) as error:
        return Failure(video_id, STAGE, f"{paths[0]}: {error}")
    for note in scored.notes:
        print(f"{STAGE}: {video_id}: {note}", file=sys.stderr)
    if thresholds.says:
        scored.notes.append(thresholds.says)
        if scored.model is not tools.model:
            scored.notes.append(f"that threshold is the {tools.model.name}'s, not the {scored.model.name}'s")
    detections = detections_of(scored, found)
    if not detections:
        print(
            f"{STAGE}: {video_id}: no detection; its anomaly reaches {anomaly.max():.3f}, and --threshold is "
            f"{thresholds.anomaly:g}",
            file=sys.stderr,
        )
    out, listed = places.out, paths[0].relative_to(places.folder).as_posix()
    drawing, page = compose(scored, found, seen, thresholds.anomaly), out / f"{video_id}.html"
    truth = places.truth.get(video_id)
    shown = compose_page(scored, drawing, detections, seen, frames, truth, thresholds.named, listed, page)
    draw(drawing, out / f"{video_id}.png", out / f"{video_id}.svg")
    write_text(out / f"{video_id}.csv", scores_csv(scored))
    write_text(out / f"{video_id}.json", detections_json(scored, detections, thresholds.anomaly, thresholds.named))
    write_text(page, spell(shown))
    fps = None if math.isnan(scored.fps) else scored.fps
    return Detected(listed, paths[0], fps, scored.model, detections), entry_of(shown, page)


if __name__ == "__main__":
    command.run(main)
