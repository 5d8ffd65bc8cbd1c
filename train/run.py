"""``python -m train.run``: train one model on feature shards and write its checkpoint.

With ``--continue FILE`` it begins with the weights of a checkpoint and a fresh optimiser. Network and recipe are then
those of the checkpoint, but for a tenth of its learning rate and the last epoch, which is kept; what is said on the
command line goes before. Shards, classes and CLIP's weights must be what the checkpoint was trained with.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.precision import AUTO, resolve, warn_if_emulated
from extract.labels.label_set import LabelSet
from train.crops import crop_number
from train.fields import add_flags
from train.methods import METHODS
from train.settings import Architecture, Recipe, ScoringClasses, check_together, distils, scoring_codes

if TYPE_CHECKING:
    import torch

    from train.checkpoint import Checkpoint, Header
    from train.learner import BaselineLearner, Learner
    from train.samples import Entry, Split, TrainingSamples
    from train.selection import Judge

LAST_GOOD = "last_good.safetensors"
# Of a checkpoint's learning rate, to train it further.
FURTHER = 0.1
CONTINUE = "--continue"


def parser(begun: "Header | None" = None) -> argparse.ArgumentParser:
    """Build the command line; the settings' defaults are AVadCLIP's on XD-Violence, or those of a checkpoint.

    Args:
        begun: Header of the checkpoint that is trained further, if one is.
    """
    parser = command_parser(
        "train.run",
        __doc__,
        writes="--out (a checkpoint, safetensors), TensorBoard events into --curves, epochs into --partial",
        whole=True,
    )
    files = parser.add_argument_group("files")
    files.add_argument("--shards", type=Path, required=True, help="folder of train-00000.h5, ...")
    files.add_argument("--out", type=Path, required=True, help="checkpoint to write (safetensors)")
    files.add_argument(
        "--partial", type=Path, required=True, help="folder of the state a killed run resumes from; it stays"
    )
    files.add_argument("--curves", type=Path, required=True, help="folder for TensorBoard scalars")
    files.add_argument(
        "--text-weights",
        default="",
        help="CLIP's weights: a file, or random:<seed>; not read for a baseline without texts",
    )
    files.add_argument("--teacher", type=Path, help="checkpoint to distil from (student only)")
    files.add_argument("--catalog", type=Path, help="annotations of the test videos (selection 'released' only)")
    files.add_argument(CONTINUE, dest="begun", type=Path, metavar="FILE", help="checkpoint to train further")
    shape, recipe = (None, None) if begun is None else (begun.architecture, _further(begun.recipe))
    add_flags(parser.add_argument_group("network"), Architecture, defaults=shape)
    add_flags(parser.add_argument_group("recipe"), Recipe, {"precision": (AUTO,)}, defaults=recipe)
    run = parser.add_argument_group("run")
    run.add_argument(
        "--scoring-crop",
        type=crop_number,
        required=begun is None,
        default=None if begun is None else begun.scoring_crop,
        help="number of the crop that scoring reads, or all",
    )
    run.add_argument(
        "--scoring-window",
        type=int,
        default=0 if begun is None else begun.scoring_window,
        help="attention window to score with; 0: the one that is trained with",
    )
    run.add_argument(
        "--scoring-classes",
        choices=get_args(ScoringClasses),
        default="dataset" if begun is not None and begun.scoring_classes else "trained",
        help="prompts to score with: all that are trained with, or those of the data set's own classes alone",
    )
    run.add_argument(
        "--note", default="" if begun is None else begun.note, help="text that follows the model into every table"
    )
    run.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto takes a GPU where there is one"
    )
    run.add_argument("--threads", type=int, default=1, help="CPU threads; the numbers depend on it a little")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train one model."""
    words = sys.argv[1:] if argv is None else argv
    begun = _begun(words)
    arguments = parser(begun).parse_args(words)
    settings = vars(arguments) | {"milestones": tuple(arguments.milestones)}
    if arguments.precision == AUTO:
        best = METHODS[arguments.model].precisions[-1]
        settings["precision"] = resolve(AUTO, arguments.device, on_cpu=best, on_gpu=best)
    architecture = Architecture(**{name.name: settings[name.name] for name in fields(Architecture)})
    recipe = Recipe(**{name.name: settings[name.name] for name in fields(Recipe)})
    check_together(architecture, recipe)
    _check_companions(arguments, architecture, recipe)
    if begun is not None:
        _check_shape(arguments.begun, begun, architecture)

    import torch

    from extract.base.allocator import keep_freed_memory
    from extract.base.device import exact_arithmetic, take_device
    from train.checkpoint import Header, TrainedOn, save_checkpoint
    from train.learner import build_learner, checkpoint_tensors
    from train.loop import train
    from train.samples import Split, TrainingSamples, shuffled_labels
    from train.selection import split_validation

    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    device = take_device(arguments.device, arguments.threads)
    warn_if_emulated(recipe.precision, device.type)
    with Split(arguments.shards, "train") as split:
        labels = split.header.label_set(arguments.shards)
        learner, text_weights = build_learner(
            architecture,
            labels,
            arguments.text_weights,
            recipe.seed,
            device,
            split.header.widths,
            split.header.visual.encoder,
        )
        continued_from = ""
        if begun is not None:
            _check_begun(arguments.begun, begun, split, labels, text_weights)
            continued_from = _take_over(arguments.begun, learner)
        teacher = _load_teacher(arguments.teacher, split, device)
        generator = torch.Generator().manual_seed(recipe.seed)
        if recipe.selection == "validation":
            entries, held_out = split_validation(split.entries, generator)
        else:
            entries, held_out = split.entries, []
        dealt = shuffled_labels(entries, generator) if recipe.labels == "shuffled" else None
        samples = TrainingSamples(entries, labels.model_codes, architecture.max_snippets, dealt)
        header = Header(
            architecture=architecture,
            dataset=labels.name,
            classes=labels.model_codes if architecture.tells_classes else (),
            prompts=labels.prompts if architecture.reads_text else (),
            recipe=recipe,
            epoch=0,
            trained_on=TrainedOn.from_shards(split.header),
            text_weights=text_weights,
            scoring_crop=arguments.scoring_crop,
            note=arguments.note,
            scoring_window=arguments.scoring_window,
            scoring_classes=scoring_codes(labels, arguments.scoring_classes),
            labels=labels,
            continued_from=continued_from,
        )
        with (
            exact_arithmetic(),
            _judge(arguments, architecture, recipe, labels, held_out) as judge,
            _last_good_kept(arguments.partial, header, learner),
        ):
            progress = train(
                learner,
                samples,
                recipe,
                teacher=teacher,
                judge=judge,
                device=device,
                partial=arguments.partial,
                identity=_identity(header, samples, teacher, _files_read(arguments), device),
                curves=arguments.curves,
                label=f"{architecture.model} seed {recipe.seed}",
            )
    save_checkpoint(arguments.out, replace(header, epoch=progress.kept_epoch), checkpoint_tensors(learner))


def _begun(words: Sequence[str]) -> "Header | None":
    """Read the header of the checkpoint that is to be trained further, on which the command line's defaults depend."""
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument(CONTINUE, dest="begun", type=Path)
    path = first.parse_known_args(words)[0].begun
    if path is None:
        return None
    from train.checkpoint import read_header

    return read_header(path)


def _further(recipe: Recipe) -> Recipe:
    return replace(recipe, learning_rate=FURTHER * recipe.learning_rate, selection="last", judge_every=0, labels="true")


def _check_shape(path: Path, begun: "Header", architecture: Architecture) -> None:
    for one in fields(Architecture):
        had, given = getattr(begun.architecture, one.name), getattr(architecture, one.name)
        if had != given:
            flag = f"--{one.name.replace('_', '-')}"
            raise InputError(
                f"{flag}: {given}, but {path}, which is to be trained further, has {had}; leave {flag} out"
            )


def _check_begun(path: Path, begun: "Header", split: "Split", labels: LabelSet, text_weights: str) -> None:
    """Refuse to train a checkpoint further on features, classes or texts of another kind."""
    from train.compatibility import mismatches, remedy

    found = mismatches(begun.trained_on, split.header, reads_audio=begun.architecture.reads_audio)
    if found:
        way_out = remedy(begun.trained_on, split.header)
        raise InputError(f"{path}: cannot be trained further on these shards: {'; '.join(found)}. {way_out}")
    had = begun.label_set(path)
    for name, before, now in (
        ("classes", had.model_codes, labels.model_codes),
        ("prompts", had.prompts, labels.prompts),
    ):
        if before != now:
            raise InputError(
                f"{path}: cannot be trained further on these shards: its {name} are {', '.join(before)}, theirs "
                f"{', '.join(now)}; list the videos by the checkpoint's classes"
            )
    if begun.text_weights != text_weights:
        raise InputError(
            f"--text-weights: {text_weights}, but {path} was trained with {begun.text_weights}; give those"
        )


def _take_over(path: Path, learner: "Learner | BaselineLearner") -> str:
    """Give a model the weights of a checkpoint; gives the file's SHA-256."""
    from extract.encoders.weights import file_sha256
    from train.checkpoint import load_learned
    from train.learner import set_checkpoint_tensors

    try:
        set_checkpoint_tensors(learner, load_learned(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return file_sha256(path)


def _check_companions(arguments: argparse.Namespace, architecture: Architecture, recipe: Recipe) -> None:
    if distils(architecture, recipe) != (arguments.teacher is not None):
        raise InputError(
            "--teacher: a student needs one unless --distillation is none, and no other model takes one; --model is "
            f"{architecture.model}, --distillation {recipe.distillation}"
        )
    if architecture.reads_text and not arguments.text_weights:
        raise InputError(f"--text-weights: a {architecture.model} needs CLIP's weights, a file or random:<seed>")
    if (arguments.selection == "released") != (arguments.catalog is not None):
        raise InputError(f"--catalog: goes with --selection released, which is {arguments.selection}")


def _load_teacher(path: Path | None, split: "Split", device: "torch.device") -> "Checkpoint | None":
    if path is None:
        return None
    from train.checkpoint import load_checkpoint
    from train.compatibility import mismatches, remedy

    teacher = load_checkpoint(path, device)
    trained_on = teacher.header.trained_on
    found = mismatches(trained_on, split.header, reads_audio=teacher.header.architecture.reads_audio)
    if found:
        way_out = remedy(trained_on, split.header)
        raise InputError(f"{path}: this teacher cannot read these shards: {'; '.join(found)}. {way_out}")
    return teacher


@contextmanager
def _judge(
    arguments: argparse.Namespace,
    architecture: Architecture,
    recipe: Recipe,
    labels: LabelSet,
    held_out: "Sequence[Entry]",
) -> "Iterator[Judge | None]":
    from train.samples import Split
    from train.selection import judge_on_held_out, judge_on_test_set, read_test_set

    crop, snippets = arguments.scoring_crop, architecture.max_snippets
    match recipe.selection:
        case "last":
            yield None
        case "validation":
            yield judge_on_held_out(held_out, labels.normal, recipe.branch, crop, snippets)
        case "released":
            catalog = read_test_set(arguments.catalog)
            with Split(arguments.shards, "test") as test:
                yield judge_on_test_set(
                    test.entries, catalog, labels.normal, recipe.branch, recipe.measure, crop, snippets
                )


@contextmanager
def _last_good_kept(folder: Path, header: "Header", learner: "Learner | BaselineLearner") -> "Iterator[None]":
    """Write the weights that were kept before training diverged into ``folder``, and say so."""
    from train.checkpoint import save_checkpoint
    from train.learner import checkpoint_tensors
    from train.loop import DivergedError

    try:
        yield
    except DivergedError as error:
        epoch = error.progress.kept_epoch
        if not epoch:
            raise InputError(f"{error}; no epoch was finished before") from None
        save_checkpoint(folder / LAST_GOOD, replace(header, epoch=epoch), checkpoint_tensors(learner))
        raise InputError(f"{error}; the last good epoch, {epoch}, is kept in {folder / LAST_GOOD}") from None


def _identity(
    header: "Header",
    samples: "TrainingSamples",
    teacher: "Checkpoint | None",
    read: Sequence[Path],
    device: "torch.device",
) -> str:
    """Name what a training state belongs to: settings, videos, labels, files as they are, kind of device."""
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in read]
    videos = [entry.video.video_id for entry in samples.entries]
    parts = [asdict(header), videos, samples.targets.tolist(), files, teacher.sha256 if teacher else None, device.type]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _files_read(arguments: argparse.Namespace) -> list[Path]:
    from extract.shard import shard_paths

    if arguments.catalog is None:
        return shard_paths(arguments.shards, "train")
    return [*shard_paths(arguments.shards, "train"), *shard_paths(arguments.shards, "test"), arguments.catalog]


if __name__ == "__main__":
    command.run(main)
