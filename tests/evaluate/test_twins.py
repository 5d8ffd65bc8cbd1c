from pathlib import Path

import pytest

from evaluate.twins import main
from extract.base.errors import InputError

HEADER = (
    "method,modality,reported_ap,reported_avg,measured_modality,measured_ap_mean,measured_ap_std,measured_avg_mean,"
    "measured_avg_std,seeds,selection,protocol,features,encoders,videos,note"
)
ROWS = (
    "DeepMIL,RGB(ViT),75.18,,,,,,,,,,,,,",
    'AVadCLIP*,RGB(ViT),85.53,27.44,RGB(ViT),50.25,0.93,36.26*,,3,last,released,"crop 5","ViT_B (a & b, 100%)",30,x|y',
)


def twins(folder: Path, *rows: str) -> tuple[str, str]:
    (folder / "t.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    main([str(folder / "t.csv"), "--markdown", str(folder / "t.md"), "--latex", str(folder / "t.tex")])
    return (folder / "t.md").read_text(encoding="utf-8"), (folder / "t.tex").read_text(encoding="utf-8")


def test_reported_and_measured_stand_side_by_side_with_a_note_for_every_measured_row(tmp_path: Path) -> None:
    markdown, _ = twins(tmp_path, *ROWS)
    assert markdown.splitlines() == [
        "| method | modality | ap reported | ap measured | avg reported | avg measured |",
        "| --- | --- | --- | --- | --- | --- |",
        "| DeepMIL | RGB(ViT) | 75.18 | - | - | - |",
        "| AVadCLIP* | RGB(ViT) | 85.53 | 50.25 ± 0.93 | 27.44 | 36.26* |",
        "",
        "- AVadCLIP* / RGB(ViT): seeds: 3; selection: last; protocol: released; features: crop 5; "
        "encoders: ViT_B (a & b, 100%); videos: 30; note: x|y",
    ]


def test_latex_has_booktabs_rules_and_escapes_what_latex_reads(tmp_path: Path) -> None:
    _, latex = twins(tmp_path, *ROWS)
    assert latex.startswith("\\begin{tabular}{llrrrr}\n\\toprule\n")
    assert "AVadCLIP$^{*}$ & RGB(ViT) & 85.53 & 50.25 $\\pm$ 0.93 & 27.44 & 36.26$^{*}$ \\\\\n\\bottomrule" in latex
    assert "ViT\\_B (a \\& b, 100\\%)" in latex
    rows = latex[latex.index("\\midrule") : latex.index("\\bottomrule")].splitlines()[1:]
    assert all(row.count(" & ") == 5 and row.endswith(" \\\\") for row in rows)


def test_other_tables_are_refused_by_name(tmp_path: Path) -> None:
    for text in ("a,b\n1,2\n", "", "a,b\n1\n"):
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(InputError, match=r"t\.csv"):
            main([str(tmp_path / "t.csv"), "--markdown", str(tmp_path / "m"), "--latex", str(tmp_path / "l")])
