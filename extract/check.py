"""``python -m extract.check FILE...``: does a catalog, shard, checkpoint or scores file keep its contract?

Each check reads the file by its documented format alone, so it holds other programs' files to the same rules.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract import command
from extract.errors import InputError
from extract.help import command_parser

if TYPE_CHECKING:
    import h5py

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MOST_PROBLEMS = 20
ROWS_AT_ONCE = 4096
CHECKPOINT_FIELDS = (
    "architecture", "dataset", "classes", "prompts", "recipe", "epoch", "trained_on", "text_weights", "scoring_crop",
)  # fmt: skip
TRAINED_ON_FIELDS = ("stride", "crops", "visual", "audio")
ENCODING_FIELDS = ("encoder", "weights", "precision", "preprocessing")
SCORES_ATTRIBUTES = ("format", "version", "stride", "classes")


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("extract.check", __doc__, writes="nothing; what is wrong is printed")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a .jsonl, .h5 or .safetensors file")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Check every file and fail if one breaks its contract."""
    arguments = parser().parse_args(argv)
    broken = 0
    for path in arguments.files:
        kind, problems = check(path)
        for problem in problems:
            print(problem)
        print(f"{path}: {kind}, {'breaks its contract' if problems else 'keeps its contract'}")
        broken += bool(problems)
    if broken:
        raise InputError(f"{broken} of {len(arguments.files)} files break their contract")


def check(path: Path) -> tuple[str, list[str]]:
    """Check one file.

    Args:
        path: The file; its kind is told by its content.

    Returns:
        Its kind (``catalog``, ``shard``, ``checkpoint``, ``scores``) and what is wrong with it, each a sentence
        that names file and field; at most 20.

    Raises:
        InputError: If the file cannot be read, or is of none of these kinds.
    """
    from extract.hdf5_file import malformed_is_input_error

    kind, problems_of = _kind(path)
    problems: list[str] = []
    try:
        with malformed_is_input_error(path, f"a {kind} file"):
            for problem in problems_of(path):
                problems.append(problem)
                if len(problems) == MOST_PROBLEMS:
                    break
    except InputError as error:
        problems.append(str(error))
    return kind, problems


def _kind(path: Path) -> tuple[str, Callable[[Path], Iterator[str]]]:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith(HDF5_MAGIC):
        return _hdf5_kind(path)
    if start[8:9] == b"{":  # a safetensors file is a 64-bit length, then JSON
        return "checkpoint", _checkpoint_problems
    if start.lstrip()[:1] == b"{":
        return "catalog", _catalog_problems
    raise InputError(f"{path}: neither JSON Lines, HDF5 nor safetensors; this is no file of the pipeline")


def _hdf5_kind(path: Path) -> tuple[str, Callable[[Path], Iterator[str]]]:
    import h5py

    from extract.hdf5_file import malformed_is_input_error

    with malformed_is_input_error(path, "HDF5"), h5py.File(path, "r") as file:
        name = file.attrs.get("format")
        name = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    if name == "avadclip-shard":
        return "shard", _shard_problems
    if name == "avadclip-scores":
        return "scores", _scores_problems
    raise InputError(f"{path}: root attribute format is {name!r}, neither avadclip-shard nor avadclip-scores")


def _catalog_problems(path: Path) -> Iterator[str]:
    from extract.catalog import read_catalog
    from extract.labels import LABEL_SETS

    codes = {code for labels in LABEL_SETS.values() for code in labels.codes}
    normal = {labels.normal for labels in LABEL_SETS.values()}
    for video in read_catalog(path):
        segments = video.segments or ()
        unknown = sorted({*video.labels, *(segment.label for segment in segments)} - codes)
        if unknown:
            yield f"{path}: {video.video_id!r}: no data set has the label codes {', '.join(unknown)}"
        if video.split == "test" and video.segments is None and not set(video.labels) <= normal:
            yield f"{path}: {video.video_id!r}: an abnormal test video needs the field segments"
        for segment in segments:
            if video.frames is not None and segment.end > video.frames:
                yield (
                    f"{path}: {video.video_id!r}, field segments: {segment.label} ends at frame {segment.end}, "
                    f"after the video's {video.frames}"
                )


def _shard_problems(path: Path) -> Iterator[str]:
    from extract.labels import LABEL_SETS
    from extract.shard import Shard

    with Shard(path) as shard:
        codes = LABEL_SETS[shard.header.dataset].codes if shard.header.dataset in LABEL_SETS else None
        if codes is None:
            yield f"{path}: attribute dataset is {shard.header.dataset!r}; it must be one of {', '.join(LABEL_SETS)}"
        if len(set(shard.header.crops)) < len(shard.header.crops):
            yield f"{path}: attribute crops names a crop twice: {shard.header.crops}"
        for video in shard.videos:
            if codes and not set(video.labels) <= set(codes):
                yield f"{path}: {video.video_id!r}: labels {'-'.join(video.labels)} are not all in {', '.join(codes)}"
            expected = -(-video.frames // shard.header.stride)
            if video.frames > 0 and video.snippets != expected:
                yield (
                    f"{path}: {video.video_id!r}: {video.frames} frames at stride {shard.header.stride} are {expected} "
                    f"snippets, not {video.snippets}"
                )
    yield from _not_finite(path, ("visual", "audio"))


def _not_finite(path: Path, names: Sequence[str]) -> Iterator[str]:
    import h5py
    import numpy as np

    with h5py.File(path, "r") as file:
        for name in names:
            if name not in file:
                continue
            for start in range(0, len(file[name]), ROWS_AT_ONCE):
                bad = ~np.isfinite(file[name][start : start + ROWS_AT_ONCE])
                if bad.any():
                    yield f"{path}: dataset {name}: row {start + int(np.argwhere(bad)[0][0])} is not finite"
                    break


def _scores_problems(path: Path) -> Iterator[str]:
    import h5py

    from extract.catalog import check_video_id

    with h5py.File(path, "r") as file:
        for name in SCORES_ATTRIBUTES:
            if name not in file.attrs:
                raise InputError(f"{path}: attribute {name} is missing; a scores file must have it")
        if int(file.attrs["version"]) != 1:
            yield f"{path}: attribute version is {file.attrs['version']!r}, not 1"
        if int(file.attrs["stride"]) < 1:
            yield f"{path}: attribute stride is {file.attrs['stride']!r}; it must be at least 1 frame"
        classes = len(file.attrs["classes"])
        for video_id, group in file.items():
            check_video_id(video_id)
            yield from _video_score_problems(f"{path}: {video_id!r}", group, classes)


def _video_score_problems(where: str, group: "h5py.Group", classes: int) -> Iterator[str]:
    import numpy as np

    for name in ("anomaly", "anomaly_alignment", "classes"):
        if name not in group:
            yield f"{where}: dataset {name} is missing"
            return
    snippets = len(group["anomaly"])
    shapes = {"anomaly": (snippets,), "anomaly_alignment": (snippets,), "classes": (snippets, classes)}
    for name, shape in shapes.items():
        if group[name].shape != shape:
            yield f"{where}: dataset {name} is {list(group[name].shape)}, not {list(shape)}"
        elif not ((values := np.asarray(group[name])) >= 0).all() or not (values <= 1 + 1e-6).all():
            yield f"{where}: dataset {name} has values outside 0..1"


def _checkpoint_problems(path: Path) -> Iterator[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata, names = file.metadata() or {}, set(file.keys())
            text_shape = file.get_slice("text").get_shape() if "text" in names else None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: no readable safetensors file ({error})") from None
    try:
        header = json.loads(metadata.get("header", ""))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: metadata header is no JSON: {error}") from None
    if not isinstance(header, dict) or header.get("format") != "avadclip-checkpoint":
        raise InputError(f"{path}: metadata header is no JSON object whose format is 'avadclip-checkpoint'")
    if header.get("version") != 1:
        yield f"{path}: header: version is {header.get('version')!r}, not 1"
    yield from _missing(f"{path}: header", header, CHECKPOINT_FIELDS)
    trained_on = header.get("trained_on") or {}
    yield from _missing(f"{path}: header, trained_on", trained_on, TRAINED_ON_FIELDS)
    for stream in ("visual", "audio"):
        if trained_on.get(stream) is not None:
            yield from _missing(f"{path}: header, trained_on, {stream}", trained_on[stream], ENCODING_FIELDS)
    if len(header.get("classes", ())) != len(header.get("prompts", ())):
        yield f"{path}: header: classes and prompts differ in number"
    if text_shape is None:
        yield f"{path}: tensor text is missing"
    elif text_shape[0] != len(header.get("classes", ())):
        yield f"{path}: tensor text has {text_shape[0]} rows for {len(header.get('classes', ()))} classes"
    if not any(name.startswith("network.") for name in names):
        yield f"{path}: has no tensor network.*"


def _missing(where: str, fields: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in fields:
            yield f"{where}: field {name} is missing"


if __name__ == "__main__":
    command.run(main)
