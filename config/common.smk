# Reads the configuration (config/reading.py), and has the few names and functions that more than one rules file needs.
import json
import os
import shlex
import shutil
import sys
from pathlib import Path


from config import paths, spelling, transfer
from config import report as reported
from config.configuration import PUBLISHED
from config.reading import read
from config.spelling import flags
from evaluate.paper_tables import TABLES
from extract.base.errors import InputError

# For every rule, wherever it runs. Files appear whole and are only read then, so they need no locks, which many
# shared file systems lack; and compute nodes have no internet, so nothing may look for models there.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# More GPUs than the one that profiles/default counts with: the user says that they are here, and extract/base/device.py
# takes that at its word. A cluster's profile counts none, and its scheduler says what it gives.
COUNTED = workflow.resource_settings.resources.get("gpu")
if COUNTED is not None and (COUNTED.value or 0) > 1:
    os.environ.update(AVADCLIP_GPUS=str(COUNTED.value))


def or_exit(function, *arguments):
    """Call a function, and end with its one line where it refuses what the user gave."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(str(error))


conf = or_exit(
    read, config, ", ".join(map(str, workflow.configfiles)) or "configuration"
)
# The report's captions see this alone.
config.update(reported.for_captions(conf))
NAME = conf.name
WORK = conf.work
LOGS = f"{WORK}/logs"
BENCHMARKS = f"{WORK}/benchmarks"
GENERATED = f"{WORK}/videos"
REPORT = conf.report
SHARDS = {
    split: conf.shards_of(split) for split in ("train", "test") if conf.shards_of(split)
}
# A run told to stay on the CPU must not wait for a GPU.
GPU = 0 if conf.device == "cpu" else 1


def refuse_auto_elsewhere():
    """Refuse ``precision: auto`` where jobs run on other machines; which they do is not known before a run starts."""
    if conf.automatic:
        sys.exit(
            f"{conf.source}: key {conf.automatic[0]}: auto is what this machine computes, but the jobs run on others; "
            "write bf16 if all of them have it (AMX, AVX-512 bf16, a GPU since NVIDIA's Ampere), else fp32"
        )


def look_for_jobs_only_when_one_ends():
    """Take away the limit of 100 started jobs a second that Snakemake has where no other is asked for.

    To keep it, Snakemake 9 looks for jobs to start a second after every look. The end of a job is one more look, so
    that after 250 jobs it looks 250 times a second and spends half a core on it. With --immediate-submit no job ends,
    and only the clock makes it look.
    """
    asked = workflow.scheduling_settings
    limit = asked.max_jobs_per_timespan
    is_default = limit is not None and (limit.max_jobs, limit.timespan) == (100, 1)
    if (
        is_default
        and not asked.max_jobs_per_second
        and not workflow.remote_execution_settings.immediate_submit
    ):
        workflow.scheduler.job_rate_limiter = None


def growing(amount):
    """Ask for more with every attempt at a job."""
    return lambda wildcards, attempt: amount * attempt


def remove_outdated(jobs):
    """Remove what is there of the outputs that jobs are to make again; Snakemake itself does so on the node."""
    for path in (Path(path) for job in jobs for path in job.output):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def one_of(names):
    """Spell a wildcard that is one of ``names``; one of none matches nothing."""
    return "|".join(map(str, names)) or "(?!)"


def weights_file(key):
    """Give the weights file that a rule must wait for, none for untrained encoders, or say that it is not there."""
    return or_exit(spelling.weights_file, conf, key)


def train_inputs(wildcards):
    """Give what a training run reads."""
    return or_exit(
        spelling.training_inputs,
        conf,
        wildcards.method,
        wildcards.control,
        wildcards.seed,
    )


def in_a_chain(wildcards):
    """Say whether a training waits for another or another for it: those begin first, since a chain takes longest."""
    chains = [
        (name, method.teacher) for name, method in conf.models.items() if method.teacher
    ]
    return int(any(wildcards.method in chain for chain in chains))


def study_inputs(wildcards):
    """Give what a training run of the study reads."""
    names = ("videos", "sound", "method", "control", "seed")
    return spelling.sound_study_inputs(conf, *(wildcards[name] for name in names))


def train_settings(inputs):
    """Give a function that spells how a training run is made that reads what ``inputs`` gives.

    Of the wildcards alone: Snakemake does not ask whether a parameter changed that is made from a rule's own inputs.
    """

    def spelled(wildcards):
        read = inputs(wildcards)
        files = {name: read[name] for name in ("teacher", "catalog") if name in read}
        return spelling.training(conf, wildcards.method, wildcards.control, files)

    return spelled
