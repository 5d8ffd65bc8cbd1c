"""``python -m evaluate.learning``: does a method learn, or would chance do as well?

Each method's frame-level average precision over several seeds stands beside three controls: the share of
abnormal frames (what random scores reach), the same networks untrained, and the same networks trained on
labels dealt out at random. ``learns`` says whether the mean exceeds all three by more than twice the method's standard
deviation over seeds; ``learns_beyond_both_spreads`` asks the same of the larger of its own and the control's deviation,
because networks that learned nothing scatter widely.

On the generated demo data the same is told apart by how an event can be noticed: each group of violent test videos
is measured together with the plain normal ones, and all violent ones together with the misleading normal ones.
"""

import argparse
import csv
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.branches import BRANCHES
from extract.base import command
from extract.base.csv_table import read_csv
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.printable import cell
from extract.catalog import Video, read_test_videos

if TYPE_CHECKING:
    from evaluate.annotated import ScoredSet

CONTROLS = ("untrained", "shuffled")
ALL = "all"
# Groups of test videos, as kinds of `test_kinds.csv`; every group has violent and normal videos.
GROUPS = {
    "heard_only": {"heard_only", "plain_normal"},
    "seen_only": {"seen_only", "plain_normal"},
    "seen_and_heard": {"seen_and_heard", "plain_normal"},
    "misleading_normal": {"heard_only", "seen_only", "seen_and_heard", "misleading_normal"},
}


@dataclass(frozen=True)
class Aps:
    """Average precision in percent of one method and control, one value a seed.

    Attributes:
        values: By group of test videos; ``all`` is every test video.
        chance: Share of abnormal frames of each group in percent, which random scores reach.
        remarks: What the scores were made with.
    """

    values: dict[str, list[float]]
    chance: dict[str, float]
    remarks: str

    def mean(self, group: str = ALL) -> float:
        """Mean over seeds."""
        return statistics.fmean(self.values[group])

    def deviation(self, group: str = ALL) -> float:
        """Sample standard deviation over seeds."""
        return statistics.stdev(self.values[group])


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.learning", __doc__, writes="--out (CSV)")
    parser.add_argument("--catalog", type=Path, required=True, help="catalog with the test videos' segments")
    parser.add_argument("--kinds", type=Path, required=True, help="test_kinds.csv of the generated data set")
    parser.add_argument(
        "--scores",
        nargs=3,
        action="append",
        required=True,
        metavar=("METHOD", "CONTROL", "FILE"),
        help="scores of one seed; CONTROL is trained, untrained or shuffled; repeat for every seed",
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the comparison."""
    arguments = parser().parse_args(argv)
    videos = read_test_videos(arguments.catalog)
    kinds = read_kinds(arguments.kinds)
    _check_kinds(kinds, videos, arguments.kinds, arguments.catalog)
    files: dict[str, dict[str, list[Path]]] = {}
    for method, control, path in arguments.scores:
        files.setdefault(method, {}).setdefault(control, []).append(Path(path))
    rows = [
        row(
            method,
            branch,
            {name: measure(paths, videos, arguments.catalog, kinds, branch) for name, paths in by_control.items()},
        )
        for method, by_control in files.items()
        for branch in branches(next(iter(by_control.values()))[0])
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(text) for name, text in line.items()} for line in rows)
    write_text(arguments.out, text.getvalue())


def branches(path: Path) -> tuple[str, ...]:
    """Name the branches that a scores file tells apart; a method that scores anomaly alone has one."""
    from evaluate.scores_file import read_scores

    header, _ = read_scores(path)
    return tuple(BRANCHES) if header.tells_classes else ("classification",)


def read_kinds(path: Path) -> dict[str, str]:
    """Read ``video_id,kind`` lines.

    Raises:
        InputError: If the file cannot be read or a column is missing.
    """
    header, lines = read_csv(path, "a list of kinds (CSV)")
    if not lines or not {"video_id", "kind"} <= set(header):
        raise InputError(f"{path}: needs the columns video_id and kind, and at least one line")
    return {line["video_id"]: line["kind"] for _, line in lines}


def _check_kinds(kinds: Mapping[str, str], videos: Iterable[str], path: Path, catalog: Path) -> None:
    found = set()
    for video_id in videos:
        if video_id not in kinds:
            raise InputError(f"{path}: lacks test video {video_id!r} of {catalog}; give the list of the same data set")
        found.add(kinds[video_id])
    for of_group in GROUPS.values():
        if not found & of_group:
            raise InputError(f"{path}: no test video of {catalog} is of kind {' or '.join(sorted(of_group))}")


def measure(
    paths: Sequence[Path], videos: Mapping[str, Video], catalog: Path, kinds: Mapping[str, str], branch: str
) -> Aps:
    """Measure the seeds of one method and control.

    Args:
        paths: A scores file for each seed.
        videos: The catalog's test videos by id.
        catalog: The catalog, for messages.
        kinds: Kind of every test video.
        branch: Whose anomaly score to measure.

    Returns:
        The average precisions, and what they were measured on.

    Raises:
        InputError: If a scores file does not fit the catalog or lacks a test video.
    """
    from evaluate.annotated import read_annotated

    values: dict[str, list[float]] = {group: [] for group in (ALL, *GROUPS)}
    chance: dict[str, float] = {}
    for path in paths:
        scored = read_annotated(path, videos, catalog)
        if scored.missing:
            raise InputError(f"{path}: has no scores of test video {scored.missing[0]!r}")
        for group in values:
            chosen = [one for one in scored.videos if group == ALL or kinds[one.video.video_id] in GROUPS[group]]
            ap, chance[group] = _average_precision(replace(scored, videos=tuple(chosen)), branch)
            values[group].append(ap)
    made_with = scored.header.provenance
    remarks = [made_with.encoders, f"selection: {made_with.selection}", made_with.recipe, made_with.note]
    return Aps(values, chance, "; ".join(remark for remark in remarks if remark))


def row(method: str, branch: str, measured: dict[str, Aps]) -> dict[str, str]:
    """Compose one line of the comparison.

    Args:
        method: Name of the method.
        branch: Whose anomaly score was measured.
        measured: ``trained``, ``untrained`` and ``shuffled``.

    Raises:
        InputError: If one of the three is absent or has fewer than two seeds.
    """
    for control in ("trained", *CONTROLS):
        if control not in measured or len(measured[control].values[ALL]) < 2:
            raise InputError(f"--scores: {method} needs at least two seeds of {control}")
    trained = measured["trained"]
    chance = trained.chance[ALL]
    cells = {
        "method": method,
        "branch": branch,
        "seeds": str(len(trained.values[ALL])),
        "ap_mean": f"{trained.mean():.2f}",
        "ap_std": f"{trained.deviation():.2f}",
        "positive_rate": f"{chance:.2f}",
    }
    own_spread = trained.deviation()
    margins = {"positive_rate": (trained.mean() - chance, own_spread)}
    for control in CONTROLS:
        aps = measured[control]
        margins[control] = (trained.mean() - aps.mean(), max(own_spread, aps.deviation()))
        cells |= {f"{control}_mean": f"{aps.mean():.2f}", f"{control}_std": f"{aps.deviation():.2f}"}
    cells["learns"] = _verdict(name for name, (margin, _) in margins.items() if margin <= 2 * own_spread)
    cells["learns_beyond_both_spreads"] = _verdict(
        name for name, (margin, spread) in margins.items() if margin <= 2 * spread
    )
    for group in GROUPS:
        cells[f"{group}_mean"] = f"{trained.mean(group):.2f}"
        cells[f"{group}_std"] = f"{trained.deviation(group):.2f}"
        cells[f"{group}_positive_rate"] = f"{trained.chance[group]:.2f}"
    return cells | {"note": trained.remarks}


def _verdict(unbeaten: Iterable[str]) -> str:
    names = ", ".join(unbeaten)
    return f"not above {names}" if names else "yes"


def _average_precision(scored: "ScoredSet", branch: str) -> tuple[float, float]:
    from evaluate.annotated import joined_frames
    from train.frame_ap import average_precision

    joined = joined_frames(scored, BRANCHES[branch], "released")
    positive_rate = joined.counts[joined.labels].sum() / joined.counts.sum()
    return 100 * average_precision(*joined), 100 * float(positive_rate)


if __name__ == "__main__":
    command.run(main)
