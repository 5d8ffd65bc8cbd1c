"""``python -m extract.demo``: generate a small data set of real mp4 files with known ground truth.

Its folders and lists look like those of XD-Violence (``xd``), CCTV-Fights_sub (``cctv``) or UCF-Crime (``ucf``); see
``demo_lists``. ``test_kinds.csv`` adds how each test video's events can be noticed.

Some files are awkward on purpose. In ``xd`` and ``cctv`` the first seen-only training video's audio ends early and the
first seen-only test video has no audio stream; in ``xd`` the first test video has a variable frame rate. ``ucf`` has no
audio at all, as UCF-Crime.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base import command
from extract.base.help import command_parser
from extract.datasets import CCTV, UCF, XD
from extract.demo.lists import video_path, write_lists

if TYPE_CHECKING:
    from extract.demo.plan import VideoPlan

TIME_BASE = Fraction(1, 90000)
SOUNDING_SHARE = 0.55  # of the video whose audio ends early
# What the command makes unless told otherwise.
SIZES = {
    XD.name: {"train": 88, "test": 36, "max_snippets": 1020},
    CCTV.name: {"train": 24, "test": 10, "max_snippets": 600},
    UCF.name: {"train": 32, "test": 12, "max_snippets": 600},
}


def parser() -> argparse.ArgumentParser:
    """Arguments of the command."""
    arguments = command_parser(
        "extract.demo", __doc__, writes="videos (mp4), their lists and annotations, and test_kinds.csv into --out"
    )
    arguments.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments.add_argument("--dataset", choices=SIZES, default=XD.name, help="whose folders and lists")
    arguments.add_argument("--seed", type=int, default=0, help="decides everything")
    arguments.add_argument("--train", type=int, help=f"number of training videos ({_defaults('train')})")
    arguments.add_argument("--test", type=int, help=f"number of test videos ({_defaults('test')})")
    arguments.add_argument(
        "--max-snippets",
        type=int,
        help=f"most snippets in all, of 16 frames, or of 4 for cctv ({_defaults('max_snippets')})",
    )
    arguments.add_argument("--workers", type=int, default=2, help="processes")
    return arguments


def _defaults(name: str) -> str:
    return "default: " + ", ".join(f"{size[name]} for {dataset}" for dataset, size in SIZES.items())


def main(argv: Sequence[str] | None = None) -> None:
    """Plan the data set, write its videos in parallel, then its lists."""
    arguments = parser().parse_args(argv)
    from extract.base.errors import InputError
    from extract.base.progress import track
    from extract.demo.plan import plan_data_set

    if arguments.workers < 1:
        raise InputError(f"--workers: {arguments.workers} must be at least 1")
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    size = {name: given.get(name, default) for name, default in SIZES[arguments.dataset].items()}
    plans = plan_data_set(arguments.seed, dataset=arguments.dataset, **size)
    refuse_other_videos(arguments.out, plans)
    write = partial(write_video, arguments.out)
    # Workers start afresh: a fork of a process that runs threads (a test, a notebook) may hang.
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as workers:
        for _ in track(workers.map(write, plans), label="demo videos", total=len(plans), unit="videos"):
            pass
    write_lists(arguments.out, arguments.dataset, plans)


def refuse_other_videos(folder: Path, plans: "Sequence[VideoPlan]") -> None:
    """Make sure that the folder will hold this data set only: whatever lies there becomes part of the catalog.

    Raises:
        InputError: If it holds a video that is not planned.
    """
    from extract.base.errors import InputError

    planned = {video_path(folder, plan) for plan in plans}
    for present in sorted(folder.rglob("*.mp4")):
        if present not in planned:
            raise InputError(f"--out: {present} is of another data set; remove it or choose another folder")


def write_video(folder: Path, plan: "VideoPlan") -> Path:
    """Draw, play and encode one video as H.264 and, where it has sound, AAC.

    Args:
        folder: The data set's folder; where in it the file goes is ``demo_lists.video_path``.
        plan: What happens in the video.

    Returns:
        The written file.
    """
    import av
    import numpy as np
    from av.video.reformatter import VideoReformatter

    from extract.base.files import atomic_path
    from extract.demo.plan import Sound, frame_times
    from extract.demo.scenes import draw
    from extract.demo.sounds import RATE, play

    path = video_path(folder, plan)
    times = frame_times(plan)
    pictures = draw(plan, np.array(times[:-1], dtype=np.float32))
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=plan.rate, options={"preset": "ultrafast", "crf": "23"})
        video.width, video.height, video.pix_fmt = plan.width, plan.height, "yuv420p"
        video.codec_context.time_base = TIME_BASE
        video.codec_context.thread_count = 1  # the bytes do not depend on the machine's cores
        audio = None if plan.sound is Sound.NO_STREAM else container.add_stream("aac", rate=RATE, layout="mono")
        scaler = VideoReformatter()  # one for all frames: setting it up takes longer than scaling
        for picture, time in zip(pictures, times[:-1], strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = scaler.reformat(frame, plan.width, plan.height, "yuv420p", threads=1)
            frame.pts, frame.time_base = int(time / TIME_BASE), TIME_BASE
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            sound = play(plan, np.array(times, dtype=np.float64))
            if plan.sound is Sound.ENDS_EARLY:
                sound = sound[: int(len(sound) * SOUNDING_SHARE)]
            samples = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            samples.sample_rate, samples.pts, samples.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


if __name__ == "__main__":
    command.run(main)
