"""``python -m evaluate.score``: a checkpoint over the test shards, every snippet of every video scored."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.given_classes import add_given_classes, given_classes, load
from extract.base import command
from extract.base.decoders import LIBAV
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.cut_videos import cut_notes
from extract.published_encoders import RELEASED
from extract.sound_statistics import as_whole, looks_ahead
from train.crops import crop_number, spelled_crop

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.provenance import Provenance
    from evaluate.scores_file import ScoredVideo
    from extract.shard import Encoding, ShardHeader
    from train.checkpoint import Checkpoint, Header
    from train.samples import Split

CAUSAL = "causal: no score knows what comes later, sound standardised by the past"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.score", __doc__, writes="--out (scores, HDF5)")
    parser.add_argument("--checkpoint", type=Path, required=True, help="safetensors file that train.run wrote")
    parser.add_argument("--shards", type=Path, required=True, help="folder of test-00000.h5, ...")
    parser.add_argument("--out", type=Path, required=True, help="scores to write (HDF5)")
    add_given_classes(parser)
    parser.add_argument(
        "--causal",
        action="store_true",
        help="score every snippet from those before it alone, as live; takes shards of extract.audio --statistics past",
    )
    add_scoring(parser)
    return parser


def add_scoring(parser: argparse.ArgumentParser) -> None:
    """Let a command that scores shards be told which crop it reads, whether they must fit, and where it computes."""
    parser.add_argument("--crop", type=crop_number, help="crop to read, or all (default: the checkpoint's own)")
    parser.add_argument(
        "--allow-mismatch",
        action="store_true",
        help="score shards of another encoder, weights, stride or preprocessing; every table will say so",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto takes a GPU where there is one"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")


def main(argv: Sequence[str] | None = None) -> None:
    """Score the test videos."""
    arguments = parser().parse_args(argv)

    import torch

    from evaluate.scores_file import ScoresHeader, write_scores
    from extract.base.device import exact_arithmetic, take_device
    from train.samples import Split

    torch.set_num_threads(arguments.threads)
    given = given_classes(arguments)
    checkpoint = load(arguments.checkpoint, take_device(arguments.device, arguments.threads), given)
    crop = checkpoint.header.scoring_crop if arguments.crop is None else arguments.crop
    with Split(arguments.shards, "test") as split:
        labels = split.header.label_set(arguments.shards) if given is None else given.labels
        tells_classes = checkpoint.header.architecture.tells_classes
        where = f"{arguments.checkpoint}: classes"
        columns = class_columns(checkpoint.header.scored_classes, labels.codes, where) if tells_classes else None
        shards = split.header
        if arguments.causal:
            shards = _without_foresight(shards, arguments.shards, listens=checkpoint.header.architecture.reads_audio)
        mismatch = check_match(checkpoint, shards, arguments.checkpoint, allowed=arguments.allow_mismatch)
        origin = provenance(checkpoint, split.header, crop, tuple(mismatch))
        if arguments.causal:
            origin = replace(origin, note="; ".join(filter(None, [CAUSAL, origin.note])))
        header = ScoresHeader(shards.stride, labels.codes, origin, tells_classes, labels.words, causal=arguments.causal)
        with exact_arithmetic():
            scored = scored_videos(checkpoint, split, crop, columns, len(labels.codes), causal=arguments.causal)
            write_scores(arguments.out, header, scored)


def _without_foresight(shards: "ShardHeader", folder: Path, *, listens: bool) -> "ShardHeader":
    """Give what a checkpoint is to be compared with: causal sound as if it were that of whole videos.

    Raises:
        InputError: If the sound is standardised by whole videos.
    """
    if shards.audio is None or not listens:
        return shards
    if looks_ahead(shards.audio.preprocessing):
        raise InputError(
            f"{folder}: audio_preprocessing: its sound is standardised by whole videos, of which nobody knows the end "
            "while they run; extract it with extract.audio --statistics past"
        )
    return replace(shards, audio=replace(shards.audio, preprocessing=as_whole(shards.audio.preprocessing)))


def class_columns(model_codes: Sequence[str], codes: Sequence[str], where: str) -> list[int]:
    """Find the model's column of each class of a data set.

    Args:
        model_codes: Label codes of the model's columns.
        codes: Label codes that the data set reports; CCTV-Fights reports two of the seven a model has.
        where: The checkpoint, for the message.

    Raises:
        InputError: If the model lacks a class.
    """
    missing = [code for code in codes if code not in model_codes]
    if missing:
        raise InputError(
            f"{where} are {', '.join(model_codes)}, but the shards' data set has {', '.join(missing)} too; "
            "score the data set that the checkpoint was trained for"
        )
    return [model_codes.index(code) for code in codes]


def check_match(checkpoint: "Checkpoint", shards: "ShardHeader", path: Path, *, allowed: bool) -> list[str]:
    """Refuse features of another kind than the checkpoint was trained on, and warn of another precision.

    Args:
        checkpoint: The checkpoint.
        shards: Header of the shards to score.
        path: The checkpoint's file, for messages.
        allowed: Whether a mismatch is let through.

    Returns:
        The mismatches, one sentence each.

    Raises:
        InputError: If there are any and they are not allowed, or rows of another width, which nobody can allow.
    """
    from train.compatibility import mismatches, precision_differences, remedy, unreadable

    reads_audio = checkpoint.header.architecture.reads_audio
    for difference in precision_differences(checkpoint.header.trained_on, shards, reads_audio=reads_audio):
        print(f"warning: {path}: {difference}; scores differ slightly", file=sys.stderr)
    found = mismatches(checkpoint.header.trained_on, shards, reads_audio=reads_audio)
    wide = unreadable(checkpoint.header.trained_on, shards, reads_audio=reads_audio)
    if wide and allowed:
        raise InputError(f"{path}: {'; '.join(wide)}. --allow-mismatch cannot bridge this; extract with its encoder")
    if found and not allowed:
        way_out = f"{remedy(checkpoint.header.trained_on, shards)}, or score all the same with --allow-mismatch"
        raise InputError(f"{path}: {'; '.join(found)}. {way_out}")
    return found


def provenance(checkpoint: "Checkpoint", shards: "ShardHeader", crop: int, mismatch: tuple[str, ...]) -> "Provenance":
    """Say where scores come from, for the tables.

    Args:
        checkpoint: What scored.
        shards: Header of what was scored.
        crop: Number of the crop that was read.
        mismatch: What the two disagree in.
    """
    from evaluate.provenance import Provenance

    header = checkpoint.header
    architecture, recipe = header.architecture, header.recipe
    streams = [shards.visual, shards.audio] if architecture.reads_audio else [shards.visual]
    encodings: list[Encoding] = [stream for stream in streams if stream is not None]
    notes = [header.note, shards.note, *(f"in training {part}" for part in cut_notes(header.trained_on.note))]
    if header.text_weights.startswith("random:"):
        notes.append(f"untrained CLIP text tower ({header.text_weights})")
    if architecture.method.faithfulness:
        notes.append(f"{architecture.method.faithfulness}; {_likeness(architecture.method.published_on, encodings)}")
    widths = header.trained_on.widths
    if architecture.reads_audio and not architecture.method.is_baseline and widths.visual != widths.audio:
        notes.append("sound brought to the pictures' width by one linear layer, ours")
    if recipe.labels == "shuffled":
        notes.append("trained on shuffled labels")
    if header.continued_from:
        notes.append(f"trained further from the checkpoint {header.continued_from[:12]}")
    if header.epoch == 0:
        notes.append("not trained further" if header.continued_from else "untrained")
    return Provenance(
        method=architecture.model,
        architecture=_spelled(header),
        seed=recipe.seed,
        selection=recipe.selection,
        recipe=f"{recipe.epochs} epochs, batch {recipe.batch}, learning rate {recipe.learning_rate:g}"
        + (", bf16" if recipe.precision == "bf16" else ""),
        encoders="; ".join(_named(encoding) for encoding in encodings),
        weights="; ".join(encoding.weights for encoding in encodings),
        precision="; ".join(encoding.precision for encoding in encodings),
        preprocessing="; ".join(encoding.preprocessing for encoding in encodings),
        features=", ".join(
            [
                f"{_origin(shards.visual)}",
                f"stride {shards.stride}",
                spelled_crop(crop),
                *([f"decoded by {shards.decoder}"] if shards.decoder != LIBAV else []),
            ]
        ),
        note="; ".join(dict.fromkeys(note for note in notes if note)),
        mismatch=mismatch,
        checkpoint_sha256=checkpoint.sha256,
    )


def _likeness(published_on: Sequence[tuple[str, ...]], encodings: "Sequence[Encoding]") -> str:
    """Say how the features are like those of a method's published results."""
    encoders = tuple(encoding.encoder for encoding in encodings)
    if encoders in published_on and all(encoding.weights == RELEASED for encoding in encodings):
        return "features as published"
    return f"reimplemented, {'ViT' if encoders[0].startswith('ViT') else ' and '.join(encoders)} features"


def _spelled(header: "Header") -> str:
    architecture, recipe = header.architecture, header.recipe
    method = architecture.method
    if method.is_baseline:
        return architecture.model
    parts = [
        f"{architecture.layers} layers",
        f"attention window {architecture.window}"
        + (f" (scored with {header.scoring_window})" if header.scoring_window else ""),
        f"{architecture.max_snippets} snippets",
        f"prompt {architecture.prompt}",
    ]
    if "fusion" in method.shape:
        parts += [f"fusion {architecture.fusion}"]
    if "stream" in method.shape:
        parts += [f"{architecture.stream} only"]
    if method.distilled:
        parts += [f"distillation {recipe.distillation}"]
    if method.focal:
        parts += ["focal term" if architecture.focal else "no focal term"]
    if header.scoring_classes:
        parts += [f"scored with {len(header.scoring_classes)} of {len(header.classes)} prompts"]
    return f"{architecture.model}: {', '.join(parts)}"


def _origin(encoding: "Encoding") -> str:
    from extract.shard import RELEASED_VISUAL

    if encoding.weights.startswith("simulated:"):
        return "simulated"
    return "released" if encoding.weights == RELEASED_VISUAL.weights else "recomputed"


def _named(encoding: "Encoding") -> str:
    # Twelve digits tell weights apart and leave a table's line readable; the whole checksum is in `weights`.
    weights = encoding.weights if encoding.weights.startswith("random:") else encoding.weights[:12]
    return f"{encoding.encoder} ({weights}, {encoding.precision})"


def scored_videos(
    checkpoint: "Checkpoint",
    split: "Split",
    crop: int,
    columns: list[int] | None,
    classes: int,
    *,
    causal: bool = False,
) -> "Iterator[tuple[str, ScoredVideo]]":
    """Score the videos one after another.

    Args:
        checkpoint: What scores.
        split: The test shards.
        crop: Number of the crop to read.
        columns: The model's columns to keep; the first is the normal class. ``None`` for a model without classes, whose
            anomaly score stands for both branches.
        classes: Classes of the data set.
        causal: Whether to score every snippet from those up to it alone.

    Yields:
        ``video_id`` and scores, in shard order.
    """
    from evaluate.causal import causal_scores
    from evaluate.scores_file import ScoredVideo, usable_fps
    from extract.base.progress import track
    from train.scoring import score_videos

    entries = track(split.entries, label="score", total=len(split.entries), unit="videos")
    max_snippets = checkpoint.header.architecture.max_snippets
    if causal:
        found = causal_scores(checkpoint, entries, crop)
    else:
        found = score_videos(checkpoint.network, checkpoint.text, entries, crop, max_snippets)
    for entry, scores in found:
        video = entry.video
        fps = usable_fps(video.fps)
        if columns is None:
            yield video.video_id, _without_classes(scores.anomaly, classes, video.frames, fps)
            continue
        kept = scores.classes[:, columns]
        yield video.video_id, ScoredVideo(scores.anomaly, 1 - kept[:, 0], kept, video.frames, fps)


def _without_classes(anomaly: "NDArray[np.float32]", classes: int, frames: int, fps: float) -> "ScoredVideo":
    import numpy as np

    from evaluate.scores_file import ScoredVideo

    columns = np.zeros((len(anomaly), classes), np.float32)
    columns[:, 0] = 1 - anomaly
    return ScoredVideo(anomaly, anomaly, columns, frames, fps)


if __name__ == "__main__":
    command.run(main)
