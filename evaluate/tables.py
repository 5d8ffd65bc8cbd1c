"""``python -m evaluate.tables``: a paper's table beside what was measured here, as CSV.

Every row of the reported table is kept; a method that was not run has empty measured cells. A reported and a
measured number never share a column. Videos that no paper has measured have a table of their own, of measured rows
alone.
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
from evaluate.paper_tables import TABLES, Column, Table, columns_of
from evaluate.provenance import Provenance, parse_provenance
from evaluate.statistics.settings import MUCH
from extract.base import command
from extract.base.csv_table import read_csv
from extract.base.errors import InputError
from extract.base.files import write_text
from extract.base.help import command_parser
from extract.base.json_text import is_finite, parse_json
from extract.base.printable import cell
from extract.base.regular_file import read_regular_text

# Of every measured figure: over seeds the mean and the sample standard deviation, over videos the interval's ends.
KINDS = ("mean", "std", "low", "high")
OWN_TO_A_RUN = ("seed", "checkpoint_sha256")
STATED = ("seeds", "intervals", "selection", "protocol", "features", "encoders", "videos", "note")


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
        type=int,
        choices=tuple(TABLES),
        required=True,
        help="; ".join(f"{number}: {table.title}" for number, table in TABLES.items()),
    )
    parser.add_argument(
        "--reported",
        type=Path,
        nargs="+",
        help="the paper's table (CSV), and files with further rows of it, as of its journal version; without it the "
        "table has the measured rows alone",
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
        choices=("released", "exact", "causal", "abnormal"),
        default="released",
        help="released; exact (frame level: true video lengths); causal (frame level: as live, from metrics with "
        "--causal); abnormal (mAP: abnormal classes only)",
    )
    parser.add_argument("--out", type=Path, required=True, help="table to write (CSV)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Make one table."""
    arguments = parser().parse_args(argv)
    table = TABLES[arguments.table]
    columns = _columns(arguments, table)
    rows = _pairs("--row", arguments.row)
    modalities = dict(_pairs("--modality", arguments.modality))
    runs: dict[str, list[Run]] = {}
    for key, path in _pairs("--measured", arguments.measured):
        runs.setdefault(key, []).append(read_run(Path(path)))
    names = dict(rows)
    unplaced = sorted((runs.keys() | modalities.keys()) - names.keys())
    if unplaced:
        raise InputError(f"--row: {unplaced[0]!r} has no row; add --row {unplaced[0]}=METHOD")
    if arguments.reported is None:
        if arguments.unreported:
            raise InputError("--unreported: belongs to --reported; without it every row is measured alone")
        header, reported = list(table.row_keys), own_rows(list(names.values()), table.row_keys)
    else:
        header, reported = read_all_reported(arguments.reported, columns, table.row_keys)
        reported |= unreported_rows(_unreported(arguments, names), reported, table.row_keys)
    measured = {
        names[key]: measured_cells(of_key, columns, arguments.protocol, modalities.get(key, ""))
        for key, of_key in runs.items()
    }
    if len(measured) < len(runs):
        raise InputError("--row: two keys with measured runs fill the same row; give each its own")
    source = arguments.reported[0] if arguments.reported else None
    write_text(arguments.out, compose(header, reported, measured, columns, source))


def read_reported(
    path: Path, columns: Sequence[Column], keys: Sequence[str] = ("method",)
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Read a paper's table.

    Args:
        path: CSV with the columns ``keys``, one column for each figure, and any others that describe a row.
        columns: The columns it must have; an empty cell is one that the paper does not report.
        keys: Columns whose cells, joined by ``/``, name a row.

    Returns:
        The names of the describing columns, and by row name the cells by column name.

    Raises:
        InputError: If the file is absent or malformed, a column is missing or two rows have one name.
    """
    header, rows = read_csv(path, "a CSV table")
    for name in (*keys, *(column.name for column in columns)):
        if name not in header:
            raise InputError(f"{path}: column {name} is missing; this table needs it")
    named: dict[str, dict[str, str]] = {}
    for number, row in rows:
        name = "/".join(row[key] for key in keys)
        if name in named:
            raise InputError(f"{path}, line {number}: {'/'.join(keys)} {name!r} has two rows; keep one")
        named[name] = row
        for column in columns:
            row[column.name] = _reported_cell(row[column.name], f"{path}, line {number}: column {column.name}")
    numbers = {column.name for column in columns}
    return [name for name in header if name not in numbers], named


def read_all_reported(
    paths: Sequence[Path], columns: Sequence[Column], keys: Sequence[str] = ("method",)
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Read a paper's table, and after its rows those of further files.

    Args:
        paths: The table, and files of the same columns with other rows.
        columns: See ``read_reported``, as for ``keys`` and what is given.
        keys: Columns whose cells, joined by ``/``, name a row.

    Raises:
        InputError: As ``read_reported``, and if columns differ or two files have a row of one name.
    """
    header, rows = read_reported(paths[0], columns, keys)
    for path in paths[1:]:
        further, more = read_reported(path, columns, keys)
        if further != header:
            raise InputError(
                f"{path}: its columns {', '.join(further)} are not those of {paths[0]}, {', '.join(header)}"
            )
        twice = sorted(more.keys() & rows.keys())
        if twice:
            raise InputError(f"{path}: row {twice[0]!r} stands in a file before it too; keep one")
        rows |= more
    return header, rows


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


def measured_cells(runs: Sequence[Run], columns: Sequence[Column], protocol: str, modality: str) -> dict[str, str]:
    """Sum up the runs of one method: mean and sample standard deviation over its seeds, interval, and what they were.

    Every run's interval is of the same resamples of the test videos, which move all seeds alike. So the mean of their
    ends stands for the interval of the mean; it is that or a little wider.

    Args:
        runs: At least one run, which differ in their seed alone.
        columns: What the table shows.
        protocol: Name of the protocol that the columns follow.
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
    for column in columns:
        values = [_value(run, column) for run in runs]
        cells[f"measured_{column.name}_mean"] = f"{statistics.fmean(values):.2f}{mark}"
        cells[f"measured_{column.name}_std"] = f"{statistics.stdev(values):.2f}" if len(values) > 1 else ""
        ends = [interval(run, column.keys) for run in runs]
        for number, end in enumerate(("low", "high")):
            known = [found[number] for found in ends if found]
            cells[f"measured_{column.name}_{end}"] = f"{statistics.fmean(known):.2f}" if len(known) == len(runs) else ""
    return cells | {
        "seeds": str(len(runs)),
        "intervals": _of_intervals(runs, columns),
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
    columns: Sequence[Column],
    source: Path | None,
) -> str:
    """Join reported rows and measured cells into a CSV table.

    Args:
        describing: Names of the describing columns of the reported rows.
        reported: By row name, the cells of the paper's table by column name.
        measured: By row name, the measured cells by column name.
        columns: What the table shows.
        source: File of the reported rows, for the message; ``None`` for a table without them.

    Returns:
        The table as CSV text, rows in the order of ``reported``.

    Raises:
        InputError: If a measured row is not in the paper's table.
    """
    strangers = measured.keys() - reported.keys()
    if strangers:
        raise InputError(f"--row: {sorted(strangers)[0]!r} is no row of {source}; it has {', '.join(reported)}")
    results = [f"measured_{column.name}_{kind}" for column in columns for kind in KINDS]
    told = columns if source else ()
    reports = [f"reported_{column.name}" for column in told]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [*describing, *reports, "measured_modality", *results, *STATED], restval="", lineterminator="\n"
    )
    writer.writeheader()
    for name, row in reported.items():
        cells = {column: row[column] for column in describing}
        cells |= {f"reported_{column.name}": row[column.name] for column in told}
        writer.writerow({column: cell(text) for column, text in (cells | dict(measured.get(name, {}))).items()})
    return text.getvalue()


def own_rows(names: Sequence[str], keys: Sequence[str]) -> dict[str, dict[str, str]]:
    """Give the rows of a table that no paper has: what names them.

    Args:
        names: Names of the rows.
        keys: Columns whose cells, joined by ``/``, name a row.

    Raises:
        InputError: If a name has not as many cells.
    """
    cells = {name: name.split("/") if len(keys) > 1 else [name] for name in names}
    for name, parts in cells.items():
        if len(parts) != len(keys):
            raise InputError(f"--row: {name!r} must be {len(keys)} cells joined by a slash, {'/'.join(keys)}")
    return {name: dict(zip(keys, parts, strict=True)) for name, parts in cells.items()}


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


def _columns(arguments: argparse.Namespace, table: Table) -> tuple[Column, ...]:
    if not table.frame and (arguments.branch or arguments.measure or arguments.protocol in ("exact", "causal")):
        raise InputError(
            f"--table {arguments.table}: mAP has neither --branch nor --measure, and its --protocol is released or "
            "abnormal"
        )
    if table.frame and arguments.protocol == "abnormal":
        raise InputError(
            f"--protocol: abnormal belongs to --table 2; table {arguments.table} has released, exact and causal"
        )
    measure = arguments.measure if arguments.measure in table.measures else table.measures[0]
    return columns_of(table, arguments.branch or table.branch, arguments.protocol, measure)


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


def _value(run: Run, column: Column) -> float:
    value: Any = run.metrics
    for key in column.keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not is_finite(value):
        raise InputError(
            f"{run.path}: field {'.'.join(column.keys)} is {value!r}, but the table needs a number; "
            "exact needs the frames of every scored video, causal evaluate.metrics --causal, AP an abnormal frame, AUC "
            "frames of both kinds"
        )
    return float(value)


def interval(run: Run, keys: Sequence[str]) -> tuple[float, float] | None:
    """Give the interval of one figure of a run, ``None`` if it has none.

    Raises:
        InputError: If it is no pair of numbers.
    """
    value: Any = run.metrics.get("intervals")
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(is_finite(end) for end in value):
        raise InputError(f"{run.path}: field intervals.{'.'.join(keys)} is {value!r}, not two numbers; measure again")
    return float(value[0]), float(value[1])


def _of_intervals(runs: Sequence[Run], columns: Sequence[Column]) -> str:
    made = [found for run in runs if isinstance(found := run.metrics.get("intervals"), dict)]
    if len(made) < len(runs):
        return "none; measure again"
    first, note = made[0], str(made[0].get("note", ""))
    if note.startswith("no intervals"):
        return note
    said = f"{first.get('level')}% over test videos ({first.get('resamples')} resamples, {first.get('how')})"
    if len(runs) > 1:
        said = f"[ ] {said}, mean of {len(runs)} seeds; ± standard deviation over the seeds"
    lost = max((_undefined(first, column.keys) for column in columns), default=0.0)
    undefined = f"up to {100 * lost:.1f}% of the resamples lack a kind of frames or events and do not count"
    return "; ".join(word for word in (said, note, undefined if lost > MUCH else "") if word)


def _undefined(intervals: Mapping[str, Any], keys: Sequence[str]) -> float:
    counts, resamples = intervals.get("undefined"), intervals.get("resamples")
    count = counts.get(".".join(keys)) if isinstance(counts, dict) else None
    return float(count / resamples) if is_finite(count) and is_finite(resamples) and resamples else 0.0


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
