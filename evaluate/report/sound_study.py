"""``python -m evaluate.report.sound_study``: what a model gains from sound, against how much the sound tells.

On simulated features (``extract.simulate_sound``), where how much either stream tells is known. One panel for each
number of training videos, one line for each method, mean and standard deviation over seeds; a method that reads no
sound was trained once for all strengths.
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluate.branches import BRANCHES
from extract.base import command
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.json_text import parse_json
from extract.base.regular_file import read_regular_text
from extract.catalog import Video, ground_truth, read_test_videos
from extract.datasets import XD

PANEL, HEIGHT = 4.6, 3.9


@dataclass(frozen=True)
class Point:
    """One method at one number of training videos and one strength of the sound.

    Attributes:
        videos: Training videos.
        sound: How much the sound tells, in standard deviations.
        method: Name of the method.
        values: Average precision in percent, one a seed.
    """

    videos: int
    sound: float
    method: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        """Sample standard deviation over seeds; 0 of one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.report.sound_study", __doc__, writes="--out (CSV) and --figure (SVG)")
    parser.add_argument(
        "--metrics",
        nargs=4,
        action="append",
        required=True,
        metavar=("VIDEOS", "SOUND", "METHOD", "FILE"),
        help="metrics of one seed; repeat for every seed",
    )
    parser.add_argument("--catalog", type=Path, required=True, help="catalog of any of the simulated sets")
    parser.add_argument("--branch", choices=tuple(BRANCHES), default="alignment", help="whose anomaly score")
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    parser.add_argument("--figure", type=Path, required=True, help="SVG to write")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Gather, write and draw."""
    arguments = parser().parse_args(argv)
    chance = positive_rate(list(read_test_videos(arguments.catalog).values()))
    points = gather(arguments.metrics, arguments.branch)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["training_videos", "sound", "method", "branch", "seeds", "ap_mean", "ap_std", "positive_rate"])
    for point in points:
        cells = [point.videos, f"{point.sound:g}", point.method, arguments.branch, len(point.values)]
        writer.writerow([*cells, f"{point.mean:.2f}", f"{point.deviation:.2f}", f"{chance:.2f}"])
    write_text(arguments.out, text.getvalue())
    draw(arguments.figure, points, chance, arguments.branch)


def positive_rate(videos: Sequence[Video]) -> float:
    """Give the share of abnormal frames in percent, which random scores reach."""
    normal = XD.normal
    abnormal = frames = 0
    for video in videos:
        length = video.frames or 0
        frames += length
        events = [segment for segment in ground_truth(video, normal, length) if segment.label != normal]
        abnormal += sum(event.end - event.start for event in events)
    return 100 * abnormal / frames


def gather(words: Sequence[Sequence[str]], branch: str) -> list[Point]:
    """Read the average precisions (protocol ``exact``), in the order given.

    Raises:
        InputError: If a number is none, or a file no metrics of a simulated set.
    """
    values: dict[tuple[int, float, str], list[float]] = {}
    for videos, sound, method, name in words:
        path = Path(name)
        try:
            key = (int(videos), float(sound), method)
        except ValueError:
            raise InputError(f"--metrics: {videos!r} and {sound!r} must be numbers") from None
        try:
            metrics = parse_json(read_regular_text(path))
            ap, note = metrics[branch]["exact"]["ap"], metrics["provenance"]["weights"]
            value = float(ap)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: cannot be read as metrics ({error}); make it with evaluate.metrics") from None
        if "simulated:" not in str(note):
            raise InputError(f"{path}: was not measured on simulated features, so the study cannot show it")
        values.setdefault(key, []).append(value)
    return [Point(*key, tuple(found)) for key, found in values.items()]


def draw(path: Path, points: Sequence[Point], chance: float, branch: str) -> None:
    """Draw the study as SVG."""
    from evaluate.report.drawing import QUIET, colour, drawn, open_frame

    sizes = sorted({point.videos for point in points})
    methods = list(dict.fromkeys(point.method for point in points))
    strengths = [point.sound for point in points]
    title = f"simulated features: frame AP of the {branch} branch against how much the sound tells"
    with drawn(path, PANEL * len(sizes), HEIGHT, title) as figure:
        panels = figure.subplots(1, len(sizes), squeeze=False, sharey=True)[0]
        for axes, videos in zip(panels, sizes, strict=True):
            open_frame(axes)
            for number, method in enumerate(methods):
                own = [point for point in points if (point.videos, point.method) == (videos, method)]
                shown = sorted((point.sound, point.mean, point.deviation) for point in own)
                if len(shown) == 1:
                    # Reads no sound: the same at every strength.
                    shown = [(sound, *shown[0][1:]) for sound in (min(strengths), max(strengths))]
                if shown:
                    axes.errorbar(*zip(*shown, strict=True), color=colour(number), label=method, marker="o", capsize=3)
            axes.axhline(chance, color=QUIET, linestyle="dotted", label="chance")
            axes.set_title(f"{videos} training videos", fontsize="medium")
            axes.set_xlabel("sound tells (standard deviations)")
        panels[0].set_ylabel("AP (%)")
        figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)


if __name__ == "__main__":
    command.run(main)
