"""What a person sees who runs Snakemake: plans, configuration errors, missing data."""

import re
from pathlib import Path

import pytest
import yaml

from tests.machine import QUICK
from tests.workflow.project import ROOT, copy_project, snakemake, write_config


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
        "visual": 3,
        "audio": 3,
        "align": 3,
        "failures": 1,
        "train": 9,
        "score": 9,
        "metrics": 9,
        "table": 2,
        "total": 41,
    }


def test_without_the_videos_one_message_says_what_where_and_how_else(project: Path) -> None:
    done = snakemake(project, "--cores", "1", "results/xd_table1.csv")
    assert done.returncode == 1
    message = done.stderr[done.stderr.index("The videos") :]
    for expected in (
        "data/xd/train, data/xd/test, data/xd/annotations_multiclasses.txt",
        "https://roc-ng.github.io/XD-Violence/",
        "snakemake --cores 8 --configfile config/demo.yaml -- results/demo_table1.csv",
    ):
        assert expected in message
    assert "Traceback" not in done.stderr


def test_with_the_videos_in_place_the_paper_s_table_is_planned(project: Path) -> None:
    (project / "data/xd/train").mkdir(parents=True)
    (project / "data/xd/test").mkdir()
    (project / "data/xd/annotations_multiclasses.txt").touch()
    (project / "weights").mkdir()
    done = snakemake(project, "-n", "results/xd_table1.csv")
    assert done.returncode == 0, done.stderr
    planned = jobs(done.stdout)
    assert (planned["visual"], planned["weights"], planned["train"]) == (80, 2, 9)


def test_a_table_of_another_configuration_ends_with_the_command_to_use(project: Path) -> None:
    done = snakemake(project, "-n", "results/demo_table2.csv")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("snakemake --cores 8 --configfile config/demo.yaml -- results/demo_table2.csv")


def test_a_table_of_no_configuration_says_so(project: Path) -> None:
    done = snakemake(project, "-n", "results/mine_table1.csv")
    assert done.returncode == 1
    assert "no file config/*.yaml has the name 'mine'" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": "sixteen"}, "key stride: 'sixteen' is not of type 'integer'"),
        ({"strid": 16}, "'strid' was unexpected"),
        ({"crops": [0, 10]}, "key crops.1: 10 is greater than the maximum of 9"),
        ({"selection": "best"}, "key selection: 'best' is not one of"),
        ({"name": "../demo"}, "key name: '../demo' does not match"),
        ({"name": "a b; rm -rf c"}, "key name: 'a b; rm -rf c' does not match"),
        ({"crops": [5]}, "key methods.vadclip.scoring_crop: 0 is not among crops [5]"),
        ({"methods": {}}, "key methods: "),
    ],
)
def test_a_wrong_setting_is_named(project: Path, change: dict[str, object], message: str) -> None:
    config = write_config(project, change)
    done = snakemake(project, "-n", "--configfile", config)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert config in last
    assert message in last


def test_a_student_without_its_teacher_is_refused(project: Path) -> None:
    methods = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))["methods"]
    methods["student"]["teacher"] = "vadclip"
    done = snakemake(project, "-n", "--configfile", write_config(project, {"methods": methods}))
    assert "key methods.student.teacher: 'vadclip' is no method whose model is teacher" in done.stderr


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


def test_a_configuration_whose_name_begins_like_another_s_is_still_told_apart(project: Path) -> None:
    done = snakemake(project, "-n", "results/xd_small_table1.csv")
    assert "no file config/*.yaml has the name 'xd_small'" in done.stderr


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


def test_a_table_that_the_data_set_lacks_is_refused_by_naming_those_it_has(project: Path) -> None:
    done = snakemake(project, "-n", "--configfile", "config/ucf_demo.yaml", "--", "results/ucf_demo_table2.csv")
    assert done.returncode == 1
    assert "the paper has no table 2 of data set ucf, which needs segments with classes" in done.stderr
    assert "'ucf_demo' makes results/ucf_demo_table1.csv" in done.stderr


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


@pytest.mark.parametrize(
    ("base", "change", "message"),
    [
        ("demo", {"videos": None}, "key videos: is missing; features: recomputed needs it"),
        ("demo", {"released": {"root": "a", "train": "b", "test": "c", "annotations": "d"}}, "key released: has no"),
        ("xd_released", {"crops": [0]}, "key crops: has no meaning with features: released"),
        ("demo", {"seeds": None}, "key seeds: is missing; training methods.vadclip needs it"),
        ("demo", {"audio": None}, "key methods.teacher.architecture.model: this teacher reads audio"),
        ("ucf", {"videos": {"train": "a", "test": "b", "annotations": "c"}}, "key videos: dataset ucf needs videos,"),
        ("cctv", {"dataset": "ucf"}, "key videos: dataset ucf needs videos, train, test and annotations"),
    ],
)
def test_keys_that_do_not_go_together_are_named(
    project: Path, base: str, change: dict[str, object], message: str
) -> None:
    done = snakemake(project, "-n", "--configfile", write_config(project, change, base=base))
    assert done.returncode == 1
    assert message in done.stderr.strip().splitlines()[-1]


def test_judging_within_an_epoch_needs_the_selection_that_judges_on_the_test_set(project: Path) -> None:
    config = write_config(project, {"selection": "last"}, base="ucf_demo")
    done = snakemake(project, "-n", "--configfile", config)
    assert "key methods.vadclip.recipe.judge_every: belongs to selection: released" in done.stderr


def test_a_method_of_other_authors_is_not_trained_in_bf16(project: Path) -> None:
    rtfm = {
        "rows": {"table1": "RTFM"},
        "modality": "Visual",
        "scoring_crop": 0,
        "architecture": {"model": "rtfm", "max_snippets": 32},
        "recipe": {"epochs": 1, "batch": 4, "learning_rate": 1e-4, "precision": "bf16"},
    }
    config = write_config(project, {"methods": {"rtfm": rtfm}}, base="ucf_demo")
    done = snakemake(project, "-n", "--configfile", config)
    assert "key methods.rtfm.recipe.precision: a rtfm knows fp32 alone" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"milestones": [3]}, "recipe.cosine_epochs: excludes milestones; set them to []"),
        ({"cosine_epochs": 3}, "recipe.cosine_epochs: must not be below epochs (5), or the learning rate would rise"),
        ({"judge_every": 2}, "recipe.judge_every: a macil_sd is whole only at the end of an epoch"),
    ],
)
def test_a_recipe_that_a_method_cannot_be_trained_by_is_refused(
    project: Path, change: dict[str, object], message: str
) -> None:
    method = {
        "rows": {"table1": "MACIL-SD"},
        "modality": "RGB(ViT)+Audio",
        "scoring_crop": 0,
        "architecture": {"model": "macil_sd", "max_snippets": 64},
        "recipe": {"epochs": 5, "batch": 4, "learning_rate": 1e-4, "milestones": [], "cosine_epochs": 6} | change,
    }
    config = write_config(project, {"selection": "released", "methods": {"macil_sd": method}, "figure4": None})
    done = snakemake(project, "-n", "--configfile", config)
    assert done.returncode == 1
    assert f"key methods.macil_sd.{message}" in done.stderr


@pytest.mark.parametrize(
    "name", ["config", "demo", "demo_baselines", "ucf", "ucf_demo", "cctv", "cctv_demo", "xd_released"]
)
def test_every_configuration_keeps_the_schema(project: Path, name: str) -> None:
    done = snakemake(project, "-n", "--configfile", f"config/{name}.yaml")
    assert "key " not in done.stderr
    assert done.returncode == 0 or "are not in place" in done.stderr


def test_the_ablation_tables_train_each_variant_once_for_each_seed(project: Path) -> None:
    tables = [f"results/demo_table{number}.csv" for number in (1, 4, 5, 6)]
    done = snakemake(project, "-n", "--configfile", "config/demo.yaml", "--", *tables)
    assert done.returncode == 0, done.stderr
    planned = jobs(done.stdout)
    # VadCLIP, teacher and student, three steps of Table 4, three fusions, and three more models of Table 6.
    assert (planned["train"], planned["table"]) == (3 * 12, 4)


def test_a_table_in_which_no_method_has_a_row_says_so(project: Path) -> None:
    methods = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))["methods"]
    config = write_config(project, {"methods": {"vadclip": methods["vadclip"]}, "figure4": None})
    done = snakemake(project, "-n", "--configfile", config, "--", "results/demo_table5.csv")
    assert "no method of configuration 'demo' has a row in table 5; it makes results/demo_table1.csv" in done.stderr


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("vadclip", {"architecture": {"fusion": "addition"}}, "vadclip.architecture.fusion: a vadclip has none"),
        ("teacher", {"architecture": {"stream": "audio"}}, "teacher.architecture.stream: a teacher has none"),
        ("teacher", {"recipe": {"distillation": "mse"}}, "only a student is distilled, not a teacher"),
        ("student", {"recipe": {"distillation": "none"}}, "student.teacher: a distilled student needs"),
        ("student", {"architecture": {"fusion": "none"}}, "student.architecture.fusion: a student has none"),
        ("addition", {"like": "fused"}, "addition.like: 'fused' is no method that is trained and no variant"),
        ("addition", {"architecture": {"fusion": "late"}}, "'late' is not one of"),
    ],
)
def test_an_impossible_variant_is_refused_when_the_configuration_is_read(
    project: Path, method: str, change: dict[str, object], message: str
) -> None:
    methods = yaml.safe_load((project / "config/demo.yaml").read_text(encoding="utf-8"))["methods"]
    for key, value in change.items():
        methods[method][key] = methods[method].get(key, {}) | value if isinstance(value, dict) else value
    done = snakemake(project, "-n", "--configfile", write_config(project, {"methods": methods}))
    assert done.returncode == 1
    assert message in done.stderr.strip().splitlines()[-1]


def test_auto_is_resolved_where_the_configuration_is_read(project: Path) -> None:
    plan = snakemake(project, "-n", "-p", "--configfile", "config/demo.yaml", "--", "work/demo/visual/test-00000.h5")
    assert plan.returncode == 0, plan.stderr
    assert "--precision auto" not in plan.stdout
    assert f"--precision {QUICK}" in plan.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_encoder_has_a_decoding_process_for_each_thread(path: Path) -> None:
    configuration = yaml.safe_load(path.read_text(encoding="utf-8"))
    for encoder in (configuration[stream] for stream in ("visual", "audio") if stream in configuration):
        assert encoder["workers"] == encoder["threads"]


def test_another_number_of_workers_makes_nothing_again(project: Path) -> None:
    rules = (project / "extract/videos.smk").read_text(encoding="utf-8")
    parameters = re.findall(r"^    params:\n((?:        .*\n|\n)*)", rules, re.MULTILINE)
    assert len(parameters) == rules.count("    params:")
    assert not any("workers" in found for found in parameters)
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
