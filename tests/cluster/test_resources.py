"""What each rule asks a scheduler for."""

import re

import pytest

from tests.workflow.project import ROOT

RULES = [
    pytest.param(rule, id=rule.split(":")[0].strip())
    for path in sorted(ROOT.glob("*/*.smk"))
    for rule in re.split(r"^ *rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    if "exit 1" not in rule
]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_asks_for_more_memory_and_time_with_each_attempt(rule: str) -> None:
    assert re.search(r"mem_mb=growing\(\d+\)", rule)
    assert re.search(r"runtime=growing\(\d+\)", rule)
