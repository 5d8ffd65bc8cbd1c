"""The figure is asked for by name and drawn from the configuration's methods."""

from pathlib import Path

import pytest

from tests.workflow.project import copy_project, snakemake, write_config


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


def test_figure_4_trains_only_the_methods_it_draws(project: Path) -> None:
    done = snakemake(project, "-n", "--configfile", "config/demo.yaml", "--", "results/demo_figure4")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout[done.stdout.rindex("job  ") :].splitlines()]
    assert ["train", "2"] in lines


def test_a_figure_of_an_unknown_method_is_refused(project: Path) -> None:
    config = write_config(project, {"figure4": {"videos": ["a"], "methods": ["vadclip", "nobody"]}})
    done = snakemake(project, "-n", "--configfile", config)
    assert "key figure4.methods: 'nobody' is no method of this configuration" in done.stderr
