"""``python -m extract.visual``: embed the sampled frames of one shard's videos with frozen CLIP."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.decoders import DECODERS, LIBAV
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.precision import AUTO, PRECISIONS, resolve, warn_if_emulated
from extract.cut_videos import add_cut
from extract.failures import Failure, describe, write_failures
from extract.image_models import ENCODER, find_model
from extract.visual_settings import VisualSettings

if TYPE_CHECKING:
    from extract.catalog import Video
    from extract.workfile import Arrays, Columns

STAGE = "visual"


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser(
        "extract.visual",
        __doc__,
        writes="--out (a work file, HDF5), --failures (CSV) and, of every finished video, a file into --partial",
    )
    parser.add_argument("--catalog", type=Path, required=True, help="catalog of the videos, JSON Lines")
    parser.add_argument("--split", choices=("train", "test"), required=True, help="which videos of the catalog")
    parser.add_argument("--shard", type=int, default=0, help="number of this shard, from 0")
    parser.add_argument("--shards", type=int, default=1, help="shards the split is cut into")
    parser.add_argument("--stride", type=int, default=16, help="frames a snippet")
    parser.add_argument("--crops", type=int, nargs="+", default=[0], help="crop numbers, 0 to 9")
    parser.add_argument(
        "--encoder", default=ENCODER, help="one of open_clip's models, or NAME/TAG with open_clip's tag of its weights"
    )
    parser.add_argument("--weights", required=True, help="its weights file, or random:<seed>[:calibrated]")
    parser.add_argument(
        "--precision",
        choices=(AUTO, *PRECISIONS),
        default="fp32",
        help="auto: bf16 where the hardware computes it, fp32 elsewhere",
    )
    parser.add_argument("--batch", type=int, default=8, help="images a call of the encoder")
    parser.add_argument(
        "--dtype", choices=("float16", "float32"), default="float16", help="type of the stored features"
    )
    add_cut(parser)
    parser.add_argument(
        "--decoder",
        choices=DECODERS,
        default=LIBAV,
        help="what decodes the pictures, the same to the bit; decord refuses all but short videos",
    )
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    parser.add_argument("--workers", type=int, default=2, help="processes that decode")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--partial", type=Path, required=True, help="folder for finished videos until all are done")
    parser.add_argument("--out", type=Path, required=True, help="work file to write, HDF5")
    parser.add_argument("--failures", type=Path, required=True, help="list of unreadable videos to write, CSV")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    named = find_model(arguments.encoder)
    precision = resolve(arguments.precision, arguments.device, on_cpu="bf16" if named.is_transformer else "fp32")
    settings = VisualSettings(
        arguments.stride,
        tuple(arguments.crops),
        precision,
        arguments.batch,
        arguments.dtype,
        arguments.cut,
        arguments.decoder,
    )
    if not 0 <= arguments.shard < arguments.shards or min(arguments.threads, arguments.workers) < 1:
        raise InputError(
            f"shard {arguments.shard} must lie in 0..{arguments.shards - 1}, threads and workers be at least 1"
        )
    from extract.catalog import part, read_catalog

    split = [video for video in read_catalog(arguments.catalog) if video.split == arguments.split]
    videos = part(split, arguments.shard, arguments.shards)

    import torch

    from extract import workfile
    from extract.base.allocator import keep_freed_memory
    from extract.base.device import take_device
    from extract.base.progress import track
    from extract.encoders.clip import ClipImageEncoder, load_clip, picture_rule
    from extract.video_features import extract_videos

    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    device = take_device(arguments.device, arguments.threads)
    warn_if_emulated(settings.precision, device.type)
    rule = picture_rule(named.name, arguments.weights)
    model, identity = load_clip(arguments.weights, named.name)
    encoder = ClipImageEncoder(
        model, batch=settings.batch, precision=settings.precision, device=device, encoder=named.name, rule=rule
    )
    del model  # the encoder has its own copy of the image tower
    attributes = {
        "dataset_split": arguments.split,
        "stride": settings.stride,
        "crops": list(settings.crops),
        "encoder": named.name,
        "weights": identity,
        "precision": settings.precision,
        "preprocessing": rule.words,
    }
    # The kind of processor decides the last bits.
    dependencies = {**attributes, **asdict(settings), "device": device.type}
    if settings.decoder == LIBAV:
        # Unsaid, as files have it from before there was a choice: what older runs finished is found again.
        del dependencies["decoder"]
    else:
        attributes["decoder"] = settings.decoder

    partials = {
        video.video_id: workfile.partial_path(arguments.partial, video.video_id, Path(video.path), dependencies)
        for video in videos
    }
    missing = [(video.video_id, Path(video.path)) for video in videos if not partials[video.video_id].exists()]
    reasons: dict[str, str] = {}
    label = f"{STAGE} {arguments.split}-{arguments.shard:05d}"
    # The decoders share the processor with the encoder.
    threads = max(1, arguments.threads // arguments.workers)
    results = extract_videos(missing, encoder, settings, threads=threads, workers=arguments.workers)
    for video_id, found in track(results, label=label, total=len(missing), unit="videos"):
        if isinstance(found, Exception):
            reasons[video_id] = str(found)
            print(f"{label}: {video_id} {found}", file=sys.stderr)
        else:
            workfile.save_partial(partials[video_id], found)

    finished = [(video, partials[video.video_id]) for video in videos if video.video_id not in reasons]
    failures = [
        Failure(video.video_id, STAGE, reasons[video.video_id]) for video in videos if video.video_id in reasons
    ]
    workfile.write_workfile(arguments.out, STAGE, attributes, _empty(settings, named.width), _gathered(finished))
    write_failures(arguments.failures, failures)
    workfile.remove_other_partials(arguments.partial, [partial for _, partial in finished])
    if failures:
        print(f"{label}: {len(failures)} of {len(videos)} videos failed: {describe(failures)}", file=sys.stderr)


def _empty(settings: VisualSettings, width: int) -> Arrays:
    import numpy as np

    return {"visual": np.empty((0, len(settings.crops), width), settings.dtype), "bounds": np.empty((0, 2))}


def _gathered(finished: Sequence[tuple[Video, Path]]) -> Iterator[tuple[Columns, Arrays]]:
    from extract.workfile import load_partial

    for video, partial in finished:
        arrays = load_partial(partial)
        columns: dict[str, Any] = {
            "video_id": video.video_id,
            "labels": "-".join(video.labels),
            "frames": int(arrays.pop("frames")),
            "fps": float(arrays.pop("fps")),
            "cut": str(arrays.pop("cut")),
        }
        yield columns, arrays


if __name__ == "__main__":
    command.run(main)
