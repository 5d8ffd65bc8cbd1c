"""The house: rooms of at most 25 modules, imports that run downwards, and no two modules that import each other."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("config", "extract", "train", "evaluate")
MOST_MODULES = 25
# What a room may import from beside itself. A package's root holds its commands, and formats that its rooms may read.
BELOW = {
    "extract.base": set(),
    "extract.media": {"extract.base"},
    "extract.encoders": {"extract", "extract.base", "extract.media"},
    "extract.lists": {"extract", "extract.base"},
    "extract.labels": {"extract", "extract.base"},
    "extract.npy": {"extract", "extract.base", "extract.labels", "extract.lists"},
    "extract.catalogs": {
        *("extract", "extract.base", "extract.media", "extract.labels", "extract.lists", "extract.npy"),
    },
    "extract": {"extract.base", "extract.media", "extract.encoders", "extract.labels", "extract.lists", "extract.npy"},
    "extract.audit": {"extract", "extract.base", "extract.media", "extract.encoders"},
    "extract.demo": {"extract", "extract.base"},
    "train.model": {"extract.base"},
    "train.baselines": {"extract.base", "train", "train.model"},
    "train": {"extract", "extract.base", "extract.encoders", "extract.labels", "train.model", "train.baselines"},
    "evaluate.arrays": {"extract", "extract.base", "extract.lists", "evaluate"},
    "train.export": {"extract.base", "extract.encoders", "train"},
    "evaluate.alarms": {"extract", "extract.base", "train", "evaluate", "evaluate.statistics"},
    "evaluate.statistics": {"extract", "extract.base", "train", "evaluate"},
    "evaluate": {
        "extract",
        "extract.base",
        "extract.labels",
        "train",
        *(f"evaluate.{room}" for room in ("arrays", "alarms", "statistics")),
    },
    "evaluate.compare": {"extract", "extract.base", "train", "evaluate", "evaluate.report", "evaluate.statistics"},
    "evaluate.report": {"extract", "extract.base", "extract.media", "train", "evaluate", "evaluate.alarms"},
    "evaluate.pages": {"evaluate.report"},
    "evaluate.detect": {
        *("extract", "extract.base", "extract.media", "extract.encoders", "extract.lists"),
        *("train", "train.export", "evaluate", "evaluate.report", "evaluate.pages", "evaluate.alarms"),
    },
    "evaluate.watch": {
        *("extract", "extract.base", "extract.media", "extract.encoders"),
        *("train", "evaluate", "evaluate.detect", "evaluate.pages"),
    },
    "config": {"extract", "extract.base", "extract.labels", "train", "evaluate"},
}


@cache
def modules() -> dict[str, Path]:
    """Name the modules of the packages; a package's ``__init__`` bears the package's name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Name the modules that a module imports anywhere, also within functions and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{name.name}" for name in node.names}
            found |= (whole & known.keys()) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found & known.keys()


@cache
def imports() -> dict[str, set[str]]:
    """Name what each module imports."""
    return {name: imported(path, modules()) - {name} for name, path in modules().items()}


def room(module: str) -> str:
    """Name the folder that a module lies in."""
    path = modules()[module]
    return ".".join(path.relative_to(ROOT).parent.parts)


@pytest.mark.parametrize("name", sorted({room(module) for module in modules()}))
def test_a_room_imports_from_below_it_alone(name: str) -> None:
    found = {room(other) for module, others in imports().items() if room(module) == name for other in others}
    assert found - {name} <= BELOW[name]


def test_no_module_imports_itself_through_others() -> None:
    list(TopologicalSorter(imports()).static_order())  # raises CycleError


@pytest.mark.parametrize("folder", ["config", "extract", "train", "evaluate", "benchmarks", "tests"])
def test_no_folder_has_more_modules_than_one_overlooks(folder: str) -> None:
    for path in (ROOT / folder).rglob("*"):
        if path.is_dir():
            assert len(list(path.glob("*.py"))) <= MOST_MODULES, path
