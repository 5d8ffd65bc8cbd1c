"""What a person sees who runs Snakemake: plans, configuration errors, missing data."""

import re
from pathlib import Path

import pytest
import yaml

from tests.workflow.project import copy_project, snakemake, write_config


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


def jobs(plan: str) -> dict[str, int]:
    table = plan[plan.rindex("job  ") :]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def test_the_demo_is_planned_from_generation_to_both_tables(project: Path) -> None:
    tables = ("results/demo_table1.csv", "results/demo_table2.csv")
    done = snakemake(project, "-n", "--configfile", "config/demo.yaml", "--", *tables)
    assert done.returncode == 0, done.stderr
    assert jobs(done.stdout) == {
        "demo_data": 1,
        "catalog": 1,
        "visual": 4,
        "audio": 4,
        "align": 4,
        "failures": 1,
        "train": 9,
        "score": 9,
        "metrics": 9,
        "table": 2,
        "total": 44,
    }
    # A student waits for its teacher; VadCLIP's trainings, for which nothing waits, come after both.
    first = re.findall(r"method=(\w+), control=trained, seed=\d\n    priority: 1$", done.stdout, re.MULTILINE)
    assert sorted(first) == ["student"] * 3 + ["teacher"] * 3


def test_without_the_videos_one_message_says_what_where_and_how_else(project: Path) -> None:
    done = snakemake(project, "--cores", "1", "results/xd_table1.csv")
    assert done.returncode == 1
    message = done.stderr[done.stderr.index("The videos") :]
    for expected in (
        "data/xd/train, data/xd/test, data/xd/annotations_multiclasses.txt, data/xd/annotations.txt",
        "https://roc-ng.github.io/XD-Violence/",
        "snakemake --cores 8 --configfile config/demo.yaml -- results/demo_table1.csv",
    ):
        assert expected in message
    assert "Traceback" not in done.stderr


def test_with_the_videos_in_place_the_paper_s_table_is_planned(project: Path) -> None:
    (project / "data/xd/train").mkdir(parents=True)
    (project / "data/xd/test").mkdir()
    (project / "data/xd/annotations_multiclasses.txt").touch()
    (project / "data/xd/annotations.txt").touch()
    (project / "weights").mkdir()
    done = snakemake(project, "-n", "results/xd_table1.csv")
    assert done.returncode == 0, done.stderr
    planned = jobs(done.stdout)
    assert (planned["visual"], planned["weights"], planned["train"]) == (80, 2, 15)


def test_a_wrong_setting_ends_in_one_line_that_names_file_and_key(project: Path) -> None:
    config = write_config(project, {"stride": "sixteen"})
    done = snakemake(project, "-n", "--configfile", config)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert config in last
    assert "key stride: 'sixteen' is not of type 'integer'" in last
    assert "Traceback" not in done.stderr


def test_another_configuration_replaces_the_default_and_is_not_merged_into_it(project: Path) -> None:
    config = write_config(project, {"name": "mine"})
    done = snakemake(project, "-n", "--configfile", config)
    assert done.returncode == 0, done.stderr
    assert "results/mine_table1.csv" in done.stdout
    assert "weights/ViT-B-16.pt" not in done.stdout


def test_a_configuration_without_a_name_is_refused_and_not_filled_from_the_default(project: Path) -> None:
    (project / "config/small.yaml").write_text("stride: 16\n")
    done = snakemake(project, "-n", "--configfile", "config/small.yaml")
    assert done.returncode == 1
    assert "config/small.yaml: key" in done.stderr
    assert "is a required property" in done.stderr


def test_the_command_that_a_message_ends_with_works(project: Path) -> None:
    message = snakemake(project, "-n", "results/demo_table2.csv").stderr.strip()
    command = message.splitlines()[-1].split()
    assert command[0] == "snakemake"
    done = snakemake(project, "-n", *command[1:])
    assert done.returncode == 0, done.stderr
    assert jobs(done.stdout)["table"] == 1


def test_the_workflow_draws_its_graph(project: Path) -> None:
    done = snakemake(project, "--dag", "--configfile", "config/demo.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.lstrip().startswith("digraph")


def test_nothing_in_the_rules_names_a_gpu_where_the_configuration_stays_on_the_cpu(project: Path) -> None:
    done = snakemake(project, "-n", "--configfile", write_config(project, {"device": "auto"}))
    on_gpu = set(re.findall(r"rule (\w+):(?:(?!rule ).)*?gpu=1", done.stdout, re.DOTALL))
    assert on_gpu == {"visual", "audio", "train", "score"}
    done = snakemake(project, "-n", "--configfile", "config/demo.yaml")
    assert "gpu=1" not in done.stdout


def test_a_set_without_audio_is_planned_without_the_audio_step(project: Path) -> None:
    done = snakemake(project, "-n", "--configfile", "config/ucf_demo.yaml")
    assert done.returncode == 0, done.stderr
    planned = jobs(done.stdout)
    assert "audio" not in planned
    assert (planned["visual"], planned["align"], planned["train"]) == (2, 2, 1)


def test_released_artefacts_that_are_absent_are_named_with_their_source(project: Path) -> None:
    done = snakemake(project, "-n", "--configfile", "config/xd_released.yaml")
    assert done.returncode == 1
    for expected in ("data/xd_released/xd_CLIP_rgbtest.csv", "model_xd_t.pth", "https://github.com/nwpu-zxr/VadCLIP"):
        assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_the_ablation_tables_train_each_variant_once_for_each_seed(project: Path) -> None:
    tables = [f"results/demo_table{number}.csv" for number in (1, 4, 5, 6)]
    done = snakemake(project, "-n", "--configfile", "config/demo.yaml", "--", *tables)
    assert done.returncode == 0, done.stderr
    planned = jobs(done.stdout)
    # VadCLIP, teacher and student, three steps of Table 4, three fusions, and three more models of Table 6.
    assert (planned["train"], planned["table"]) == (3 * 12, 4)


def test_another_number_of_workers_makes_nothing_again(project: Path) -> None:
    rules = (project / "extract/videos.smk").read_text(encoding="utf-8")
    parameters = re.findall(r"^( +)params:\n((?:\1    .*\n|\n)*)", rules, re.MULTILINE)
    assert len(parameters) == rules.count("    params:")
    assert not any("workers" in found for _, found in parameters)
    assert rules.count("--workers {resources.workers}") == 2


def last_line(project: Path, *words: str) -> str:
    done = snakemake(project, "-n", *words)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_a_doubled_key_and_a_whole_number_with_a_point_are_refused_before_anything_is_planned(project: Path) -> None:
    demo = (project / "config/demo.yaml").read_text(encoding="utf-8")
    line = demo.splitlines().index("stride: 16") + 1
    (project / "doubled.yaml").write_text(demo.replace("stride: 16\n", "stride: 16\nstride: 4\n"))
    doubled = last_line(project, "--configfile", "doubled.yaml", "--", "tables")
    assert f"doubled.yaml, line {line + 1}: key stride stands in line {line} too" in doubled
    (project / "float.yaml").write_text(demo.replace("stride: 16\n", "stride: 16.0\n"))
    assert "float.yaml: key stride: 16.0 is not" in last_line(project, "--configfile", "float.yaml", "--", "tables")


@pytest.mark.parametrize("profile", ["default", "slurm", "generic"])
def test_yaml_that_cannot_be_read_is_named_by_file_and_line_with_every_profile(project: Path, profile: str) -> None:
    (project / "bad.yaml").write_text("name: x\nvideos: {train: a\nnote: b\n")
    words = ("--workflow-profile", f"profiles/{profile}", "--configfile", "bad.yaml", "--", "tables")
    assert last_line(project, *words).startswith("error: bad.yaml, line 3: is no YAML: ")


def test_the_default_configuration_is_held_to_the_same(project: Path) -> None:
    (project / "config/config.yaml").write_text("name: x\nname: y\n")
    assert last_line(project).startswith("error: config/config.yaml, line 2: key name stands in line 1 too")


def test_a_project_in_a_folder_with_braces_says_so(tmp_path: Path) -> None:
    project = tmp_path / "{2024}"
    project.mkdir()
    copy_project(project)
    assert "Snakemake takes braces in the project's own path for names" in last_line(project)


def test_text_with_braces_reaches_the_commands_as_it_is(project: Path) -> None:
    config = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))
    (project / "{w}.pt").touch()
    change = {
        "note": "set {a}",
        "figure4": config["figure4"] | {"videos": ["v{b}"]},
        "visual": config["visual"] | {"weights": "{w}.pt"},
        "methods": config["methods"] | {"vadclip": config["methods"]["vadclip"] | {"modality": "RGB {c}"}},
    }
    path = write_config(project, change)
    done = snakemake(project, "-n", "-p", "--configfile", path)
    assert done.returncode == 0, done.stderr
    for words in ("'set {a}'", "'v{b}'", "--weights '{w}.pt'", "'vadclip=RGB {c}'"):
        assert words in done.stdout


def test_a_row_that_the_paper_lacks_is_refused_before_anything_is_planned(project: Path) -> None:
    methods = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))["methods"]
    methods["vadclip"]["rows"] = {"table1": "VadClip"}
    line = last_line(project, "--configfile", write_config(project, {"methods": methods}))
    assert "key methods.vadclip.rows.table1: 'VadClip' is no row of" in line
    assert "did you mean VadCLIP?; for a method that the paper does not report, write unreported: true" in line
