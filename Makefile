# make help   lists what can be made, from what stands behind ## here
# All but help and clean first create .venv from requirements.txt; those for developers add requirements-dev.txt.
# The newest Python that runs and that the project takes; make PYTHON=/path/to/python3.12 ... for another.
PYTHON ?= $(shell sh envs/pythons.sh newest)
CORES ?= $(shell nproc)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

BENCH := results/bench
# One line that moves in place of Snakemake's account. The time left is told from an earlier run's benchmark files.
follow = python -m snakemake --cores $(CORES) --configfile config/$(1).yaml --logger progress --logger-progress-earlier work/$(1)/benchmarks

.PHONY: help demo test slow faults bench gpu lint learning baselines clean

# The first target, so that `make` alone starts nothing that takes minutes.
help:  ## this list
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.complete  ## generate the demo videos, run everything on them, print both tables
	$(call follow,demo) -- results/demo_table1.csv results/demo_table2.csv results/demo_table1.md results/demo_table2.md
	python -m evaluate.show results/demo_table1.csv results/demo_table2.csv --next "make learning (each method against chance)" \
		--next "a report of everything: snakemake --cores $(CORES) --configfile config/demo.yaml, then again with --report report.html"

# Does it learn? Every method against chance, itself untrained, and itself trained on shuffled labels.
learning: .venv/.complete  ## does it learn? every method against chance, untrained, and trained on shuffled labels
	$(call follow,demo) -- results/demo_learning.csv results/demo_sound_study.csv
	python -m evaluate.show results/demo_learning.csv results/demo_sound_study.csv --next "a picture: results/demo_sound_study.svg" --next "make baselines (the other authors' methods)"

# The same of the other authors' methods, which have recipes of their own.
baselines: .venv/.complete  ## the same of the other authors' methods
	$(call follow,demo_baselines) -- results/demo_baselines_table1.csv results/demo_baselines_table1.md \
		results/demo_baselines_table2.csv results/demo_baselines_table2.md results/demo_baselines_learning.csv
	python -m evaluate.show results/demo_baselines_table1.csv results/demo_baselines_table2.csv results/demo_baselines_learning.csv \
		--next "your own videos: see README.md"

# Whole files of tests to each of three processes, one more than the smallest machine has cores: many wait for a clock, a
# camera or a subprocess.
test: lint  ## lint, type checks and all tests (the slow suites only as a sample)
	python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Every case of the matrices of which `make test` takes a sample.
slow: .venv/.dev  ## the slow suites whole
	python -m pytest -m slow

# Kills, damaged files and broken media at full size; each goes on where it was stopped. Figures: results/faults/*.json
faults: .venv/.dev  ## kills, damaged files and broken media at full size
	python -m tests.faults.kills --kills 50 --seed 0 --work work/faults --out results/faults/kills.json
	python -m tests.faults.mutations --count 2000 --seed 0 --out results/faults/mutations.json
	python -m tests.faults.media --count 1000 --seed 0 --out results/faults/media.json
	python -m pytest tests/faults

# How fast, against what the hardware reaches in the same run: some twenty minutes on an otherwise idle machine.
bench: .venv/.dev  ## how fast, against what the hardware reaches
	python -m benchmarks.startup --out $(BENCH)/startup.json
	python -m benchmarks.evaluation --out $(BENCH)/evaluation.json
	python -m benchmarks.extraction --threads $(CORES) --out $(BENCH)/extraction.json
	python -m benchmarks.shards --out work/bench
	python -m benchmarks.training --shards work/bench --threads $(CORES) --out $(BENCH)/training.json
	python -m benchmarks.methods --shards work/bench --threads $(CORES) --out $(BENCH)/methods.json
	python -m benchmarks.scoring --shards work/bench --threads $(CORES) --out $(BENCH)/scoring.json
	python -m benchmarks.scale --threads $(CORES) --out $(BENCH)/scale.json
	python -m benchmarks.estimate --bench $(BENCH) --out $(BENCH)/estimate.json

# Equality with the processor first; on a machine without a GPU it ends with one line.
gpu: .venv/.dev  ## on a machine with a GPU: is it right there, and how fast
	python -m benchmarks.gpu --out results/gpu.json

# Side by side: the types take as long as all the rest.
lint: .venv/.dev  ## style, types and the workflow, no test
	@$(MAKE) --no-print-directory --jobs 2 .lint-types .lint-style

.lint-types:
	mypy

.lint-style:
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile config extract train evaluate
	snakemake --lint
	snakemake --lint --configfile config/demo.yaml

# An environment of another Python, or one half made, is made anew; another is only brought to the pins.
.venv/.complete: requirements.txt
	@python="$(PYTHON)" && sh envs/pythons.sh check "$$python" "$(MAKECMDGOALS)" && \
	{ .venv/bin/python -m pip --version > /dev/null 2>&1 && [ "$$(.venv/bin/python --version)" = "$$("$$python" --version)" ] || \
	"$$python" -m venv --clear .venv; }
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

.venv/.dev: .venv/.complete requirements-dev.txt requirements-serve.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt --requirement requirements-serve.txt
	touch $@

# Snakemake's plugins for clusters, for their tests: apart, since Slurm's slows every call of Snakemake.
.venv/cluster: .venv/.complete requirements-cluster.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ --requirement requirements-cluster.txt
	touch $@

clean:  ## remove .venv, work and results
	rm -rf .venv work results
