"""``python -m extract.check FILE...``: do files of the pipeline keep their contracts?

Each check reads the file by its documented format alone, so it holds other programs' files to the same rules.
"""

import argparse
import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.json_text import parse_json
from extract.base.regular_file import open_regular, open_regular_text, read_regular_text

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
NPY_MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 4096
METRICS_FIELDS = (
    "videos", "missing", "classification", "alignment", "map", "per_class", "stride", "classes", "provenance",
)  # fmt: skip
DETECTIONS_FIELDS = (
    "video_id", "video", "frames", "fps", "seconds", "stride", "model", "checkpoint_sha256", "notes", "threshold",
    "segments", "provenance",
)  # fmt: skip
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
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="any file that the READMEs of extract, train and evaluate describe",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Check every file and fail if one breaks its contract."""
    arguments = parser().parse_args(argv)
    broken = 0
    for path in arguments.files:
        try:
            kind, problems = check(path)
        except InputError as error:
            kind, problems = "unknown", [str(error)]
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
        Its kind (``catalog``, ``shard``, ``checkpoint``, ``scores``, ``metrics``, ``detections``, ``curves``,
        ``feature list`` or ``features``) and what is wrong with it, each a sentence that names file and field; at
        most 20.

    Raises:
        InputError: If the file cannot be read, or is of none of these kinds.
    """
    from extract.base.hdf5_file import malformed_is_input_error

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
        with open_regular(path) as file:
            start = file.read(16)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith(HDF5_MAGIC):
        return _hdf5_kind(path)
    if start[8:9] == b"{":  # a safetensors file is a 64-bit length, then JSON
        return "checkpoint", _checkpoint_problems
    if start.startswith(NPY_MAGIC):
        return "features", _features_problems
    if start.lstrip()[:1] == b"{":
        return _json_kind(path)
    return _csv_kind(path)


def _json_kind(path: Path) -> tuple[str, Callable[[Path], Iterator[str]]]:
    """Tell a catalog, a JSON object on every line, from one JSON object that says what it is."""
    try:
        text = read_regular_text(path)
        content = parse_json(text)
    except UnicodeDecodeError:
        return "catalog", _catalog_problems
    except ValueError as error:
        # No line of a catalog says this of itself.
        if '"avadclip-' in text:
            raise InputError(f"{path}: no JSON that can be read: {error}") from None
        return "catalog", _catalog_problems
    name = content.get("format") if isinstance(content, dict) else None
    if name is None:
        return "catalog", _catalog_problems
    fields = {"avadclip-metrics": METRICS_FIELDS, "avadclip-detections": DETECTIONS_FIELDS}.get(str(name))
    if fields is None:
        raise InputError(f"{path}: field format is {name!r}, neither avadclip-metrics nor avadclip-detections")
    return name.removeprefix("avadclip-"), lambda _: _json_problems(path, content, fields)


def _json_problems(path: Path, content: dict[str, Any], fields: Sequence[str]) -> Iterator[str]:
    if content.get("version") != 1:
        yield f"{path}: version is {content.get('version')!r}, not 1"
    yield from _missing(str(path), content, fields)
    for where, value in _numbers(content, ""):
        if not math.isfinite(value):
            yield f"{path}: field {where} is {value}; it must be a number, or null where undefined"


def _numbers(value: Any, where: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield where, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from _numbers(member, f"{where}.{name}" if where else str(name))


def _csv_kind(path: Path) -> tuple[str, Callable[[Path], Iterator[str]]]:
    try:
        with open_regular_text(path, "utf-8-sig") as file:
            columns = next(csv.reader([file.readline(LONGEST_HEADER)]), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        columns = []
    if columns[:1] == ["epoch"] and "learning_rate" in columns:
        return "curves", _curves_problems
    if "label" in columns and {"path", "video_id"} & set(columns):
        return "feature list", _list_problems
    raise InputError(f"{path}: is of none of the READMEs' formats, so it is no file of the pipeline")


def _curves_problems(path: Path) -> Iterator[str]:
    with open_regular_text(path) as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            if row["epoch"] != str(number):
                yield f"{path}, line {number + 1}: epoch is {row['epoch']!r}, not {number}"
            for name, cell in row.items():
                try:
                    wrong = cell not in ("", None) and not math.isfinite(float(cell))
                except (TypeError, ValueError):
                    wrong = True
                if wrong:
                    yield f"{path}, line {number + 1}: {name} is {cell!r}, no finite number"


def _list_problems(path: Path) -> Iterator[str]:
    from extract.lists.feature_list import read_feature_list

    read_feature_list(path)
    return iter(())


def _features_problems(path: Path) -> Iterator[str]:
    from extract.npy.feature_file import read_features

    read_features(path)
    return iter(())


def _hdf5_kind(path: Path) -> tuple[str, Callable[[Path], Iterator[str]]]:
    from extract.base.hdf5_file import malformed_is_input_error, open_hdf5

    with open_hdf5(path, "make it again") as file, malformed_is_input_error(path, "HDF5"):
        name = file.attrs.get("format")
        name = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
        # An array would be compared number by number.
        name = name if name is None else str(name)
    if name == "avadclip-shard":
        return "shard", _shard_problems
    if name == "avadclip-scores":
        return "scores", _scores_problems
    raise InputError(f"{path}: root attribute format is {name!r}, neither avadclip-shard nor avadclip-scores")


def _catalog_problems(path: Path) -> Iterator[str]:
    from extract.catalog import read_whole_catalog
    from extract.datasets import DATA_SETS

    own, videos = read_whole_catalog(path)
    codes = set(own) or {code for labels in DATA_SETS.values() for code in labels.codes}
    normal = {own[0]} if own else {labels.normal for labels in DATA_SETS.values()}
    for video in videos:
        segments = video.segments or ()
        unknown = sorted({*video.labels, *(segment.label for segment in segments)} - codes)
        if unknown:
            known = "line 1 does not name" if own else "no data set has"
            yield f"{path}: {video.video_id!r}: {known} the label codes {', '.join(unknown)}"
        if video.split == "test" and video.segments is None and not set(video.labels) <= normal:
            yield f"{path}: {video.video_id!r}: an abnormal test video needs the field segments"
        for segment in segments:
            if video.frames is not None and segment.end > video.frames:
                yield (
                    f"{path}: {video.video_id!r}, field segments: {segment.label} ends at frame {segment.end}, "
                    f"after the video's {video.frames}"
                )


def _shard_problems(path: Path) -> Iterator[str]:
    from extract.datasets import DATA_SETS
    from extract.shard import Shard

    with Shard(path) as shard:
        codes = shard.header.labels.codes if shard.header.labels else None
        if codes is None:
            yield (
                f"{path}: attribute dataset is {shard.header.dataset!r}; it must be one of {', '.join(DATA_SETS)}, or "
                "the attributes codes, model_codes and prompts be there"
            )
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
    import numpy as np

    from extract.base.hdf5_file import member, open_hdf5

    with open_hdf5(path, "make the shard again") as file:
        for name in names:
            dataset = member(file, name, path)
            if dataset is None:
                continue
            for start in range(0, len(dataset), ROWS_AT_ONCE):
                bad = ~np.isfinite(dataset[start : start + ROWS_AT_ONCE])
                if bad.any():
                    yield f"{path}: dataset {name}: row {start + int(np.argwhere(bad)[0][0])} is not finite"
                    break


def _scores_problems(path: Path) -> Iterator[str]:
    from extract.base.hdf5_file import member, open_hdf5
    from extract.catalog import check_video_id

    with open_hdf5(path, "score the videos again") as file:
        for name in SCORES_ATTRIBUTES:
            if name not in file.attrs:
                raise InputError(f"{path}: attribute {name} is missing; a scores file must have it")
        if int(file.attrs["version"]) != 1:
            yield f"{path}: attribute version is {file.attrs['version']!r}, not 1"
        if int(file.attrs["stride"]) < 1:
            yield f"{path}: attribute stride is {file.attrs['stride']!r}; it must be at least 1 frame"
        classes = len(file.attrs["classes"])
        for video_id in file:
            check_video_id(video_id)
            yield from _video_score_problems(path, video_id, member(file, video_id, path), classes)


def _video_score_problems(path: Path, video_id: str, group: Any, classes: int) -> Iterator[str]:
    import h5py
    import numpy as np

    from extract.base.hdf5_file import member

    where = f"{path}: {video_id!r}"
    if not isinstance(group, h5py.Group):
        yield f"{where} is no group; every member of the file must be a video's group"
        return
    for name in ("anomaly", "anomaly_alignment", "classes"):
        if not isinstance(member(group, name, path), h5py.Dataset):
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
        header = parse_json(metadata.get("header", ""))
    except ValueError as error:
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
    if header.get("labels") is not None:
        yield from _label_set_problems(path, header)
    classes, prompts = len(header.get("classes", ())), len(header.get("prompts", ()))
    if prompts not in (classes, 0):
        yield f"{path}: header: classes and prompts differ in number"
    if text_shape is None:
        yield f"{path}: tensor text is missing"
    elif text_shape[0] != prompts:
        yield f"{path}: tensor text has {text_shape[0]} rows for {prompts} prompts"
    if not any(name.startswith("network.") for name in names):
        yield f"{path}: has no tensor network.*"


def _label_set_problems(path: Path, header: dict[str, Any]) -> Iterator[str]:
    from extract.labels.label_set import parse_label_set

    try:
        labels = parse_label_set(str(header.get("dataset")), header["labels"])
    except InputError as error:
        yield f"{path}: header: labels: {error}"
        return
    if header.get("classes") and tuple(header["classes"]) != labels.model_codes:
        yield f"{path}: header: classes are not the model_codes of labels"


def _missing(where: str, fields: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in fields:
            yield f"{where}: field {name} is missing"


if __name__ == "__main__":
    command.run(main)
