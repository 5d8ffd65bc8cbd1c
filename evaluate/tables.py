"""``python -m evaluate.tables``: a paper's table beside what was measured here, as CSV.

Every row of the reported table is kept; a method that was not run has empty measured cells. A reported and a
measured number never share a column.
"""

import argparse
import csv
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluate.metrics import FORMAT, VERSION
from evaluate.provenance import Provenance, parse_provenance
from extract import command
from extract.errors import InputError
from extract.files import write_text
from extract.help import command_parser
from extract.json_text import is_finite, parse_json
from extract.printable import cell
from extract.regular_file import open_regular_text, read_regular_text

# What names a row of each table's reported CSV.
ROW_KEYS = {
    "1": ("method",),
    "2": ("method",),
    "3": ("method",),
    "4": ("av_fusion", "av_prompt", "focal_loss"),
    "5": ("fusion",),
    "6": ("method",),
}
IOU_THRESHOLDS = ("0.1", "0.2", "0.3", "0.4", "0.5")
OWN_TO_A_RUN = ("seed", "checkpoint_sha256")
STATED = ("seeds", "selection", "protocol", "features", "encoders", "videos", "note")


@dataclass(frozen=True)
class Figure:
    """One number of a table.

    Attributes:
        column: Its column in the reported table; ``reported_<column>``, ``measured_<column>_mean`` and
            ``measured_<column>_std`` in the result.
        keys: Where a metrics file has it, from the outside in.
    """

    column: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A metrics file, as far as a table needs it.

    Attributes:
        path: The file.
        metrics: Its content.
        provenance: Its field ``provenance``; empty if another tool made the file.
    """

    path: Path
    metrics: Mapping[str, Any]
    provenance: Provenance

    @property
    def scored(self) -> str:
        """Test videos that count: ``800``, or ``799 of 800``."""
        videos, missing = self.metrics["videos"], len(self.metrics["missing"])
        return f"{videos - missing} of {videos}" if missing else str(videos)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = command_parser("evaluate.tables", __doc__, writes="--out (CSV)")
    parser.add_argument(
        "--table",
        choices=tuple(ROW_KEYS),
        required=True,
        help="1, 3: frame level; 2: instance-level mAP; 4 to 6: ablations, frame level and mean mAP",
    )
    parser.add_argument(
        "--reported",
        type=Path,
        nargs="+",
        required=True,
        help="the paper's table (CSV); the rows of further files, as of its journal version, follow",
    )
    parser.add_argument(
        "--measured", action="append", default=[], metavar="KEY=FILE", help="metrics of one run; one for each seed"
    )
    parser.add_argument(
        "--row",
        action="append",
        default=[],
        metavar="KEY=ROW",
        help="row of the table a key fills: its method, in table 5 its fusion, in table 4 the three cells joined by /",
    )
    parser.add_argument(
        "--unreported",
        action="append",
        default=[],
        metavar="KEY",
        help="the paper's table has no such row; its reported cells stay empty",
    )
    parser.add_argument(
        "--modality", action="append", default=[], metavar="KEY=MODALITY", help="what a key's runs read"
    )
    parser.add_argument(
        "--branch",
        choices=("classification", "alignment"),
        help="whose anomaly score (default: alignment for table 1, classification for table 3)",
    )
    parser.add_argument("--measure", choices=("ap", "auc"), help="frame-level measure (default: ap)")
    parser.add_argument(
        "--protocol",
        choices=("released", "exact", "abnormal"),
        default="released",
        help="released; exact (frame level: true video lengths); abnormal (mAP: abnormal classes only)",
    )
    parser.add_argument("--out", type=Path, required=True, help="table to write (CSV)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Make one table."""
    arguments = parser().parse_args(argv)
    figures = _figures(arguments)
    rows = _pairs("--row", arguments.row)
    modalities = dict(_pairs("--modality", arguments.modality))
    runs: dict[str, list[Run]] = {}
    for key, path in _pairs("--measured", arguments.measured):
        runs.setdefault(key, []).append(read_run(Path(path)))
    names = dict(rows)
    unplaced = sorted((runs.keys() | modalities.keys()) - names.keys())
    if unplaced:
        raise InputError(f"--row: {unplaced[0]!r} has no row; add --row {unplaced[0]}=METHOD")
    header, reported = read_all_reported(arguments.reported, figures, ROW_KEYS[arguments.table])
    reported |= unreported_rows(_unreported(arguments, names), reported, ROW_KEYS[arguments.table])
    measured = {
        names[key]: measured_cells(of_key, figures, arguments.protocol, modalities.get(key, ""))
        for key, of_key in runs.items()
    }
    if len(measured) < len(runs):
        raise InputError("--row: two keys with measured runs fill the same row; give each its own")
    write_text(arguments.out, compose(header, reported, measured, figures, arguments.reported[0]))


def frame_figures(branch: str, protocol: str, measure: str) -> tuple[Figure, ...]:
    """Give the figure of a frame-level table (AVadCLIP's Tables 1 and 3, VadCLIP's on UCF-Crime).

    Args:
        branch: ``classification`` or ``alignment``.
        protocol: ``released`` or ``exact``.
        measure: ``ap`` or ``auc``.
    """
    return (Figure(measure, (branch, protocol, measure)),)


def map_figures(protocol: str) -> tuple[Figure, ...]:
    """Give the figures of an instance-level table (AVadCLIP's Table 2).

    Args:
        protocol: ``released`` or ``abnormal``.
    """
    thresholds = tuple(Figure(f"map_{threshold}", ("map", protocol, threshold)) for threshold in IOU_THRESHOLDS)
    return (*thresholds, Figure("avg", ("map", protocol, "avg")))


def ablation_figures(branch: str, protocol: str) -> tuple[Figure, ...]:
    """Give the figures of AVadCLIP's Tables 4 to 6: frame-level AP and the mean mAP as released.

    Args:
        branch: ``classification`` or ``alignment``.
        protocol: ``released`` or ``exact``, of the AP.
    """
    return (*frame_figures(branch, protocol, "ap"), Figure("avg", ("map", "released", "avg")))


def read_reported(
    path: Path, figures: Sequence[Figure], keys: Sequence[str] = ("method",)
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Read a paper's table.

    Args:
        path: CSV with the columns ``keys``, one column for each figure, and any others that describe a row.
        figures: The figures it must have; an empty cell is one that the paper does not report.
        keys: Columns whose cells, joined by ``/``, name a row.

    Returns:
        The names of the describing columns, and by row name the cells by column name.

    Raises:
        InputError: If the file is absent or malformed, a column is missing or two rows have one name.
    """
    try:
        with open_regular_text(path) as file:
            reader = csv.DictReader(file, strict=True)
            columns, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a CSV table: {error}") from None
    for column in (*keys, *(figure.column for figure in figures)):
        if column not in columns:
            raise InputError(f"{path}: column {column} is missing; this table needs it")
    named: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"{path}, line {number}: has not {len(columns)} cells as the header has")
        name = "/".join(row[key] for key in keys)
        if name in named:
            raise InputError(f"{path}, line {number}: {'/'.join(keys)} {name!r} has two rows; keep one")
        named[name] = row
        for figure in figures:
            row[figure.column] = _reported_cell(row[figure.column], f"{path}, line {number}: column {figure.column}")
    numbers = {figure.column for figure in figures}
    return [column for column in columns if column not in numbers], named


def read_all_reported(
    paths: Sequence[Path], figures: Sequence[Figure], keys: Sequence[str] = ("method",)
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Read a paper's table, and after its rows those of further files.

    Args:
        paths: The table, and files of the same columns with other rows.
        figures: See ``read_reported``, as for ``keys`` and what is given.
        keys: Columns whose cells, joined by ``/``, name a row.

    Raises:
        InputError: As ``read_reported``, and if columns differ or two files have a row of one name.
    """
    columns, rows = read_reported(paths[0], figures, keys)
    for path in paths[1:]:
        further, more = read_reported(path, figures, keys)
        if further != columns:
            raise InputError(
                f"{path}: its columns {', '.join(further)} are not those of {paths[0]}, {', '.join(columns)}"
            )
        twice = sorted(more.keys() & rows.keys())
        if twice:
            raise InputError(f"{path}: row {twice[0]!r} stands in a file before it too; keep one")
        rows |= more
    return columns, rows


def read_run(path: Path) -> Run:
    """Read a metrics file.

    Raises:
        InputError: If the file is absent or no metrics; names the field.
    """
    try:
        metrics = parse_json(read_regular_text(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such metrics file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(metrics, dict) or metrics.get("format") != FORMAT:
        raise InputError(f"{path}: field format is not {FORMAT!r}; these are no metrics")
    if metrics.get("version") != VERSION:
        raise InputError(f"{path}: field version is {metrics.get('version')!r}; this program reads {VERSION}")
    videos, missing = metrics.get("videos"), metrics.get("missing")
    if not isinstance(videos, int) or not isinstance(missing, list) or len(missing) >= videos:
        raise InputError(f"{path}: videos must be a number and missing a list shorter than it")
    return Run(path, metrics, parse_provenance(metrics.get("provenance", {}), f"{path}: field provenance"))


def measured_cells(runs: Sequence[Run], figures: Sequence[Figure], protocol: str, modality: str) -> dict[str, str]:
    """Sum up the runs of one method: mean and sample standard deviation over its seeds, and what they were.

    Args:
        runs: At least one run, which differ in their seed alone.
        figures: What the table shows.
        protocol: Name of the protocol that the figures follow.
        modality: What the runs read, as the table is to say it.

    Returns:
        Cells by column name. A mean that does not cover all test videos carries a ``*``, which the note explains.

    Raises:
        InputError: If runs disagree in more than their seed, share one, or lack a figure.
    """
    _check_seeds(runs)
    first = runs[0]
    mark = "*" if first.metrics["missing"] else ""
    cells = {"measured_modality": modality}
    for figure in figures:
        values = [_value(run, figure) for run in runs]
        cells[f"measured_{figure.column}_mean"] = f"{statistics.fmean(values):.2f}{mark}"
        cells[f"measured_{figure.column}_std"] = f"{statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return cells | {
        "seeds": str(len(runs)),
        "selection": first.provenance.selection,
        "protocol": protocol,
        "features": first.provenance.features,
        "encoders": first.provenance.encoders,
        "videos": first.scored,
        "note": "; ".join(_remarks(first)),
    }


def compose(
    describing: Sequence[str],
    reported: Mapping[str, Mapping[str, str]],
    measured: Mapping[str, Mapping[str, str]],
    figures: Sequence[Figure],
    source: Path,
) -> str:
    """Join reported rows and measured cells into a CSV table.

    Args:
        describing: Names of the describing columns of the reported rows.
        reported: By row name, the cells of the paper's table by column name.
        measured: By row name, the measured cells by column name.
        figures: What the table shows.
        source: File of the reported rows, for the message.

    Returns:
        The table as CSV text, rows in the paper's order.

    Raises:
        InputError: If a measured row is not in the paper's table.
    """
    strangers = measured.keys() - reported.keys()
    if strangers:
        raise InputError(f"--row: {sorted(strangers)[0]!r} is no row of {source}; it has {', '.join(reported)}")
    results = [f"measured_{figure.column}_{kind}" for figure in figures for kind in ("mean", "std")]
    reports = [f"reported_{figure.column}" for figure in figures]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [*describing, *reports, "measured_modality", *results, *STATED], restval="", lineterminator="\n"
    )
    writer.writeheader()
    for name, row in reported.items():
        cells = {column: row[column] for column in describing}
        cells |= {f"reported_{figure.column}": row[figure.column] for figure in figures}
        writer.writerow({column: cell(text) for column, text in (cells | dict(measured.get(name, {}))).items()})
    return text.getvalue()


def unreported_rows(
    names: Sequence[str], reported: Mapping[str, Mapping[str, str]], keys: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Give rows that the paper's table lacks the shape of its own: what names them, and every other cell empty.

    Args:
        names: Names of the rows.
        reported: The paper's rows.
        keys: Columns whose cells, joined by ``/``, name a row.

    Raises:
        InputError: If the paper's table has such a row.
    """
    known = sorted(set(names) & reported.keys())
    if known:
        raise InputError(f"--unreported: {known[0]!r} is a row of the paper's table; leave --unreported out")
    columns = next(iter(reported.values())).keys()
    return {
        name: dict.fromkeys(columns, "") | dict(zip(keys, name.split("/", len(keys) - 1), strict=False))
        for name in names
    }


def _unreported(arguments: argparse.Namespace, names: Mapping[str, str]) -> list[str]:
    strangers = sorted(set(arguments.unreported) - names.keys())
    if strangers:
        raise InputError(f"--unreported: {strangers[0]!r} has no row; add --row {strangers[0]}=METHOD")
    return [names[key] for key in arguments.unreported]


def _figures(arguments: argparse.Namespace) -> tuple[Figure, ...]:
    if arguments.table == "2":
        if arguments.branch or arguments.measure or arguments.protocol == "exact":
            raise InputError(
                "--table 2: mAP has neither --branch nor --measure, and its --protocol is released or abnormal"
            )
        return map_figures(arguments.protocol)
    if arguments.protocol == "abnormal":
        raise InputError(f"--protocol: abnormal belongs to --table 2; table {arguments.table} has released and exact")
    branch = arguments.branch or ("alignment" if arguments.table == "1" else "classification")
    if arguments.table in ("4", "5", "6"):
        return ablation_figures(arguments.branch or "alignment", arguments.protocol)
    return frame_figures(branch, arguments.protocol, arguments.measure or "ap")


def _pairs(flag: str, words: Iterable[str]) -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in words]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise InputError(f"{flag}: {key + equals + value!r} is not of the form KEY=VALUE")
    return [(key, value) for key, _, value in pairs]


def _reported_cell(cell: str, where: str) -> str:
    if not cell:
        return ""
    try:
        return f"{float(cell):.2f}"
    except ValueError:
        raise InputError(f"{where}: {cell!r} is no number") from None


def _value(run: Run, figure: Figure) -> float:
    value: Any = run.metrics
    for key in figure.keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not is_finite(value):
        raise InputError(
            f"{run.path}: field {'.'.join(figure.keys)} is {value!r}, but the table needs a number; "
            "exact needs the frames of every scored video, AP an abnormal frame, AUC frames of both kinds"
        )
    return float(value)


def _check_seeds(runs: Sequence[Run]) -> None:
    first = runs[0]
    for i, run in enumerate(runs):
        for name, value in asdict(run.provenance).items():
            if name not in OWN_TO_A_RUN:
                _check_equal(name, first, getattr(first.provenance, name), run, value)
        for name in ("stride", "classes", "videos", "missing"):
            _check_equal(name, first, first.metrics.get(name), run, run.metrics.get(name))
        seed = run.provenance.seed
        for other in runs[:i]:
            if other.path == run.path or (seed is not None and seed == other.provenance.seed):
                raise InputError(f"{other.path} and {run.path}: both are seed {seed}; give each seed once")


def _check_equal(name: str, first: Run, one: object, run: Run, other: object) -> None:
    if one != other:
        raise InputError(
            f"{first.path} and {run.path}: {name} differs ({one!r} and {other!r}); "
            "a row joins runs that differ in their seed alone"
        )


def _remarks(run: Run) -> list[str]:
    provenance = run.provenance
    missing = len(run.metrics["missing"])
    remarks = [
        f"* {missing} of {run.metrics['videos']} test videos without scores, counted in no value" if missing else "",
        "random weights" if "random:" in provenance.weights else "",
        f"recipe: {provenance.recipe}" if provenance.recipe else "",
        "checkpoint selected on the test set" if provenance.selection == "released" else "",
        *(f"mismatch allowed: {sentence}" for sentence in provenance.mismatch),
        provenance.note,
    ]
    return [remark for remark in remarks if remark]


if __name__ == "__main__":
    command.run(main)
