"""``python -m extract.align``: join the visual and audio rows of one shard's videos into a shard."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.cut_videos import cut_note
from extract.failures import merge_failures, read_failures, write_failures
from extract.labels.flags import add_classes, chosen

if TYPE_CHECKING:
    from extract.labels.label_set import LabelSet
    from extract.shard import Encoding, ShardHeader
    from extract.workfile import WorkFile


def write_shard(
    path: Path, visual: WorkFile, audio: WorkFile | None, *, classes: LabelSet, note: str, failed: set[str]
) -> int:
    """Write the videos that neither step failed on, in the order of the visual work file.

    Args:
        path: The shard to make.
        visual: Visual work file.
        audio: Audio work file made from it, or ``None`` for a set without audio.
        classes: The label set.
        note: Free text that follows the features into every table; videos that were taken though they seem to be cut
            short are named after it.
        failed: Videos that one of the steps failed on.

    Returns:
        How many videos the shard holds.

    Raises:
        InputError: If a label is not one of the set's, or a video is missing in ``audio`` or has another number of
            rows there.
    """
    from extract.catalog import check_labels
    from extract.shard import new_shard

    kept = [video_id for video_id in visual.videos if video_id not in failed]
    note = "; ".join(filter(None, [note, cut_note([name for name in kept if visual.videos[name].get("cut")])]))
    with new_shard(path, _header(visual, audio, classes, note), visual.dtype("visual")) as writer:
        for video_id in kept:
            video = visual.videos[video_id]
            labels = tuple(str(video["labels"]).split("-"))
            check_labels(labels, classes.codes, f"{visual.path}: {video_id}")
            if audio is not None:
                _check_rows(visual, audio, video_id)
            writer.add(
                video_id,
                labels,
                visual.rows("visual", video_id),
                None if audio is None else audio.rows("audio", video_id),
                audio_sounding=0 if audio is None else int(audio.videos[video_id]["sounding"]),
                frames=int(video["frames"]),
                fps=float(video["fps"]),
            )
    return len(kept)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = command_parser("extract.align", __doc__, writes="--out (a shard, HDF5) and --failures (CSV)")
    parser.add_argument("--visual", type=Path, required=True, help="work file of the visual step")
    parser.add_argument("--audio", type=Path, help="work file of the audio step; leave out for a set without audio")
    parser.add_argument("--visual-failures", type=Path, required=True, help="failure list of the visual step")
    parser.add_argument("--audio-failures", type=Path, help="failure list of the audio step")
    add_classes(parser)
    parser.add_argument("--split", choices=("train", "test"), required=True, help="must be the visual work file's")
    parser.add_argument("--note", default="", help="goes with the features into every table, for example: simulated")
    parser.add_argument("--out", type=Path, required=True, help="shard to write, for example shards/train-00000.h5")
    parser.add_argument("--failures", type=Path, required=True, help="joined failure list to write, CSV")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    arguments = parser().parse_args(argv)
    if (arguments.audio is None) != (arguments.audio_failures is None):
        raise InputError("--audio and --audio-failures belong together: give both, or neither for a set without audio")
    from extract.workfile import WorkFile

    labels = chosen(arguments).labels
    lists = [path for path in (arguments.visual_failures, arguments.audio_failures) if path is not None]
    failures = merge_failures(map(read_failures, lists))
    with (
        WorkFile(arguments.visual, "visual") as visual,
        WorkFile(arguments.audio, "audio") if arguments.audio else nullcontext() as audio,
    ):
        split = visual.attributes["dataset_split"]
        if split != arguments.split:
            raise InputError(f"{visual.path}: attribute dataset_split is {split!r}, not {arguments.split!r}")
        failed = {failure.video_id for failure in failures}
        kept = write_shard(arguments.out, visual, audio, classes=labels, note=arguments.note, failed=failed)
    write_failures(arguments.failures, failures)
    if failures:
        print(f"{arguments.out}: {len(failures)} of {kept + len(failures)} videos are absent", file=sys.stderr)


def _check_rows(visual: WorkFile, audio: WorkFile, video_id: str) -> None:
    if video_id not in audio.videos:
        raise InputError(f"{audio.path}: lacks video_id {video_id!r} of {visual.path}; run the audio step again")
    rows, audio_rows = int(visual.videos[video_id]["rows"]), int(audio.videos[video_id]["rows"])
    if rows != audio_rows:
        raise InputError(
            f"{audio.path}: {video_id!r} has {audio_rows} rows but {rows} snippets in {visual.path}; "
            "run the audio step again"
        )


def _header(visual: WorkFile, audio: WorkFile | None, classes: LabelSet, note: str) -> ShardHeader:
    from extract.base.decoders import LIBAV
    from extract.base.hdf5_file import malformed_is_input_error
    from extract.shard import ShardHeader

    with malformed_is_input_error(visual.path, "the work file of the visual step"):
        stride, crops = int(visual.attributes["stride"]), tuple(map(int, visual.attributes["crops"]))
    return ShardHeader(
        dataset=classes.name,
        split=str(visual.attributes["dataset_split"]),
        stride=stride,
        crops=crops,
        visual=_encoding(visual, "visual"),
        audio=None if audio is None else _encoding(audio, "audio"),
        note=note,
        labels=classes,
        decoder=str(visual.attributes.get("decoder", LIBAV)),
    )


def _encoding(work: WorkFile, stream: str) -> Encoding:
    from extract.base.hdf5_file import malformed_is_input_error
    from extract.shard import ATTRIBUTES, Encoding

    with malformed_is_input_error(work.path, "a work file"):
        texts: dict[str, Any] = {name: str(work.attributes[name]) for name in ATTRIBUTES}
        return Encoding(**texts, width=work.width(stream))


if __name__ == "__main__":
    command.run(main)
