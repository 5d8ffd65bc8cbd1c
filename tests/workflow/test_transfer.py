"""The matrix of data sets: planned from what other configurations have made, and refused where that is not there."""

from pathlib import Path

import pytest

from config import transfer
from extract.base.errors import InputError
from tests.config.test_reading import configured
from tests.workflow.project import copy_project, snakemake, write_config

MATRIX = {"configurations": ["config/ucf_demo.yaml"], "methods": ["vadclip", "teacher"]}
OF_UCF = [
    "work/ucf_demo/checkpoints/vadclip/trained/seed0.safetensors",
    "work/ucf_demo/shards/test-00000.h5",
    "work/ucf_demo/catalog.jsonl",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(copy_project(tmp_path))
    return tmp_path


def made(project: Path, paths: list[str]) -> None:
    for path in paths:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).touch()


def test_the_matrix_is_planned_with_the_files_of_both_configurations(project: Path) -> None:
    made(project, OF_UCF)
    config = write_config(project, {"transfer": MATRIX})
    done = snakemake(project, "-n", "-p", "--configfile", config, "--", "results/demo_transfer.svg")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout[done.stdout.rindex("job  ") :].splitlines()]
    # Two methods of three seeds here; nothing of the other configuration.
    assert [count for name, count in (line for line in lines if len(line) == 2) if name == "train"] == ["6"]
    assert ["transfer", "1"] in lines
    assert ["transfer_matrix", "1"] in lines
    (command,) = (line for line in done.stdout.splitlines() if "-m evaluate.transfer " in line)
    assert command.count("work/demo/checkpoints/") == 6
    assert (
        "work/ucf_demo/checkpoints/vadclip/trained/seed0.safetensors --shards work/demo/shards work/ucf_demo/shards"
        in command
    )
    assert "--catalog work/demo/catalog.jsonl work/ucf_demo/catalog.jsonl --branch alignment" in command


def test_what_is_not_there_is_named_with_the_command_that_makes_it(project: Path) -> None:
    made(project, OF_UCF[2:])
    with pytest.raises(InputError) as refused:
        transfer.files(configured({"transfer": MATRIX}))
    assert str(refused.value) == (
        "config/mine.yaml: key transfer.configurations: config/ucf_demo.yaml: "
        f"{OF_UCF[0]} is not there. Make it first:\n"
        f"  snakemake --cores 8 --configfile config/ucf_demo.yaml -- {OF_UCF[0]} {OF_UCF[1]}"
    )


@pytest.mark.parametrize("text", ["", "- config/ucf.yaml", "ucf", "name: !!python/name:os.system", "name: 2026-02-30"])
@pytest.mark.usefixtures("project")
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(InputError, match=r"^other\.yaml: is no configuration"):
        transfer.files(configured({"transfer": MATRIX | {"configurations": ["other.yaml"]}}))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("config/demo_baselines.yaml", "config/demo_baselines.yaml: data set 'xd' stands there twice"),
        ("config/nowhere.yaml", "config/nowhere.yaml: "),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_configuration_that_cannot_be_compared_is_named(other: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        transfer.settings(configured({"transfer": MATRIX | {"configurations": [other]}}))
