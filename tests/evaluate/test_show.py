import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.show import main, show
from extract.base.errors import InputError

STATED = {
    "seeds": "3",
    "selection": "last",
    "protocol": "released",
    "features": "crop 0, stride 16",
    "encoders": "visual random:0 fp32",
    "videos": "30",
    "note": "random weights; recipe: 8 epochs",
}
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=120)


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def measured_row(method: str, figures: tuple[str, ...], modality: str = "RGB", **stated: str) -> dict[str, str]:
    row = {"method": method, "reference": "TMM 2025", "modality": modality}
    row |= {f"reported_{figure}": "86.04" for figure in figures}
    row["measured_modality"] = modality
    for figure in figures:
        row |= {f"measured_{figure}_mean": "47.11*", f"measured_{figure}_std": "10.93"}
    return row | STATED | stated


def reported_row(method: str, figures: tuple[str, ...]) -> dict[str, str]:
    row = dict.fromkeys(measured_row(method, figures), "")
    return row | {"method": method} | {f"reported_{figure}": "75.18" for figure in figures}


MAP = ("map_0.1", "map_0.2", "map_0.3", "map_0.4", "map_0.5", "avg")


@settings(max_examples=60)
@given(
    names=st.lists(NAMES, min_size=1, max_size=3),
    modality=NAMES,
    note=NAMES,
    figures=st.sampled_from([("ap",), ("ap", "avg"), MAP]),
    width=st.integers(60, 100),
)
def test_no_line_is_wider_than_asked_whatever_the_names(
    names: list[str], modality: str, note: str, figures: tuple[str, ...], width: int
) -> None:
    rows = [measured_row(name, figures, modality, note=note) for name in names] + [reported_row("RTFM", figures)]
    with tempfile.TemporaryDirectory() as folder:
        lines = show(written(Path(folder) / "t.csv", rows), width).split("\n")
    assert max(map(len, lines)) <= width
    assert all(line.isprintable() for line in lines)


@settings(max_examples=40)
@given(names=st.lists(NAMES, min_size=1, max_size=3), columns=st.integers(1, 20), cell=NAMES)
def test_any_other_table_fits_too(names: list[str], columns: int, cell: str) -> None:
    rows = [{"name": name, **{f"figure_{i}": cell for i in range(columns)}} for name in names]
    with tempfile.TemporaryDirectory() as folder:
        lines = show(written(Path(folder) / "t.csv", rows), 60).split("\n")
    assert max(map(len, lines)) <= 60


def test_reported_and_measured_stand_side_by_side_with_the_spread(tmp_path: Path) -> None:
    text = show(written(tmp_path / "t.csv", [reported_row("RTFM", ("ap",)), measured_row("Ours", ("ap",))]), 100)
    assert [line.split() for line in text.splitlines() if line.startswith(("RTFM", "Ours"))] == [
        ["RTFM", "75.18", "-"],
        ["Ours", "TMM", "2025", "RGB", "86.04", "47.11*", "±", "10.93"],
    ]


def test_six_figures_a_row_get_a_line_each_for_reported_measured_and_spread(tmp_path: Path) -> None:
    lines = show(written(tmp_path / "t.csv", [measured_row("Ours", MAP)]), 100).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Ours"))
    assert lines[start].endswith("reported" + "   86.04" * 6)
    assert lines[start + 1].split() == ["measured", *["47.11*"] * 6]
    assert lines[start + 2].split() == ["±", *["10.93"] * 6]


def test_what_all_rows_share_stands_once_and_what_they_do_not_names_its_rows(tmp_path: Path) -> None:
    rows = [
        measured_row("One", ("ap",), note="random weights; recipe: 8 epochs"),
        measured_row("Two", ("ap",), note="random weights; recipe: 12 epochs", selection="released"),
    ]
    lines = show(written(tmp_path / "t.csv", rows), 100).splitlines()
    for line in (
        "protocol: released",
        "note: random weights",
        "note (One): recipe: 8 epochs",
        "note (Two): recipe: 12 epochs",
        "selection (One): last",
        "selection (Two): released",
    ):
        assert lines.count(line) == 1, line


def test_a_measured_modality_that_is_not_the_reported_one_is_seen(tmp_path: Path) -> None:
    row = measured_row("Ours", ("ap",)) | {"measured_modality": "Audio"}
    assert "RGB, measured Audio" in show(written(tmp_path / "t.csv", [row]), 100)


@pytest.mark.parametrize(("encoders", "warned"), [("visual random:0 fp32", True), ("visual ViT-B-16.pt fp32", False)])
def test_untrained_encoders_are_warned_of(tmp_path: Path, encoders: str, warned: bool) -> None:
    row = measured_row("Ours", ("ap",), encoders=encoders, note="")
    assert ("WARNING: made with untrained encoders" in show(written(tmp_path / "t.csv", [row]), 100)) == warned


def test_a_mean_and_its_spread_share_a_column_and_further_columns_name_their_rows_again(tmp_path: Path) -> None:
    names = ("ap", "untrained", "shuffled", "heard_only", "seen_only", "seen_and_heard")
    row = {"method": "teacher", "branch": "alignment", "seeds": "3"}
    row |= {f"{name}_{kind}": cell for name in names for kind, cell in (("mean", "49.12"), ("std", "1.87"))}
    row |= {"ap_positive_rate": "19.00"}
    lines = show(written(tmp_path / "t.csv", [row]), 80).splitlines()
    named = [line for line in lines if line.startswith("teacher")]
    assert len(named) == 2
    assert sum(line.count("49.12 ± 1.87") for line in named) == len(names)
    assert "ap positive rate: 19.00" in lines


def test_a_terminals_commands_in_a_name_are_printed_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(written(tmp_path / "t.csv", [measured_row("\x1b[31mred\x07", ("ap",), note="two\nlines\x9b")]))])
    printed = capsys.readouterr().out
    assert r"\x1b[31mred\x07" in printed
    assert r"two\nlines\x9b" in printed
    assert all(line.isprintable() for line in printed.split("\n"))


def test_the_end_says_where_everything_is_and_what_to_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "t.csv", [measured_row("Ours", ("ap",))])
    path.with_suffix(".md").touch()
    main([str(path), "--next", "make learning"])
    assert capsys.readouterr().out.endswith(f"in full: {path}, {path.with_suffix('.md')}\nnext: make learning\n")


@pytest.mark.parametrize("content", ["", "method\n", "method,ap\nX\n"])
def test_a_file_that_is_no_table_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"t\.csv"):
        show(path, 100)
