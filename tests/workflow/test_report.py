"""The report: one page that holds every category with captions, built and read without the internet."""

import base64
import json
import os
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.reading import read
from config.report import for_captions
from tests import forked_python
from tests.workflow.project import ROOT, copy_project, snakemake, write_config
from tests.workflow.test_released import TEST, write_features

LAST = "Each trained checkpoint is that of its last epoch; no test data chose it (selection: last)."
METHODS: dict[str, dict[str, Any]] = {
    "vadclip": {
        "rows": {"table1": "VadCLIP", "table2": "VadCLIP"},
        "architecture": {"model": "vadclip", "layers": 1, "window": 16, "max_snippets": 16},
        "recipe": {"epochs": 2, "batch": 2, "learning_rate": 1e-4},
    },
    "deep_mil": {
        "rows": {"table1": "DeepMIL"},
        "architecture": {"model": "deep_mil", "max_snippets": 16},
        "recipe": {"epochs": 1, "batch": 2, "learning_rate": 1e-3, "sampling": "paired"},
    },
}
TRAIN = {f"v=tr__#{number}_label_{label}": 6 for number, label in enumerate(("B1-0-0", "A", "B2-0-0", "A"))}


def settings(*methods: str) -> dict[str, Any]:
    chosen = {name: METHODS[name] | {"modality": "RGB(ViT)", "scoring_crop": 0} for name in methods}
    return {
        "name": "mine",
        "methods": chosen,
        "device": "cpu",
        "train_threads": 1,
        "shards": {"train": 1, "test": 1},
        "seeds": [7],
        "selection": "last",
        "text_weights": "random:0",
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on small released features, under version control, with its report made without a network."""
    folder = copy_project(tmp_path_factory.mktemp("report"))
    data = folder / "data/xd_released"
    data.mkdir(parents=True)
    write_features(data, "xd_CLIP_rgb", TRAIN)
    write_features(data, "xd_CLIP_rgbtest", TEST)
    fight, film, _ = TEST
    (data / "annotations_multiclasses.txt").write_text(f"{fight} B1 100 300\n{film} B2 0 50 G 50 120\n")
    (data / "annotations.txt").write_text(f"{fight} 100 300\n{film} 0 120\n")
    figure = {"videos": [fight], "methods": ["vadclip"]}
    config = write_config(folder, settings("vadclip", "deep_mil") | {"figure4": figure}, base="xd_released")
    for words in (["init"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "all"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)
    done = snakemake(folder, "--cores", "2", "--configfile", config)
    assert done.returncode == 0, done.stderr
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    made = subprocess.run(
        [forked_python.folder() / "python", "-m", "snakemake", "--configfile", config, "--report", "report.html"],
        cwd=folder, env=os.environ | nowhere, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def results(project: Path) -> dict[str, dict[str, Any]]:
    """What the page holds, by path."""
    page = (project / "report.html").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(_variable(page, "results"))
    return found


def _variable(page: str, name: str) -> str:
    match = re.search(rf'<script id="{name}">\s*var {name} = (.*?);\s*</script>', page, re.DOTALL)
    assert match is not None
    return match[1]


def shown(results: dict[str, dict[str, Any]], ending: str) -> str:
    """Give the text of an item."""
    (item,) = (item for path, item in results.items() if path.endswith(ending))
    return base64.b64decode(item["data_uri"].partition("base64,")[2]).decode("utf-8")


def test_the_report_has_every_category(project: Path) -> None:
    page = (project / "report.html").read_text(encoding="utf-8")
    assert json.loads(_variable(page, "categories")).keys() == {
        "1 Tables",
        "2 Training curves",
        "3 Precision and recall",
        "4 Alarms and delay",
        "5 AP of each class",
        "6 Confusion of classes",
        "7 Figure 4",
        "8 Data",
        "9 Provenance",
    }


def test_every_item_has_a_caption_that_says_how_the_checkpoint_was_selected(results: dict[str, dict[str, Any]]) -> None:
    # Tables 1 and 2 and their intervals; the comparison and its picture; curves, precision-recall and alarms of both
    # methods; AP and two confusions of one; three pages.
    assert len(results) == 2 + 2 + 2 + 2 + 2 + 2 + 1 + 2 + 3
    for path, item in results.items():
        assert LAST in " ".join(item["caption"].split()), path
        assert "system-message" not in item["caption"], path
        assert "{" not in item["caption"], path


def test_the_page_loads_nothing_from_elsewhere(project: Path) -> None:
    page = (project / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
    assert "@import" not in page


def test_a_method_without_classes_is_named_where_it_is_left_out(results: dict[str, dict[str, Any]]) -> None:
    for folder in ("confusion", "per_class"):
        captions = [item["caption"] for path, item in results.items() if folder in path]
        assert captions
        assert all("score anomaly alone: deep_mil" in " ".join(caption.split()) for caption in captions)


def test_unjudged_training_says_why_there_is_no_ap_by_epoch(results: dict[str, dict[str, Any]]) -> None:
    captions = [item["caption"] for path, item in results.items() if "training_curves" in path]
    assert len(captions) == 2
    assert all("There is no AP by epoch" in caption for caption in captions)


def test_no_item_s_name_breaks_its_own_address(results: dict[str, dict[str, Any]]) -> None:
    # A data URI ends at a '#', and XD-Violence's video ids have one.
    assert all("#" not in item["data_uri"] for item in results.values())
    page = shown(results, "figure4.html")
    assert next(iter(TEST)) in page
    assert page.count('src="data:image/png;base64,') == 1


def test_the_table_s_page_has_the_table_s_numbers(project: Path, results: dict[str, dict[str, Any]]) -> None:
    metrics = json.loads((project / "work/mine/metrics/vadclip/trained/seed7.json").read_text())
    ap = metrics["alignment"]["released"]["ap"]
    low, high = metrics["intervals"]["alignment"]["released"]["ap"]
    assert f"<td class=number>{ap:.2f} [{low:.1f}, {high:.1f}]</td>" in shown(results, "table1.html")


def test_the_methods_are_compared_with_one_another(project: Path, results: dict[str, dict[str, Any]]) -> None:
    page = shown(results, "comparison.html")
    assert "<td>vadclip</td><td>deep_mil</td>" in page
    assert "after Holm&#x27;s correction for 1 comparisons by this measure" in page
    assert (project / "results/mine_comparison.tex").is_file()


def test_provenance_names_commit_seed_versions_weights_times_and_the_configuration(
    project: Path, results: dict[str, dict[str, Any]]
) -> None:
    page = shown(results, "provenance.html")
    head = subprocess.run(["git", "-C", str(project), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert f"Git commit: {head.stdout.strip()}</li>" in page
    assert "Seeds: 7</li>" in page
    for package in ("torch", "numpy", "h5py"):
        assert f"<td>{package}</td><td>{metadata.version(package)}</td>" in page
    assert "untrained CLIP text tower (random:0)" in page
    assert re.search(r"<td>train</td><td class=number>2</td><td class=number>\d", page)
    assert "selection: last\n" in page


def test_a_configuration_of_methods_without_classes_plans_no_classes_and_says_so(tmp_path: Path) -> None:
    folder = copy_project(tmp_path)
    data = folder / "data/xd_released"
    data.mkdir(parents=True)
    for name in ("xd_CLIP_rgb", "xd_CLIP_rgbtest"):
        write_features(data, name, TEST)
    (data / "annotations_multiclasses.txt").write_text("")
    (data / "annotations.txt").write_text("")
    config = write_config(folder, settings("deep_mil") | {"figure4": None}, base="xd_released")
    done = snakemake(folder, "-n", "--configfile", config)
    assert done.returncode == 0, done.stderr
    planned = {line.split()[0] for line in done.stdout.splitlines() if re.fullmatch(r"\w+ +\d+", line)}
    assert {"table_page", "training_curves", "precision_recall", "alarm_delay", "failures_page"} <= planned
    assert not planned & {"confusion", "per_class", "figure4"}
    text = start_page(yaml.safe_load((folder / config).read_text()))
    assert "no confusion of classes: no method of this configuration tells classes apart" in text
    assert "There is no Figure 4" in text
    assert "There are no training curves" not in text


def test_released_checkpoints_have_classes_and_no_training_curves() -> None:
    text = start_page(yaml.safe_load((ROOT / "config/xd_released.yaml").read_text()))
    assert "There are no training curves: nothing was trained here." in text
    assert "tells classes apart" not in text


def start_page(config: dict[str, Any]) -> str:
    """Render the report's first page as Snakemake does."""
    from jinja2 import Environment

    template = (ROOT / "evaluate/captions/workflow.rst").read_text()
    environment = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 (reStructuredText, no HTML)
    shown = for_captions(read(config, "config.yaml"))
    rendered = environment.from_string(template).render(snakemake={"config": shown})
    return " ".join(rendered.split())
