"""Submit, ask after and cancel jobs of LSF, PBS or SGE for Snakemake's ``cluster-generic`` executor.

A job writes its exit status beside its log in ``work/generic-jobs`` when it ends by itself, so the
scheduler is only asked whether a job still waits or runs. One that it no longer knows and that left no
status was killed. The environment variable ``SCHEDULER`` says which scheduler it is.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("work/generic-jobs")
# How long a shared file system may take to show the exit status of a job that has ended.
GRACE_SECONDS = int(os.environ.get("SCHEDULER_GRACE_SECONDS", "120"))
SCRIPT = """#!/bin/sh
cd {workdir}
export AVADCLIP_GPUS={gpus}
sh {jobscript}
status=$?
echo $status > {token}.writing && mv {token}.writing {token}.exit
exit $status
"""


@dataclass(frozen=True)
class Job:
    """What a job asks for: processor cores, MB, minutes, GPUs, and where its output goes."""

    threads: int
    mem_mb: int
    minutes: int
    gpus: int
    log: Path


@dataclass(frozen=True)
class Scheduler:
    """A scheduler's commands.

    Attributes:
        submit: The command that submits a job; the script's path is appended.
        job_id: What in its output is the job's id.
        state: The command that tells a job's state; the id is appended.
        alive: What is found in its output while the job waits or runs.
        cancel: The command that cancels jobs; the ids are appended.
    """

    submit: Callable[[Job], list[str]]
    job_id: str
    state: list[str]
    alive: str
    cancel: list[str]


def lsf(job: Job) -> list[str]:
    """Spell a submission to LSF, whose memory is here MB for the whole job."""
    gpus = ["-gpu", f"num={job.gpus}"] if job.gpus else []
    memory = ["-M", f"{job.mem_mb}MB", "-R", f"span[hosts=1] rusage[mem={job.mem_mb}MB]"]
    return ["bsub", "-n", str(job.threads), *memory, "-W", str(job.minutes), *gpus, "-o", str(job.log)]


def pbs(job: Job) -> list[str]:
    """Spell a submission to PBS Professional or OpenPBS."""
    select = f"select=1:ncpus={job.threads}:mem={job.mem_mb}mb" + (f":ngpus={job.gpus}" if job.gpus else "")
    return ["qsub", "-V", "-j", "oe", "-o", str(job.log), "-l", select, "-l", f"walltime={job.minutes * 60}"]


def sge(job: Job) -> list[str]:
    """Spell a submission to Grid Engine, whose memory is for each slot; the site names the environment ``smp``."""
    gpus = ["-l", f"gpu={job.gpus}"] if job.gpus else []
    return ["qsub", "-V", "-terse", "-cwd", "-j", "y", "-o", str(job.log), "-pe", "smp", str(job.threads),
            "-l", f"h_vmem={-(-job.mem_mb // job.threads)}M", "-l", f"h_rt={job.minutes * 60}", *gpus]  # fmt: skip


SCHEDULERS = {
    "lsf": Scheduler(lsf, r"<(\d+)>", ["bjobs", "-noheader", "-o", "stat"], r"PEND|RUN|SUSP|WAIT|PROV", ["bkill"]),
    "pbs": Scheduler(pbs, r"(\S+)", ["qstat", "-f"], r"job_state = [^FC]", ["qdel"]),
    "sge": Scheduler(sge, r"(\d+)", ["qstat", "-j"], r"job_number", ["qdel"]),
}


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="scheduler.py", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    submit = commands.add_parser("submit", help="submit a job script and print its id")
    for name in ("threads", "mem-mb", "minutes", "gpus"):
        submit.add_argument(f"--{name}", type=int, required=True)
    submit.add_argument("jobscript", type=Path)
    commands.add_parser("status", help="print running, success or failed").add_argument("id")
    commands.add_parser("cancel", help="cancel jobs").add_argument("ids", nargs="+", metavar="id")
    return parser


def main() -> None:
    """Do what the command line says."""
    arguments = parser().parse_args()
    scheduler = SCHEDULERS.get(os.environ.get("SCHEDULER", ""))
    if scheduler is None:
        sys.exit(f"environment variable SCHEDULER: must be one of {', '.join(SCHEDULERS)}")
    if arguments.command == "submit":
        token = str(FOLDER.resolve() / uuid.uuid4().hex)
        job = Job(arguments.threads, arguments.mem_mb, arguments.minutes, arguments.gpus, Path(f"{token}.log"))
        print(submit(scheduler, job, arguments.jobscript, token))
    elif arguments.command == "status":
        print(status(scheduler, arguments.id))
    else:
        subprocess.run([*scheduler.cancel, *(job.partition("@")[0] for job in arguments.ids)], check=True)  # noqa: S603


def submit(scheduler: Scheduler, job: Job, jobscript: Path, token: str) -> str:
    """Submit a job and give its id: the scheduler's, ``@``, and the path that its files begin with."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    script = Path(f"{token}.sh")
    words: dict[str, object] = {"workdir": Path.cwd(), "jobscript": jobscript.resolve(), "token": token}
    # For extract/base/device.py: such a job must not fall back to the processor. Not every scheduler says so itself.
    words["gpus"] = job.gpus or ""
    script.write_text(SCRIPT.format(**{name: shlex.quote(str(word)) for name, word in words.items()}), encoding="utf-8")
    script.chmod(0o755)
    said = subprocess.run([*scheduler.submit(job), str(script)], stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603
    found = re.search(scheduler.job_id, said)
    if found is None:
        sys.exit(f"the scheduler gave no job id, but said {said!r}")
    return f"{found[1]}@{token}"


def status(scheduler: Scheduler, job: str) -> str:
    """Say whether a job is ``running`` (or waits), ended in ``success``, or ``failed``."""
    number, _, token = job.partition("@")
    ended, gone = Path(f"{token}.exit"), Path(f"{token}.gone")
    if ended.exists():
        return "success" if ended.read_text(encoding="utf-8").strip() == "0" else "failed"
    state = subprocess.run([*scheduler.state, number], capture_output=True, text=True, check=False)  # noqa: S603
    if re.search(scheduler.alive, state.stdout):
        gone.unlink(missing_ok=True)
        return "running"
    # Not known any more, or the scheduler does not answer: wait for the exit status a while.
    if not gone.exists():
        gone.touch()
    return "failed" if time.time() - gone.stat().st_mtime > GRACE_SECONDS else "running"


if __name__ == "__main__":
    main()
