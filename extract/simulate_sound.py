"""``python -m extract.simulate_sound``: simulated videos in which sight and sound tell as much as one says.

For a controlled study: what is a fusion worth when the sound tells more, and when there are more videos to learn from?
Half of the videos are normal; in each other one an event of one class fills a stretch of random length and place. Rows
of both streams vary along some directions that all videos share, as those of trained encoders do, so that it is hard to
learn a video by heart; an event moves the rows, by a length that is given, along a direction that is half its class's
own and half that of all classes. Rows are about as long as CLIP's image embeddings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.catalog import SPLITS, Segment, Video, write_catalog
from extract.datasets import XD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FPS = 25.0
DIRECTIONS = 32
ROW_LENGTH = 10.0
# Of a video's mean, in standard deviations of its rows around it.
OWN_MEAN = 0.5
SHORTEST_EVENT = 4


@dataclass(frozen=True)
class SoundStudy:
    """What the study's data depend on.

    Attributes:
        train: Training videos. More of them leave the others, and the test videos, as they are.
        test: Test videos.
        snippets: Rows of every video.
        sight: How far an event moves the visual rows, in standard deviations along one direction.
        sound: How far it moves the audio rows; another value leaves the visual rows as they are.
        seed: Decides everything that is drawn.
    """

    train: int
    test: int
    snippets: int
    sight: float
    sound: float
    seed: int

    def __post_init__(self) -> None:
        if min(self.train, self.test) < 2:
            raise InputError(f"--train {self.train} and --test {self.test} must be at least 2")
        if self.snippets < SHORTEST_EVENT:
            raise InputError(f"--snippets {self.snippets} must be at least {SHORTEST_EVENT}")
        if not (0 <= self.sight < 100 and 0 <= self.sound < 100):
            raise InputError(f"--sight {self.sight:g} and --sound {self.sound:g} must lie in 0..100")

    @property
    def note(self) -> str:
        """What stands in every file and table."""
        return f"simulated features: sight tells {self.sight:g}, sound {self.sound:g}; {self.train} training videos"


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser(
        "extract.simulate_sound", __doc__, writes="catalog.jsonl, train-00000.h5 and test-00000.h5 into --out"
    )
    parser.add_argument("--train", type=int, default=400, help="training videos")
    parser.add_argument("--test", type=int, default=150, help="test videos")
    parser.add_argument("--snippets", type=int, default=16, help="rows of every video")
    parser.add_argument("--sight", type=float, default=1.5, help="how much sight tells, in standard deviations")
    parser.add_argument("--sound", type=float, required=True, help="how much sound tells, in standard deviations")
    parser.add_argument("--seed", type=int, default=0, help="decides everything that is drawn")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the catalog and both shards."""
    arguments = vars(parser().parse_args(argv))
    out: Path = arguments.pop("out")
    study = SoundStudy(**arguments)
    from extract.shard import new_shard

    videos = {split: simulated_videos(study, split) for split in SPLITS}
    out.mkdir(parents=True, exist_ok=True)
    write_catalog(out / "catalog.jsonl", [video for found in videos.values() for video, _ in found])
    for split, found in videos.items():
        with new_shard(out / f"{split}-00000.h5", header(study, split), "float16") as writer:
            for video, event in found:
                writer.add(
                    video.video_id,
                    video.labels,
                    simulated_rows(study, "visual", video, event)[:, None],
                    simulated_rows(study, "audio", video, event),
                    audio_sounding=study.snippets,
                    frames=study.snippets * XD.stride,
                    fps=FPS,
                )
    print(f"{out}: {study.note}")


def header(study: SoundStudy, split: str) -> Any:
    """Give the header of the shard of ``split``; it says that all is simulated, and how."""
    from dataclasses import replace

    from extract.simulate import SimulateSettings, simulated_header

    settings = SimulateSettings(XD, 1, XD.stride, FPS, study.seed)
    return replace(simulated_header(settings, split), note=study.note)


def simulated_videos(study: SoundStudy, split: str) -> list[tuple[Video, slice | None]]:
    """Name the videos of ``split`` with the snippets of each one's event; ``None`` for normal ones."""
    from extract.simulate_plan import generator

    labels = XD
    abnormal = [code for code in labels.codes if code != labels.normal]
    found: list[tuple[Video, slice | None]] = []
    for number in range(getattr(study, split)):
        name = f"{split}_{number:05d}"
        event: slice | None = None
        code, segments = labels.normal, tuple[Segment, ...]()
        if number % 2:
            code = abnormal[number // 2 % len(abnormal)]
            random = generator(study.seed, "event", name)
            length = int(random.integers(SHORTEST_EVENT, max(SHORTEST_EVENT, study.snippets * 3 // 4) + 1))
            start = int(random.integers(study.snippets - length + 1))
            event = slice(start, start + length)
            segments = (Segment(code, start * labels.stride, (start + length) * labels.stride),)
        frames = study.snippets * labels.stride
        told = segments if split == "test" else None
        found.append((Video(name, split, "", (code,), segments=told, frames=frames, fps=FPS), event))
    return found


def simulated_rows(study: SoundStudy, stream: str, video: Video, event: slice | None) -> NDArray[np.float16]:
    """Draw the rows of one video: [snippets, 512] float16.

    Args:
        study: The settings.
        stream: ``visual`` or ``audio``.
        video: The video; its first label is the event's class.
        event: Snippets of its event.
    """
    import numpy as np

    from extract.shard import DIMENSIONS
    from extract.simulate_plan import generator

    random = generator(study.seed, stream, video.video_id)
    rows = random.standard_normal((study.snippets, DIRECTIONS)) + OWN_MEAN * random.standard_normal(DIRECTIONS)
    if event is not None:
        told = study.sight if stream == "visual" else study.sound
        own, shared = (
            _unit(generator(study.seed, "direction", stream, of).standard_normal(DIRECTIONS))
            for of in (video.labels[0], "every class")
        )
        rows[event] += told * _unit(own + shared)
    plane = np.linalg.qr(generator(study.seed, "plane", stream).standard_normal((DIMENSIONS, DIRECTIONS)))[0]
    scale = ROW_LENGTH / np.sqrt(DIRECTIONS * (1 + OWN_MEAN**2))
    stored: NDArray[np.float16] = (scale * rows @ plane.T).astype(np.float16)
    return stored


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


if __name__ == "__main__":
    command.run(main)
