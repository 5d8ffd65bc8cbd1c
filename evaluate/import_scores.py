"""``python -m evaluate.import_scores``: a scores file of what another repository left behind.

One array for all videos, ``.npy`` or ``.csv``, in the order of a list; or a folder with a ``.npy`` or ``.csv`` a video.
A row stands for a frame or for a snippet. Frames that repeat their snippet's score become snippets again; others stay,
as snippets of one frame. Everything that reads scores then works on them, without features or checkpoint.
"""

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.arrays.placing import Placing, add_placing, read_placing, refuse_missing
from extract.base import command
from extract.base.errors import InputError
from extract.base.help import command_parser
from extract.base.printable import printable
from extract.base.progress import say
from extract.labels.flags import add_classes, chosen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.scores_file import ScoredVideo


@dataclass(frozen=True, eq=False)
class Imported:
    """What was read.

    Attributes:
        values: [rows, C] of each video that there is.
        names: What a CSV file calls its columns, if it does.
        rule: How rows are counted, one of ``evaluate.arrays.rows.RULES`` or ``auto``.
        where: The array or folder, for messages.
    """

    values: "dict[str, NDArray[np.float64]]"
    names: tuple[str, ...] | None
    rule: str
    where: str


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.import_scores", __doc__, writes="--out (scores, HDF5)")
    parser.add_argument(
        "source", type=Path, metavar="FILE|FOLDER", help="one array for all videos, or a folder with a file a video"
    )
    add_placing(parser)
    add_classes(parser)
    parser.add_argument(
        "--columns",
        nargs="+",
        metavar="NAME",
        help="what each column is: anomaly, a label code (its probability; all of them or none), or - to leave it out; "
        "the first line of a CSV file may say it instead; one column is anomaly",
    )
    parser.add_argument("--method", default="imported", help="what made the scores, for tables")
    parser.add_argument("--seed", type=int, help="seed of the training, for tables over several seeds")
    parser.add_argument("--note", default="", help="what else tables are to say of them")
    parser.add_argument("--out", type=Path, required=True, help="scores to write (HDF5)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Import scores."""
    arguments = parser().parse_args(argv)

    from evaluate.arrays.columns import tells_classes, to_scores
    from evaluate.arrays.rows import rate_of_files, whole_snippets
    from evaluate.arrays.rules import FRAMES
    from evaluate.provenance import Provenance
    from evaluate.scores_file import ScoresHeader, write_scores

    placing, source = read_placing(arguments), arguments.source
    read = _read_folder if source.is_dir() else _read_array
    imported = read(arguments, placing)
    refuse_missing(imported.values, placing, imported.where, allowed=arguments.allow_missing)
    values = {
        video_id: imported.values[video_id] for video_id in placing.tests if len(imported.values.get(video_id, ()))
    }
    rows = {video_id: len(one) for video_id, one in values.items()}
    rate = rate_of_files(rows, placing.lengths, arguments.stride, imported.rule, imported.where)
    labels = chosen(arguments)
    codes = labels.codes
    columns = _columns(arguments.columns, imported, codes, source)
    stride = arguments.stride
    if rate == FRAMES:
        snippets = whole_snippets(values, stride)
        values, stride = (values, 1) if snippets is None else (snippets, stride)
    scored = {
        video_id: to_scores(one, columns, codes, placing.lengths[video_id].frames) for video_id, one in values.items()
    }
    _warn_of_outside(scored, source)
    origin = Provenance(
        method=printable(arguments.method),
        seed=arguments.seed,
        features=f"imported scores, a row a {rate[:-1]}, {_identity(source)}",
        note=printable("; ".join(text for text in (f"scores imported from {source.name}", arguments.note) if text)),
    )
    header = ScoresHeader(stride, codes, origin, tells_classes(columns), labels.words)
    write_scores(arguments.out, header, scored.items())
    print(
        f"{arguments.out}: {len(scored)} of {len(placing.tests)} test videos from {sum(rows.values())} rows, a row a "
        f"{rate[:-1]} (--rows {imported.rule}); kept as snippets of {stride} frames"
    )


def _read_array(arguments: argparse.Namespace, placing: Placing) -> Imported:
    """Read one array for all videos."""
    import numpy as np

    from evaluate.arrays.number_file import read_numbers
    from evaluate.arrays.rows import changes_within_snippets, split_rows
    from evaluate.arrays.rules import FRAMES, rate_of

    path, where = arguments.source, f"{arguments.source} by {placing.where}"
    numbers, clue = read_numbers(path), changes_within_snippets(arguments.stride)
    values, rule = split_rows(
        numbers.values, placing.order, placing.lengths, arguments.stride, arguments.rows, where, clue
    )
    if rate_of(rule) == FRAMES:
        rows = np.array([len(one) for one in values.values()], dtype=np.int64)
        if found := clue(numbers.values, placing.order, rows):
            say(f"warning: {where}: the sum fits, but {found}; is the list in the array's order?")
    return Imported(values, numbers.names, rule, where)


def _read_folder(arguments: argparse.Namespace, placing: Placing) -> Imported:
    """Read a folder of a file a video."""
    from evaluate.arrays.number_file import read_numbers

    if arguments.list is not None:
        raise InputError(f"--list: {arguments.source} has a file a video, whose names say which it is; leave it out")
    values: dict[str, NDArray[np.float64]] = {}
    names: tuple[str, ...] | None = None
    for video_id, path in _files(arguments.source, placing, arguments.suffix).items():
        numbers = read_numbers(path)
        first = next(iter(values.values()), numbers.values)
        if values and (names != numbers.names or first.shape[1] != numbers.values.shape[1]):
            raise InputError(f"{path}: has other columns than the files before it; make all alike")
        values[video_id], names = numbers.values, numbers.names
    return Imported(values, names, arguments.rows, str(arguments.source))


def _files(folder: Path, placing: Placing, suffix: str) -> dict[str, Path]:
    from evaluate.arrays.number_file import PICKLES, SUFFIXES
    from evaluate.arrays.order import find_id

    files: dict[str, Path] = {}
    strangers = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (*SUFFIXES, *PICKLES):
            continue
        video_id = find_id(path.name, placing.tests, suffix)
        if video_id is None:
            strangers.append(path)
        elif video_id in files:
            raise InputError(f"{path}: is of the same video as {files[video_id]}; keep one of them")
        else:
            files[video_id] = path
    if strangers:
        say(
            f"warning: {folder}: {len(strangers)} files are of no test video, first {strangers[0].name}; left out "
            "(what follows the name of each can be given with --suffix)"
        )
    return files


def _columns(given: Sequence[str] | None, imported: Imported, codes: Sequence[str], source: Path) -> Sequence[str]:
    from evaluate.arrays.columns import ANOMALY, check_columns

    width = next(iter(imported.values.values())).shape[1]
    columns = given or imported.names or ((ANOMALY,) if width == 1 else ())
    if len(columns) != width:
        raise InputError(f"--columns: names {len(columns)}, but {source} has {width} columns; say what each is")
    if width > 1 or given:
        check_columns(columns, codes, "--columns" if given else f"{source}: first line")
    return columns if width > 1 else (ANOMALY,)


def _warn_of_outside(scored: Mapping[str, "ScoredVideo"], source: Path) -> None:
    outside = [video_id for video_id, one in scored.items() if one.anomaly.min() < 0 or one.anomaly.max() > 1]
    if outside:
        say(
            f"warning: {source}: {len(outside)} videos have scores outside 0..1, first {outside[0]!r}; AP and AUC do "
            "not mind, but a threshold of 0.5 means nothing"
        )


def _identity(source: Path) -> str:
    if source.is_dir():
        return f"folder {printable(source.name)}"
    return f"sha256 {hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"


if __name__ == "__main__":
    command.run(main)
