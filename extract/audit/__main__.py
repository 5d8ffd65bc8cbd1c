"""``python -m extract.audit``: compare two folders of shards, and find out why their visual features differ.

Without ``--catalog`` and ``--weights`` it compares row by row (similarity.csv). With both it also recomputes
a few rows of a few videos under every known cause: time offset, stride, absent or extra last snippet, crop order and
mirroring, plain GELU for QuickGELU, six other rules of resizing, BGR for RGB, features scaled to length one; and
any combination of them that changing one after the other reaches. diagnosis.csv lists what was tried.

The verdict is ``agrees``, ``differs`` with the causes, ``undecided`` where two settings fit equally well (the pictures
do not tell them apart: nothing moves, or nothing but rounding differs), or ``none of these`` where the best setting
leaves more than rounding does. How the thresholds were chosen stands in ``extract.audit.search``.

What it cannot do:

- With untrained weights (``random:0``) rows are nearly parallel, and some causes barely show: resize rules other than
  those that change the field of view move features by one grey level of noise or two, plain GELU by three or four
  (a cosine of 0.99998). That suffices for features computed exactly as listed, but not once something unlisted is mixed
  in. Real weights were not at hand when the thresholds were measured. The verdict uses ratios to noise that is measured
  with the weights given, so it should carry over; look at the misfits in diagnosis.csv before relying on it.
- Wrong weights, frames stored as JPEG, other colour conversions, blur or gamma are no listed causes. They show as
  ``none of these``, unless they are as small as rounding; then they are not seen, or leave resize rules undecided.
- Changing one cause after the other found every pair that was tried. More causes at once may hide each other; what is
  then found still has to explain the features, or the verdict is ``none of these``.
- Other encoders than OpenAI's kind, with QuickGELU and pictures of 224 pixels, are compared but not diagnosed.
- Sound is not audited, and lengths of features say only whether they were scaled.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser

if TYPE_CHECKING:
    from extract.audit.diagnosis import Diagnosis
    from extract.audit.similarity import ShardFolder

LEAST_FRAMES = 2


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser(
        "extract.audit",
        __doc__,
        writes="similarity.csv, audit.png and, with --catalog and --weights, diagnosis.csv into --out",
    )
    parser.add_argument("ours", type=Path, metavar="OURS", help="folder of shards made by this pipeline")
    parser.add_argument("released", type=Path, metavar="RELEASED", help="folder of shards to explain")
    parser.add_argument("--out", type=Path, required=True, help="folder for similarity.csv, diagnosis.csv, audit.png")
    parser.add_argument("--split", choices=("train", "test"), default="test", help="which shards")
    parser.add_argument("--catalog", type=Path, help="catalog with the paths of the videos; needed for a diagnosis")
    parser.add_argument(
        "--weights", help="weights file of the encoder that OURS names, or random:<seed>; needed for a diagnosis"
    )
    parser.add_argument("--videos", type=int, default=3, help="videos to recompute, the shortest")
    parser.add_argument("--frames", type=int, default=4, help="rows of each to recompute, at least 2")
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    if (arguments.catalog is None) != (arguments.weights is None):
        raise InputError("--catalog and --weights belong together: a diagnosis needs the videos and the encoder")
    if arguments.videos < 1 or arguments.frames < LEAST_FRAMES or arguments.threads < 1:
        raise InputError(f"--videos and --threads must be at least 1, --frames at least {LEAST_FRAMES}")

    from extract.audit.plot import draw
    from extract.audit.report import diagnosis_text, similarity_text, write_diagnosis
    from extract.audit.similarity import open_folder, similarities, write_similarities
    from extract.base.progress import track

    with (
        open_folder(arguments.ours, arguments.split) as ours,
        open_folder(arguments.released, arguments.split) as other,
    ):
        total = sum(video_id in other.videos for video_id in ours.videos)
        total *= len(set(ours.header.crops) & set(other.header.crops))
        rows = track(similarities(ours, other), label="audit similarity", total=total, unit="crops")
        compared = write_similarities(arguments.out / "similarity.csv", rows)
        print(similarity_text(ours, other, compared))
        if arguments.catalog is None:
            draw(arguments.out / "audit.png", compared, None)
            return
        diagnosis = _diagnose(arguments, ours, other)
    write_diagnosis(arguments.out / "diagnosis.csv", diagnosis)
    draw(arguments.out / "audit.png", compared, diagnosis)
    print(diagnosis_text(diagnosis))


def _diagnose(arguments: argparse.Namespace, ours: ShardFolder, released: ShardFolder) -> Diagnosis:
    import torch

    from extract.audit.diagnosis import diagnose
    from extract.audit.features import Recomputer
    from extract.base.allocator import keep_freed_memory
    from extract.base.device import take_device
    from extract.catalog import read_catalog
    from extract.encoders.clip import load_clip, picture_rule
    from extract.encoders.preprocessing import CLIP_PICTURES
    from extract.encoders.weights import RANDOM
    from extract.image_models import has_quickgelu

    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    paths = {
        video.video_id: Path(video.path)
        for video in read_catalog(arguments.catalog)
        if video.split == arguments.split and video.path
    }
    encoder = ours.header.visual.encoder
    if not has_quickgelu(encoder) or picture_rule(encoder, arguments.weights) != CLIP_PICTURES:
        raise InputError(
            f"{ours.path}: was made with {encoder}; causes are known for encoders with QuickGELU and CLIP's pictures "
            "of 224 pixels alone, such as ViT-B-16-quickgelu; leave --weights and --catalog"
        )
    model, identity = load_clip(arguments.weights, encoder)
    if identity != ours.header.visual.weights:
        print(f"Note: {ours.path} was made with weights {ours.header.visual.weights}, the audit uses {identity}")
    if identity.startswith(RANDOM):
        print("Note: untrained weights show resize rules and GELU weakly; see python -m pydoc extract.audit")
    device = take_device(arguments.device, arguments.threads)
    recomputer = Recomputer(model, encoder=encoder, device=device, threads=arguments.threads)
    return diagnose(ours, released, paths, recomputer, videos=arguments.videos, frames=arguments.frames)


if __name__ == "__main__":
    command.run(main)
