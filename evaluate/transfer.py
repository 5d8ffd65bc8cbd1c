"""``python -m evaluate.transfer``: trained on one data set, scored on another, over the classes that both have.

Every checkpoint scores the test videos of every set. A video counts if all its labels are classes of both sets,
compared by their words; where one set only tells normal from abnormal, every video counts, and no mAP is given. AP and
AUC are those of protocol ``released``, the mAP is the average over the IoU thresholds of the abnormal classes that both
have. Where training and test set are the same one, all its videos and classes count.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.branches import BRANCHES
from evaluate.score import add_scoring
from evaluate.shared_classes import SharedClasses, shared_classes
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.progress import say

if TYPE_CHECKING:
    from evaluate.annotated import Annotated
    from evaluate.scores_file import ScoredVideo
    from extract.catalog import Video
    from train.checkpoint import Checkpoint
    from train.samples import Entry, Split

MEASURES = ("ap", "auc", "map")
ANY_CLASSES = "normal, any anomaly"
COLUMNS = (
    *("trained_on", "method", "scored_on", "classes", "videos", "runs"),
    *(f"{measure}_{part}" for measure in MEASURES for part in ("mean", "std")),
    "note",
)


@dataclass(frozen=True)
class Cell:
    """How one checkpoint does on one data set.

    Attributes:
        trained_on: The data set that it was trained on.
        method: Its model.
        scored_on: The data set.
        classes: Classes that both have, in words.
        videos: Test videos that count.
        ap: Frame-level AP in percent; NaN where no frame is abnormal.
        auc: Frame-level ROC AUC in percent, likewise.
        map: Average mAP in percent; NaN where no classes can be compared.
        note: What is to be known of it.
    """

    trained_on: str
    method: str
    scored_on: str
    classes: str
    videos: int
    ap: float
    auc: float
    map: float
    note: str


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.transfer", __doc__, writes="--out (CSV)")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", required=True, help="safetensors files that train.run wrote, of any sets"
    )
    parser.add_argument(
        "--shards", type=Path, nargs="+", required=True, help="folders of test-00000.h5, ..., one for each set to score"
    )
    parser.add_argument(
        "--catalog", type=Path, nargs="+", required=True, help="their catalogs, in the same order (JSON Lines)"
    )
    parser.add_argument(
        "--branch", choices=tuple(BRANCHES), default="classification", help="whose score AP and AUC take"
    )
    add_scoring(parser)
    parser.add_argument("--out", type=Path, required=True, help="table to write, one line a cell (CSV)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the matrix."""
    arguments = parser().parse_args(argv)
    if len(arguments.shards) != len(arguments.catalog):
        raise InputError(
            f"--catalog: {len(arguments.catalog)} catalogs are given for {len(arguments.shards)} folders of --shards; "
            "give one for each, in the same order"
        )

    import torch

    from extract.base.device import exact_arithmetic, take_device
    from extract.catalog import read_test_videos
    from train.checkpoint import load_for_scoring
    from train.samples import Split

    torch.set_num_threads(arguments.threads)
    device = take_device(arguments.device, arguments.threads)
    refuse_equal_names(arguments.shards)
    tests = [read_test_videos(path) for path in arguments.catalog]
    cells = []
    for path in arguments.checkpoint:
        checkpoint = load_for_scoring(path, device)
        for shards, catalog, videos in zip(arguments.shards, arguments.catalog, tests, strict=True):
            with Split(shards, "test") as split, exact_arithmetic():
                say(f"{path}: on {shards}")
                cells.append(measured(checkpoint, path, split, shards, videos, catalog, arguments))
    write_text(arguments.out, spelled(cells))
    print(f"{arguments.out}: {len(arguments.checkpoint)} checkpoints on {len(arguments.shards)} data sets")


def refuse_equal_names(folders: Sequence[Path]) -> None:
    """Refuse sets that the table could not tell apart.

    Raises:
        InputError: If the shards of two folders are of one data set.
    """
    from train.samples import Split

    known: dict[str, Path] = {}
    for folder in folders:
        with Split(folder, "test") as split:
            name = split.header.label_set(folder).name
        if name in known:
            raise InputError(f"{folder}: is of data set {name!r}, as {known[name]} is; a matrix tells sets by name")
        known[name] = folder


def measured(
    checkpoint: Checkpoint,
    path: Path,
    split: Split,
    shards: Path,
    tests: dict[str, Video],
    catalog: Path,
    arguments: argparse.Namespace,
) -> Cell:
    """Score one data set with one checkpoint and measure what both have in common.

    Args:
        checkpoint: What scores.
        path: Its file, for messages.
        split: The test shards.
        shards: Their folder, for messages.
        tests: The data set's test videos by id.
        catalog: Where they come from, for messages.
        arguments: ``branch``, ``crop`` and ``allow_mismatch``.

    Raises:
        InputError: If the features are of another kind and that is not allowed, or shards and catalog do not fit.
    """
    from evaluate.annotated import ScoredSet, annotate, joined_frames
    from evaluate.frame_level import frame_metrics
    from evaluate.score import check_match
    from evaluate.scores_file import ScoresHeader

    header = checkpoint.header
    trained, scored = header.label_set(path), split.header.label_set(shards)
    shared, words = shared_classes(trained, scored), dict(zip(scored.codes, scored.words, strict=True))
    mismatch = check_match(checkpoint, split.header, path, allowed=arguments.allow_mismatch)
    columns = _columns(shared, header.scored_classes, tells=header.architecture.tells_classes)
    codes = tuple(code for _, code in shared.pairs) if columns else scored.codes
    scores_header = ScoresHeader(split.header.stride, codes, tells_classes=columns is not None)
    for entry in split.entries:
        if entry.video.video_id not in tests:
            raise InputError(f"{catalog}: has no test video {entry.video.video_id!r} of {shards}; give its catalog")
    counted = [entry for entry in split.entries if shared.counts(tests[entry.video.video_id].labels)]
    if not counted:
        raise InputError(f"{shards}: none of its videos has only classes that {trained.name} and {scored.name} share")
    crop = header.scoring_crop if arguments.crop is None else arguments.crop
    try:
        videos = tuple(
            annotate(tests[video_id], scores, scores_header)
            for video_id, scores in _scored(checkpoint, counted, crop, columns)
        )
    except InputError as error:
        raise InputError(f"{catalog}: {error}") from None
    frames = frame_metrics(
        joined_frames(ScoredSet(shards, catalog, scores_header, videos), BRANCHES[arguments.branch], "released")
    )
    words = dict(zip(scored.codes, scored.words, strict=True))
    return Cell(
        trained_on=trained.name,
        method=header.architecture.model,
        scored_on=scored.name,
        classes=ANY_CLASSES if shared.any_anomaly else ", ".join(words[code] for _, code in shared.pairs),
        videos=len(videos),
        ap=100 * frames.ap,
        auc=100 * frames.auc,
        map=_average_map(videos, codes, split.header.stride) if columns else math.nan,
        note="; ".join(dict.fromkeys(filter(None, (*mismatch, header.note, split.header.note)))),
    )


def spelled(cells: Sequence[Cell]) -> str:
    """Spell the cells as CSV: runs of one method and training set become one line, mean and standard deviation."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.trained_on, cell.method, cell.scored_on), []).append(cell)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for key, runs in groups.items():
        figures = [part for measure in MEASURES for part in _mean_and_spread([getattr(run, measure) for run in runs])]
        notes = "; ".join(dict.fromkeys(run.note for run in runs if run.note))
        writer.writerow([*key, runs[0].classes, runs[0].videos, len(runs), *figures, notes])
    return text.getvalue()


def _columns(shared: SharedClasses, scored_classes: Sequence[str], *, tells: bool) -> list[int] | None:
    """Give the model's column of each class that both sets have; ``None`` where there are no classes to compare."""
    if not tells or shared.any_anomaly or len(shared.pairs) < 2:
        return None
    if any(code not in scored_classes for code, _ in shared.pairs):
        return None
    return [list(scored_classes).index(code) for code, _ in shared.pairs]


def _scored(
    checkpoint: Checkpoint, entries: Sequence[Entry], crop: int, columns: list[int] | None
) -> Iterator[tuple[str, ScoredVideo]]:
    import numpy as np

    from evaluate.scores_file import ScoredVideo
    from train.scoring import score_videos

    architecture = checkpoint.header.architecture
    scored = score_videos(checkpoint.network, checkpoint.text, entries, crop, architecture.max_snippets)
    for entry, scores in scored:
        alignment = 1 - scores.classes[:, 0] if architecture.tells_classes else scores.anomaly
        kept = scores.classes[:, columns] if columns else np.stack([1 - alignment, alignment], axis=1)
        yield entry.video.video_id, ScoredVideo(scores.anomaly, alignment, kept, entry.video.frames)


def _average_map(videos: Sequence[Annotated], codes: Sequence[str], stride: int) -> float:
    from evaluate.detection_map import abnormal_map, detection_ap

    found = detection_ap([one.scores.classes for one in videos], [one.segments for one in videos], codes, stride)
    return 100 * float(abnormal_map(found).mean())


def _mean_and_spread(values: Sequence[float]) -> tuple[str, str]:
    if any(map(math.isnan, values)):
        return "", ""
    return f"{statistics.fmean(values):.2f}", f"{statistics.stdev(values):.2f}" if len(values) > 1 else ""


if __name__ == "__main__":
    command.run(main)
