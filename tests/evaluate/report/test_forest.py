import csv
from pathlib import Path

import pytest

from evaluate.report.forest import Line, main, panels
from extract.base.errors import InputError

KINDS = ("mean", "std", "low", "high")
COLUMNS = [
    *("method", "reference", "modality", "reported_ap", "reported_map_0.1", "reported_avg", "measured_modality"),
    *(f"measured_{figure}_{kind}" for figure in ("ap", "map_0.1", "avg") for kind in KINDS),
]
ROWS = [
    {"method": "VadCLIP", "reference": "AAAI", "reported_ap": "84.51", "reported_avg": "24.70"}
    | {
        "measured_ap_mean": "83.90*",
        "measured_ap_std": "0.40",
        "measured_ap_low": "81.20",
        "measured_ap_high": "86.10",
    },
    {"method": "Own $x_1$ <b>", "measured_ap_mean": "50.00"},
]


def table(folder: Path, rows: list[dict[str, str]] = ROWS) -> Path:
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "t.csv"


def test_a_panel_shows_the_frame_level_figure_and_one_the_mean_map() -> None:
    rows = [dict.fromkeys(COLUMNS, "") | row for row in ROWS]
    found = panels(rows, Path("t.csv"))
    assert list(found) == ["ap", "avg"]
    assert found["ap"][0] == Line("VadCLIP", 84.51, 83.9, 0.4, (81.2, 86.1))
    assert found["ap"][1] == Line("Own $x_1$ <b>", None, 50.0, None, None)
    assert found["avg"][0] == Line("VadCLIP", 24.7, None, None, None)


def test_a_drawing_is_the_same_each_time_and_holds_strangers_names_as_outlines(tmp_path: Path) -> None:
    for name in ("one", "two"):
        main([str(table(tmp_path)), "--title", "Table 1", "--out", str(tmp_path / f"{name}.svg")])
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text()
    assert "<b>" not in text


def test_a_table_of_reported_numbers_alone_is_drawn(tmp_path: Path) -> None:
    main(
        [
            str(table(tmp_path, [{"method": "A", "reported_ap": "1.00"}])),
            "--title",
            "T",
            "--out",
            str(tmp_path / "o.svg"),
        ]
    )
    assert (tmp_path / "o.svg").is_file()


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"t\.csv: has no column measured_\*_mean"):
        main([str(tmp_path / "t.csv"), "--title", "T", "--out", str(tmp_path / "o.svg")])
    with pytest.raises(InputError, match="column measured_ap_mean: 'high' is no number"):
        main([str(table(tmp_path, [{"measured_ap_mean": "high"}])), "--title", "T", "--out", str(tmp_path / "o.svg")])
