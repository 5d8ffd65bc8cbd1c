"""``python -m extract.simulate``: shards of random features for the videos of a real catalog.

Every id, label and annotated segment of the catalog, plausible lengths, and features that mean nothing but carry the
classes: unit noise, a slow drift of each video's own, and within events the mean of their class. They let the pipeline
run at full size without a video; every file made from them says ``simulated``.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.progress import say, track
from extract.catalog import SPLITS, check_labels, part, read_catalog
from extract.datasets import XD, DataSet
from extract.labels.flags import add_classes, chosen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from extract.catalog import Segment
    from extract.shard import ShardHeader
    from extract.simulate_plan import Plan

NOTE = "simulated features"
DTYPE = "float16"
MOST_CROPS = 10
MOST_FPS = 1000
VIDEOS_A_SHARD = 64
# Length of a class mean, in standard deviations of the noise: a snippet can be told, but not always.
CLASS_MEAN = 2.5
DRIFT = 0.3
DRIFT_SNIPPETS = 64


@dataclass(frozen=True)
class SimulateSettings:
    """What the features depend on beside the catalog.

    Attributes:
        data_set: Its classes, and whether there is sound.
        crops: How many crops, from crop 0; all of a video differ in noise alone.
        stride: Frames a snippet.
        fps: Frames per second.
        seed: Decides everything that is drawn.
    """

    data_set: DataSet
    crops: int
    stride: int
    fps: float
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.crops <= MOST_CROPS:
            raise InputError(f"--crops {self.crops} must lie in 1..{MOST_CROPS}")
        if self.stride < 1 or not 0 < self.fps <= MOST_FPS:
            raise InputError(f"--stride {self.stride} must be at least 1 and --fps {self.fps:g} lie in 0..{MOST_FPS}")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser("extract.simulate", __doc__, writes="train-00000.h5, ... and test-00000.h5, ... into --out")
    parser.add_argument("--catalog", type=Path, required=True, help="catalog of the videos, JSON Lines")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards to write")
    add_classes(parser, required=False, otherwise=XD.name)
    parser.add_argument("--crops", type=int, default=MOST_CROPS, help="crops, from crop 0")
    parser.add_argument("--seed", type=int, default=0, help="decides everything")
    for split in SPLITS:
        parser.add_argument(
            f"--shards-{split}", type=int, help=f"shards of {split} videos (default: one for {VIDEOS_A_SHARD} videos)"
        )
    parser.add_argument(
        "--hours", type=float, default=217.0, help="what all videos last together; that of XD-Violence unless given"
    )
    parser.add_argument("--fps", type=float, default=24.0, help="frames a second")
    parser.add_argument("--stride", type=int, help="frames a snippet (default: 16, for cctv 4)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the shards of both splits."""
    arguments = parser().parse_args(argv)
    data_set = XD if arguments.dataset is None and arguments.classes is None else chosen(arguments)
    stride = data_set.stride if arguments.stride is None else arguments.stride
    settings = SimulateSettings(data_set, arguments.crops, stride, arguments.fps, arguments.seed)
    videos = read_catalog(arguments.catalog)
    for video in videos:
        labels = [*video.labels, *(segment.label for segment in video.segments or ())]
        check_labels(labels, data_set.codes, f"{arguments.catalog}: {video.video_id!r}")

    from extract.finished import refuse_more_shards, shard_path
    from extract.simulate_plan import hours_of, plan_lengths

    plans = plan_lengths(videos, hours=arguments.hours, fps=settings.fps, seed=settings.seed)
    for split in SPLITS:
        of_split = [plan for plan in plans if plan.video.split == split]
        given = getattr(arguments, f"shards_{split}")
        shards = math.ceil(len(of_split) / VIDEOS_A_SHARD) if given is None else given
        if of_split and shards < 1:
            raise InputError(f"--shards-{split} {shards} must be at least 1")
        refuse_more_shards(arguments.out, split, shards)
        for index in range(shards):
            write_absent_shard(shard_path(arguments.out, split, index), part(of_split, index, shards), settings, split)
    hours = hours_of(sum(plan.frames for plan in plans), settings.fps)
    print(f"{arguments.out}: {len(plans)} simulated videos, {hours:.1f} h at {settings.fps:g} frames a second")


def simulated_header(settings: SimulateSettings, split: str) -> ShardHeader:
    """Give the header of simulated shards; both encodings and the note say what they are."""
    from extract.shard import RELEASED_AUDIO, RELEASED_VISUAL, Encoding, ShardHeader

    visual, audio = (
        Encoding(real.encoder, f"simulated:{settings.seed}", "simulated", "simulated")
        for real in (RELEASED_VISUAL, RELEASED_AUDIO)
    )
    return ShardHeader(
        dataset=settings.data_set.name,
        split=split,
        stride=settings.stride,
        crops=tuple(range(settings.crops)),
        visual=visual,
        audio=audio if settings.data_set.has_sound else None,
        note=NOTE,
        labels=settings.data_set.labels,
    )


def write_absent_shard(path: Path, plans: Sequence[Plan], settings: SimulateSettings, split: str) -> None:
    """Write one shard, whole or not at all, unless an earlier run has; one video is held at a time.

    Args:
        path: The shard.
        plans: Its videos, in order.
        settings: What the features depend on.
        split: ``train`` or ``test``.

    Raises:
        InputError: If the shard that is there has another header, or other videos or lengths.
    """
    from extract.finished import differs, finished_videos
    from extract.shard import new_shard

    header = simulated_header(settings, split)
    found = finished_videos(path, header, DTYPE)
    if found is not None:
        planned = [(plan.video.video_id, plan.video.labels, plan.frames, settings.fps) for plan in plans]
        if [(video.video_id, video.labels, video.frames, video.fps) for video in found] != planned:
            raise differs(path, "its videos or their lengths are others")
        say(f"{path}: finished before, kept")
        return
    means = {stream: class_means(settings, stream) for stream in ("visual", "audio")}
    with new_shard(path, header, DTYPE) as writer:
        for plan in track(plans, label=f"simulate {path.stem}", total=len(plans), unit="videos"):
            visual = simulated_rows(plan, settings, "visual", means["visual"], settings.crops)
            audio = None
            if header.audio is not None:
                audio = simulated_rows(plan, settings, "audio", means["audio"], 1)[:, 0]
            writer.add(
                plan.video.video_id,
                plan.video.labels,
                visual,
                audio,
                audio_sounding=0 if audio is None else len(audio),
                frames=plan.frames,
                fps=settings.fps,
            )


def class_means(settings: SimulateSettings, stream: str) -> dict[str, NDArray[np.float32]]:
    """Draw what each abnormal class adds to the rows of its events.

    Args:
        settings: For the label set and the seed.
        stream: ``visual`` or ``audio``.

    Returns:
        [512] by label code, all of the same length in a direction of their own.
    """
    import numpy as np

    from extract.shard import DIMENSIONS
    from extract.simulate_plan import generator

    means = {}
    for code in settings.data_set.codes:
        if code != settings.data_set.normal:
            direction = generator(settings.seed, "class", stream, code).standard_normal(DIMENSIONS, dtype=np.float32)
            means[code] = direction * np.float32(CLASS_MEAN / np.linalg.norm(direction))
    return means


def simulated_rows(
    plan: Plan, settings: SimulateSettings, stream: str, means: Mapping[str, NDArray[np.float32]], columns: int
) -> NDArray[Any]:
    """Draw the features of one video.

    Args:
        plan: The video.
        settings: Stride and seed.
        stream: ``visual`` or ``audio``.
        means: What each class adds, by label code.
        columns: Number of crops, 1 for audio; more of them never change the first.

    Returns:
        [snippets, columns, 512] float16.
    """
    import numpy as np

    from extract.shard import DIMENSIONS
    from extract.simulate_plan import events_of, generator

    snippets = math.ceil(plan.frames / settings.stride)
    random = generator(settings.seed, stream, plan.video.video_id)
    common = _drift(random, snippets)
    for event in events_of(plan, normal=settings.data_set.normal, seed=settings.seed):
        common[_snippets_of(event, settings.stride)] += means[event.label]
    rows = np.empty((snippets, columns, DIMENSIONS), DTYPE)
    for column in range(columns):
        rows[:, column] = random.standard_normal((snippets, DIMENSIONS), dtype=np.float32) + common
    return rows


def _drift(random: np.random.Generator, snippets: int) -> NDArray[np.float32]:
    import numpy as np

    from extract.shard import DIMENSIONS

    knots = DRIFT * random.standard_normal((snippets // DRIFT_SNIPPETS + 2, DIMENSIONS), dtype=np.float32)
    before, within = np.divmod(np.arange(snippets), DRIFT_SNIPPETS)
    weight = (within / DRIFT_SNIPPETS).astype(np.float32)[:, None]
    drift: NDArray[np.float32] = knots[before] * (1 - weight) + knots[before + 1] * weight
    return drift


def _snippets_of(event: Segment, stride: int) -> slice:
    return slice(event.start // stride, math.ceil(event.end / stride))


if __name__ == "__main__":
    command.run(main)
