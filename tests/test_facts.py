"""A fact stands once: what a method or a data set is called is written down in its record alone."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from extract.datasets import DATA_SETS
from train.methods import METHODS, TEACHER

ROOT = Path(__file__).parents[1]
PACKAGES = ("config", "extract", "train", "evaluate", "benchmarks")


def strings_in_code() -> Counter[str]:
    """Count the string constants of all modules."""
    counted: Counter[str] = Counter()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        # There it is a key of a method's entry, whose value names another method.
        key = TEACHER if path.parent.name == "config" else None
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != key:
                counted[node.value] += 1
    return counted


@pytest.mark.parametrize(("names", "record"), [(METHODS, "train/methods.py"), (DATA_SETS, "extract/datasets.py")])
def test_each_name_stands_in_its_record_alone(names: dict[str, object], record: str) -> None:
    counted = strings_in_code()
    assert {name: counted[name] for name in names} == dict.fromkeys(names, 1)
    assert all(f'"{name}"' in (ROOT / record).read_text(encoding="utf-8") for name in names)


@pytest.mark.parametrize("name", [*METHODS, *DATA_SETS])
def test_no_rules_file_names_a_method_or_a_data_set(name: str) -> None:
    rules = [ROOT / "Snakefile", *(path for package in PACKAGES for path in (ROOT / package).glob("*.smk"))]
    quoted = sum(path.read_text(encoding="utf-8").count(f'"{name}"') for path in rules)
    # `teacher` is an input of a training too.
    assert quoted == (1 if name == TEACHER else 0)
