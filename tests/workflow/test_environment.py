"""The same versions everywhere, and commands that answer at once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from extract.base.command_list import commands_of

ROOT = Path(__file__).parents[2]
COMMANDS = [name for package in ("extract", "train", "evaluate") for name in commands_of(ROOT / package)]


def pins(lines: list[str]) -> dict[str, str]:
    found = [re.fullmatch(r"([\w.\-]+)==(\S+)( ;.*)?", line.strip()) for line in lines]
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


REQUIRED = pins((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "requirements-cluster.txt", "requirements-export.txt"]
)
def test_every_requirement_is_pinned_and_names_no_host(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    marker = r"( ; python_version [<>]=? \"3\.\d+\")?"
    assert all(
        re.fullmatch(rf"[\w.\-]+==[\w.+!]+{marker}", line) for line in lines if line and not line.startswith("#")
    )


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_carry_the_same_pins(path: Path) -> None:
    dependencies = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    (from_pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    wanted = pins(from_pip)
    assert len(wanted) == len(from_pip)
    assert {name: REQUIRED.get(name) for name in wanted} == wanted


def test_torch_and_its_companions_are_of_one_release() -> None:
    assert REQUIRED["torch"].rsplit(".", 1)[0] == REQUIRED["torchaudio"].rsplit(".", 1)[0]
    assert (REQUIRED["torch"], REQUIRED["torchvision"]) == ("2.11.0", "0.26.0")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_printed_without_importing_torch(command: str) -> None:
    code = f"import runpy, sys; sys.argv = ['x', '--help']\ntry: runpy.run_module({command!r}, run_name='__main__')\n"
    code += "finally: print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: python -m" in done.stdout
    assert done.stderr.strip().splitlines()[-1] == "False"


def test_imports_run_one_way() -> None:
    allowed = {
        "extract": {"extract"},
        "train": {"extract", "train"},
        "evaluate": {"extract", "train", "evaluate"},
        "config": {"extract", "train", "evaluate", "config"},
    }
    for package, may in allowed.items():
        for path in (ROOT / package).rglob("*.py"):
            found = re.findall(r"^\s*(?:from|import) (extract|train|evaluate|config)\b", path.read_text(), re.MULTILINE)
            assert set(found) <= may, path
