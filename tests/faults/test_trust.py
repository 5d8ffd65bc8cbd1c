"""Nothing from outside is run: no unpickling, no unsafe YAML, no shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.places import ROOT

SOURCES = sorted(
    path for package in ("extract", "train", "evaluate", "benchmarks") for path in (ROOT / package).rglob("*.py")
)
RULES = [
    ROOT / "Snakefile",
    *sorted(path for package in ("config", "extract", "train", "evaluate") for path in (ROOT / package).glob("*.smk")),
]
# Readers that run what they read unless told otherwise, and what tells them.
TOLD = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.save": ("allow_pickle", False),
    "np.savez": ("allow_pickle", False),
}
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler",
    "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "marshal.loads", "shelve.open", "joblib.load",
    "subprocess.getoutput", "subprocess.getstatusoutput", "pandas.read_pickle", "torch.hub.load",
}  # fmt: skip


def unsafe_calls(source: str) -> Iterator[str]:
    """Name the calls that could run what they are given."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        values = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in FORBIDDEN:
            yield name
        if name in TOLD and values.get(TOLD[name][0]) != str(TOLD[name][1]):
            yield f"{name} without {TOLD[name][0]}={TOLD[name][1]}"
        if values.get("shell", "False") != "False":
            yield f"{name} with a shell"


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path)", "torch.load(path, weights_only=False)", "np.load(path)", "eval(text)", "yaml.load(text)",
        "os.system(line)", "subprocess.run(line, shell=True)", "pickle.loads(data)",
    ],
)  # fmt: skip
def test_an_unsafe_call_is_seen(source: str) -> None:
    assert list(unsafe_calls(source))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_runs_what_it_reads(path: Path) -> None:
    assert list(unsafe_calls(path.read_text(encoding="utf-8"))) == []


def test_only_the_released_encoders_with_their_known_checksums_are_opened_as_programs() -> None:
    """OpenAI's files are TorchScript, with their checksum in their address; every other file is tensors alone."""
    users = [path.name for path in SOURCES if "torch.jit.load" in path.read_text(encoding="utf-8")]
    assert users == ["clip.py"]
    text = (ROOT / "extract/encoders/clip.py").read_text(encoding="utf-8")
    assert text.count("_openai_state(") == 2
    known = 'if f"/{sha256}/" in url or sha256 == OPENAI_SHA256:\n        return '
    assert f"{known}_WeightsFile(sha256, _openai_state(path), is_openais=True)\n" in text


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_name_that_a_rule_gives_to_the_shell_is_quoted(path: Path) -> None:
    """Snakemake pastes {x} as it is; {x:q} is quoted. Flags come quoted from shlex, numbers and splits need none."""
    plain = {
        "threads", "resources.workers", "params.settings", "params.streams", "params.shards",
        "params.command", "params.most", "params.measured", "params.drawn", "params.scores",
        "params.curves", "params.score", "params.metrics", "params.classes", "wildcards.split", "wildcards.shard",
        "wildcards.seed",
    }  # fmt: skip
    text = path.read_text(encoding="utf-8")
    for shell in text.split("shell:")[1:]:
        lines = [line for line in shell.split("\n\n\n")[0].splitlines() if line.strip().startswith('"')]
        words = [word.split("}")[0] for line in lines for word in line.split("{")[1:]]
        assert [word for word in words if not word.endswith(":q") and word not in plain] == []
