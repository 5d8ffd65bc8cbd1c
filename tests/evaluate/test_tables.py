import csv
import json
from pathlib import Path
from typing import Any

import pytest

from evaluate.show import main as show
from evaluate.tables import main
from evaluate.twins import main as write_twins
from extract.base.errors import InputError

REPORTED = Path(__file__).parents[2] / "evaluate" / "reported"
COLUMNS_1 = (
    "method,reference,modality,reported_ap,measured_modality,measured_ap_mean,measured_ap_std,measured_ap_low,"
    "measured_ap_high,seeds,intervals,selection,protocol,features,encoders,videos,note"
)
THRESHOLDS = ["map_0.1", "map_0.2", "map_0.3", "map_0.4", "map_0.5", "avg"]


def metrics(path: Path, ap: float, seed: int | None, missing: int = 0, **provenance: Any) -> Path:
    by_threshold = {key.removeprefix("map_"): ap / 10 + i for i, key in enumerate(THRESHOLDS)}
    content = {
        "format": "avadclip-metrics",
        "version": 1,
        "videos": 30,
        "missing": [f"lost{i}" for i in range(missing)],
        "classification": {"released": {"ap": ap + 1, "auc": ap + 2}, "exact": None},
        "alignment": {"released": {"ap": ap, "auc": ap + 3}, "exact": {"ap": ap + 4, "auc": None}},
        "map": {"released": by_threshold, "abnormal": {key: 2 * value for key, value in by_threshold.items()}},
        "provenance": {"seed": seed, "selection": "last", "encoders": "ViT", "features": "crop 5", **provenance},
    }
    path.write_text(json.dumps(content))
    return path


def table(folder: Path, *words: str, number: str = "1", reported: str = "xd_table1.csv") -> dict[str, dict[str, str]]:
    out = folder / "table.csv"
    main(["--table", number, "--reported", str(REPORTED / reported), "--out", str(out), *words])
    with out.open(encoding="utf-8", newline="") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def vadclip(*paths: Path) -> list[str]:
    return ["--row", "vadclip=VadCLIP", *[word for path in paths for word in ("--measured", f"vadclip={path}")]]


def test_table_1_has_its_columns_and_a_row_for_every_method_of_the_paper(tmp_path: Path) -> None:
    rows = table(tmp_path)
    assert (tmp_path / "table.csv").read_text().splitlines()[0] == COLUMNS_1
    with (REPORTED / "xd_table1.csv").open() as file:
        reported = list(csv.DictReader(file))
    assert list(rows) == [row["method"] for row in reported]
    for row in reported:
        found = rows[row["method"]]
        assert float(found["reported_ap"]) == float(row["ap"])
        assert (found["reference"], found["modality"]) == (row["reference"], row["modality"])
        assert {found[column] for column in COLUMNS_1.split(",")[4:]} == {""}


def test_seeds_are_summed_up_as_mean_and_sample_standard_deviation(tmp_path: Path) -> None:
    runs = [metrics(tmp_path / f"{seed}.json", ap, seed) for seed, ap in enumerate([50.0, 52.0, 57.0])]
    rows = table(tmp_path, *vadclip(*runs), "--modality", "vadclip=RGB(ViT)")
    row = rows["VadCLIP"]
    assert (row["measured_ap_mean"], row["measured_ap_std"], row["seeds"]) == ("53.00", "3.61", "3")
    assert (row["selection"], row["protocol"], row["features"]) == ("last", "released", "crop 5")
    assert (row["encoders"], row["videos"], row["note"]) == ("ViT", "30", "")
    assert (row["reported_ap"], row["measured_modality"]) == ("84.51", "RGB(ViT)")
    assert rows["AVadCLIP"]["measured_ap_mean"] == ""


def with_interval(path: Path, low: float, high: float, note: str = "") -> Path:
    content = json.loads(path.read_text())
    made = {"level": 95, "resamples": 2000, "how": "percentile", "note": note, "warning": ""}
    ends = None if note else [low, high]
    content["intervals"] = made | {"alignment": {"released": {"ap": ends}}}
    path.write_text(json.dumps(content))
    return path


def test_the_interval_over_videos_stands_beside_the_figure_and_in_the_twins(tmp_path: Path) -> None:
    run = with_interval(metrics(tmp_path / "a.json", 86.04, 0), 84.94, 87.06)
    row = table(tmp_path, *vadclip(run))["VadCLIP"]
    assert (row["measured_ap_low"], row["measured_ap_high"]) == ("84.94", "87.06")
    assert row["intervals"] == "95% over test videos (2000 resamples, percentile)"
    twins = [str(tmp_path / "table.csv"), "--markdown", str(tmp_path / "t.md"), "--latex", str(tmp_path / "t.tex")]
    write_twins(twins)
    assert "| 86.04 [84.9, 87.1] |" in (tmp_path / "t.md").read_text().replace("\\[", "[")
    assert "86.04 [84.9, 87.1]" in (tmp_path / "t.tex").read_text()


def test_of_several_seeds_the_table_says_which_spread_is_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [with_interval(metrics(tmp_path / f"{n}.json", 50 + 4 * n, n), 40 + 2 * n, 60 + 2 * n) for n in range(2)]
    row = table(tmp_path, *vadclip(*runs))["VadCLIP"]
    assert (row["measured_ap_low"], row["measured_ap_high"]) == ("41.00", "61.00")
    assert row["intervals"] == (
        "[ ] 95% over test videos (2000 resamples, percentile), mean of 2 seeds; ± standard deviation over the seeds"
    )
    show([str(tmp_path / "table.csv")])
    assert "52.00 ± 2.83 [41.0, 61.0]" in capsys.readouterr().out


def test_metrics_of_before_there_were_intervals_have_empty_cells(tmp_path: Path) -> None:
    old, new = metrics(tmp_path / "a.json", 50, 0), with_interval(metrics(tmp_path / "b.json", 52, 1), 40, 60)
    row = table(tmp_path, *vadclip(old, new))["VadCLIP"]
    assert (row["measured_ap_low"], row["measured_ap_high"], row["intervals"]) == ("", "", "none; measure again")
    one = with_interval(metrics(tmp_path / "c.json", 52, 1), 0, 0, note="no intervals: one video")
    row = table(tmp_path, *vadclip(one))["VadCLIP"]
    assert (row["measured_ap_low"], row["intervals"]) == ("", "no intervals: one video")


def test_undefined_resamples_of_a_figure_that_the_table_shows_are_said(tmp_path: Path) -> None:
    path = with_interval(metrics(tmp_path / "a.json", 50, 0), 40, 60)
    content = json.loads(path.read_text())
    for key, said in (("alignment.released.ap", True), ("map.released.avg", False)):
        content["intervals"]["undefined"] = {key: 150}
        path.write_text(json.dumps(content))
        told = table(tmp_path, *vadclip(path))["VadCLIP"]["intervals"]
        assert ("; up to 7.5% of the resamples lack a kind of frames" in told) is said


def test_an_interval_that_is_no_pair_of_numbers_is_named(tmp_path: Path) -> None:
    path = with_interval(metrics(tmp_path / "a.json", 50, 0), 40, "high")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"a\.json: field intervals\.alignment\.released\.ap is \[40, 'high'\]"):
        table(tmp_path, *vadclip(path))


def test_one_seed_has_no_standard_deviation(tmp_path: Path) -> None:
    row = table(tmp_path, *vadclip(metrics(tmp_path / "a.json", 50, 1)))["VadCLIP"]
    assert (row["measured_ap_mean"], row["measured_ap_std"], row["seeds"]) == ("50.00", "", "1")


def test_table_2_reports_and_measures_every_threshold(tmp_path: Path) -> None:
    runs = [metrics(tmp_path / "a.json", 40, 1), metrics(tmp_path / "b.json", 60, 2)]
    words = [*vadclip(*runs), "--row", "student=AVadCLIP*", "--measured", f"student={runs[0]}"]
    rows = table(tmp_path, *words, number="2", reported="xd_table2.csv")
    assert list(rows["VadCLIP"]) == [
        "method",
        *(f"reported_{name}" for name in THRESHOLDS),
        "measured_modality",
        *(f"measured_{name}_{kind}" for name in THRESHOLDS for kind in ("mean", "std", "low", "high")),
        *("seeds", "intervals", "selection", "protocol", "features", "encoders", "videos", "note"),
    ]
    assert rows["VadCLIP"]["reported_map_0.3"] == "23.38"
    assert rows["VadCLIP"]["measured_map_0.3_mean"] == "7.00"
    assert rows["VadCLIP"]["measured_avg_std"] == "1.41"
    assert rows["AVadCLIP*"]["measured_avg_mean"] == "9.00"
    assert rows["Random"]["measured_avg_mean"] == ""
    abnormal = table(tmp_path, *words, "--protocol", "abnormal", number="2", reported="xd_table2.csv")
    assert (abnormal["VadCLIP"]["measured_avg_mean"], abnormal["VadCLIP"]["protocol"]) == ("20.00", "abnormal")


def test_cctv_takes_the_classification_branch_and_ucf_its_auc(tmp_path: Path) -> None:
    words = vadclip(metrics(tmp_path / "a.json", 50, 1))
    assert table(tmp_path, *words, number="3", reported="cctv_table3.csv")["VadCLIP"]["measured_ap_mean"] == "51.00"
    ucf = table(tmp_path, *words, "--measure", "auc", number="3", reported="ucf_vadclip.csv")["VadCLIP"]
    assert (ucf["reported_auc"], ucf["measured_auc_mean"]) == ("88.02", "52.00")


def test_branch_and_protocol_choose_the_figure_of_table_1(tmp_path: Path) -> None:
    words = vadclip(metrics(tmp_path / "a.json", 50, 1))
    exact = table(tmp_path, *words, "--protocol", "exact")["VadCLIP"]
    assert (exact["measured_ap_mean"], exact["protocol"]) == ("54.00", "exact")
    assert table(tmp_path, *words, "--branch", "classification")["VadCLIP"]["measured_ap_mean"] == "51.00"
    with pytest.raises(InputError, match=r"a\.json: field classification\.exact\.ap is None"):
        table(tmp_path, *words, "--protocol", "exact", "--branch", "classification")


def test_videos_without_scores_mark_the_value_and_explain_it(tmp_path: Path) -> None:
    row = table(tmp_path, *vadclip(metrics(tmp_path / "a.json", 50, 1, missing=1)))["VadCLIP"]
    assert (row["measured_ap_mean"], row["videos"]) == ("50.00*", "29 of 30")
    assert row["note"].startswith("* 1 of 30 test videos")


def test_the_note_says_what_a_reader_must_know(tmp_path: Path) -> None:
    run = metrics(
        tmp_path / "a.json",
        50,
        1,
        selection="released",
        weights="random:0; 1f2e",
        recipe="10 epochs",
        note="demo, simulated",
        mismatch=["stride: 16, not 4", "weights differ"],
    )
    assert table(tmp_path, *vadclip(run))["VadCLIP"]["note"] == (
        "random weights; recipe: 10 epochs; checkpoint selected on the test set; "
        "mismatch allowed: stride: 16, not 4; mismatch allowed: weights differ; demo, simulated"
    )


def test_metrics_of_another_tool_without_provenance_fill_a_row(tmp_path: Path) -> None:
    path = metrics(tmp_path / "a.json", 50, 1)
    content = json.loads(path.read_text())
    del content["provenance"]
    path.write_text(json.dumps(content))
    row = table(tmp_path, *vadclip(path))["VadCLIP"]
    assert (row["measured_ap_mean"], row["selection"], row["encoders"]) == ("50.00", "", "")


@pytest.mark.parametrize("field", ["selection", "encoders", "weights", "features", "recipe"])
def test_runs_that_disagree_in_more_than_their_seed_are_no_row(tmp_path: Path, field: str) -> None:
    runs = [metrics(tmp_path / "a.json", 50, 1), metrics(tmp_path / "b.json", 52, 2, **{field: "another"})]
    with pytest.raises(InputError, match=rf"a\.json and .*b\.json: {field} differs .*'another'"):
        table(tmp_path, *vadclip(*runs))


def test_runs_that_lost_different_videos_are_no_row(tmp_path: Path) -> None:
    runs = [metrics(tmp_path / "a.json", 50, 1), metrics(tmp_path / "b.json", 52, 2, missing=1)]
    with pytest.raises(InputError, match="missing differs"):
        table(tmp_path, *vadclip(*runs))


def test_a_seed_given_twice_is_refused(tmp_path: Path) -> None:
    first, second = metrics(tmp_path / "a.json", 50, 1), metrics(tmp_path / "b.json", 52, 1)
    with pytest.raises(InputError, match="both are seed 1"):
        table(tmp_path, *vadclip(first, second))
    unknown = metrics(tmp_path / "c.json", 50, None)
    with pytest.raises(InputError, match="both are seed"):
        table(tmp_path, *vadclip(unknown, unknown))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--measured", "vadclip=a.json"], "no row; add --row vadclip=METHOD"),
        (["--row", "vadclip"], "--row: 'vadclip' is not of the form"),
        (["--row", "vadclip=VadClip", "--measured", "vadclip=a.json"], "'VadClip' is no row of .*xd_table1.csv"),
        (["--row", "a=VadCLIP", "--row", "b=VadCLIP", "--measured", "a=a.json", "--measured", "b=a.json"], "same row"),
        (["--row", "vadclip=VadCLIP", "--measured", "vadclip=none.json"], "none.json: no such metrics"),
        (["--unreported", "vadclip"], "--unreported: 'vadclip' has no row; add --row vadclip=METHOD"),
        (["--row", "vadclip=VadCLIP", "--unreported", "vadclip"], "'VadCLIP' is a row of the paper's table; leave"),
        (["--protocol", "abnormal"], "abnormal belongs to --table 2"),
    ],
)
def test_wrong_arguments_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    metrics(tmp_path / "a.json", 50, 1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        table(tmp_path, *words)
    assert not (tmp_path / "table.csv").exists()


def test_a_method_that_the_paper_does_not_list_follows_its_rows_without_a_reported_number(tmp_path: Path) -> None:
    path = metrics(tmp_path / "a.json", 50, 1)
    words = ["--row", "own=Own", "--modality", "own=RGB", "--measured", f"own={path}", "--unreported", "own"]
    rows = table(tmp_path, *words)
    assert list(rows)[-2:] == ["AVadCLIP", "Own"]
    row = rows["Own"]
    assert (row["reference"], row["reported_ap"], row["measured_modality"]) == ("", "", "RGB")
    assert row["measured_ap_mean"] == "50.00"


def test_flags_of_the_frame_level_do_not_fit_table_2(tmp_path: Path) -> None:
    for words in (["--branch", "alignment"], ["--measure", "ap"], ["--protocol", "exact"]):
        with pytest.raises(InputError, match="--table 2"):
            table(tmp_path, *words, number="2", reported="xd_table2.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1", "cannot be read as JSON"),
        ("[]", "field format"),
        ('{"format": "avadclip-metrics", "version": 2}', "field version is 2"),
        ('{"format": "avadclip-metrics", "version": 1, "videos": 2, "missing": ["a", "b"]}', "missing"),
    ],
)
def test_a_malformed_metrics_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=rf"a\.json: .*{message}"):
        table(tmp_path, *vadclip(tmp_path / "a.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("method,auc\nX,1\n", "column ap is missing"),
        ("method,ap\nX,1\nX,2\n", "line 3: method 'X' has two rows"),
        ("method,ap\nX,high\n", "line 2: column ap: 'high' is no number"),
        ("method,ap\nX\n", "line 2: has not 2 cells"),
        ("method,ap\nX,1,2\n", "line 2: has not 2 cells"),
    ],
)
def test_a_malformed_reported_table_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "reported.csv").write_text(content)
    with pytest.raises(InputError, match=rf"reported\.csv.*{message}"):
        table(tmp_path, reported=str(tmp_path / "reported.csv"))


def test_rows_of_the_journal_version_follow_those_of_the_paper_and_are_marked(tmp_path: Path) -> None:
    words = ["--row", "own=TPWNG", "--measured", f"own={metrics(tmp_path / 'a.json', 50, 1)}"]
    files = [str(REPORTED / name) for name in ("xd_table1.csv", "xd_table1_journal.csv")]
    main(["--table", "1", "--reported", *files, "--out", str(tmp_path / "table.csv"), *words])
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert list(rows)[-3:] == ["AVadCLIP", "AnomalyCLIP", "TPWNG"]
    assert [rows[name]["reported_ap"] for name in ("AnomalyCLIP", "TPWNG")] == ["78.51", "83.68"]
    assert rows["TPWNG"]["measured_ap_mean"] == "50.00"
    for name, row in rows.items():
        assert ("only in the paper's journal version" in row["reference"]) is (name in ("AnomalyCLIP", "TPWNG"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("method,reference,modality,ap\nVadCLIP,,,1\n", "row 'VadCLIP' stands in a file before it too"),
        ("method,ap\nOther,1\n", "its columns method are not those of .*xd_table1.csv, method, reference, modality"),
    ],
)
def test_further_rows_that_do_not_go_with_the_table_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "more.csv").write_text(content)
    files = [str(REPORTED / "xd_table1.csv"), str(tmp_path / "more.csv")]
    with pytest.raises(InputError, match=rf"more\.csv: {message}"):
        main(["--table", "1", "--reported", *files, "--out", str(tmp_path / "table.csv")])


def test_tables_are_printed_with_every_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(tmp_path, *vadclip(metrics(tmp_path / "a.json", 50, 1, missing=1, note="a long note " * 9)))
    show([str(tmp_path / "table.csv")])
    # Long notes go on over several lines.
    printed = " ".join(capsys.readouterr().out.split())
    for row in rows.values():
        assert all(" ".join(cell.split()) in printed for cell in row.values())
    with pytest.raises(InputError, match=r"none\.csv"):
        show([str(tmp_path / "none.csv")])


def test_table_4_names_its_rows_by_three_cells_and_has_ap_and_mean_map(tmp_path: Path) -> None:
    run = metrics(tmp_path / "a.json", 50, 1)
    words = ["--row", "fused=yes/no/no", "--modality", "fused=RGB(ViT)+Audio", "--measured", f"fused={run}"]
    out = tmp_path / "table.csv"
    main(["--table", "4", "--reported", str(REPORTED / "xd_table4.csv"), "--out", str(out), *words])
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["measured_ap_mean"] for row in rows] == ["", "50.00", "", ""]
    assert (rows[1]["reported_ap"], rows[1]["reported_avg"]) == ("82.90", "26.63")
    assert rows[1]["measured_avg_mean"] == "10.00"


@pytest.mark.parametrize(("number", "row"), [("5", "Element-wise Addition"), ("6", "Audio Model w/o UKD")])
def test_tables_5_and_6_fill_the_row_of_a_variant(tmp_path: Path, number: str, row: str) -> None:
    run = metrics(tmp_path / "a.json", 50, 1)
    out = tmp_path / "table.csv"
    words = ["--row", f"variant={row}", "--measured", f"variant={run}", "--out", str(out)]
    main(["--table", number, "--reported", str(REPORTED / f"xd_table{number}.csv"), *words])
    with out.open(encoding="utf-8", newline="") as file:
        (filled,) = [line for line in csv.DictReader(file) if line["measured_ap_mean"]]
    assert next(iter(filled.values())) == row


def own_table(folder: Path, *words: str, number: str = "1") -> list[dict[str, str]]:
    main(["--table", number, "--out", str(folder / "own.csv"), *words])
    with (folder / "own.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_own_videos_have_a_table_of_their_own_with_measured_rows_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = metrics(tmp_path / "a.json", 40.0, 0), metrics(tmp_path / "b.json", 42.0, 1)
    words = [*vadclip(first, second), "--modality", "vadclip=RGB(ViT)", "--row", "mine=My own"]
    rows = own_table(tmp_path, *words, "--measured", f"mine={metrics(tmp_path / 'c.json', 50.0, 0)}")
    assert [row["method"] for row in rows] == ["VadCLIP", "My own"]
    assert [(row["measured_ap_mean"], row["measured_ap_std"]) for row in rows] == [("41.00", "1.41"), ("50.00", "")]
    assert not any(column.startswith("reported") for column in rows[0])
    text = (tmp_path / "own.csv").read_text()
    assert "84.51" not in text  # VadCLIP's in the paper's Table 1
    assert "AVadCLIP" not in text

    show([str(tmp_path / "own.csv")])
    shown = capsys.readouterr().out
    assert "41.00 ± 1.41" in shown
    assert "RGB(ViT)" in shown
    assert "reported" not in shown

    write_twins([str(tmp_path / "own.csv"), "--markdown", str(tmp_path / "t.md"), "--latex", str(tmp_path / "t.tex")])
    lines = (tmp_path / "t.md").read_text().splitlines()
    assert lines[0] == "| method | modality | ap measured |"
    assert lines[2:4] == ["| VadCLIP | RGB(ViT) | 41.00 ± 1.41 |", "| My own |  | 50.00 |"]
    assert "reported" not in (tmp_path / "t.tex").read_text()


def test_own_ablations_are_named_by_their_cells(tmp_path: Path) -> None:
    run = metrics(tmp_path / "a.json", 40.0, 0)
    words = ["--row", "t=yes/no/maybe", "--measured", f"t={run}"]
    (row,) = own_table(tmp_path, *words, number="4")
    assert (row["av_fusion"], row["av_prompt"], row["focal_loss"]) == ("yes", "no", "maybe")
    with pytest.raises(InputError, match="'yes' must be 3 cells joined by a slash"):
        own_table(tmp_path, "--row", "t=yes", "--measured", f"t={run}", number="4")
    with pytest.raises(InputError, match="--unreported: belongs to --reported"):
        own_table(tmp_path, *words, "--unreported", "t", number="4")
