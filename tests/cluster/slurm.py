"""A Slurm of one node on the loopback device: controller, node and authentication, all in one folder."""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = (
    "munged",
    "munge",
    "slurmctld",
    "slurmd",
    "sbatch",
    "srun",
    "squeue",
    "scontrol",
    "sinfo",
    "scancel",
    "setpriv",
)
# Debian keeps the daemons where an ordinary user's path does not look.
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
# Devices that every Linux has and that the controller may count as GPUs; no job opens them as such.
FAKE_GPUS = ("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
START_SECONDS = 300
STOP_SECONDS = 20
SETTINGS = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=2
MinJobAge=3600
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        folder: Where its settings, state and logs are.
        environment: What its commands need to find it.
    """

    folder: Path
    environment: dict[str, str]

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands and give what it prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=START_SECONDS, check=True
        )
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Give the controller's record of every job it ever had, in the order of their submission."""
        lines = self.ask("scontrol", "--oneliner", "--all", "show", "job").splitlines()
        records = [dict(field.split("=", 1) for field in line.split() if "=" in field) for line in lines]
        return sorted((record for record in records if "JobId" in record), key=lambda record: int(record["JobId"]))


def missing() -> str:
    """Say which programs a cluster needs and this machine lacks; empty if none."""
    return ", ".join(name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None)


@contextmanager
def running_cluster(folder: Path, cpus: int, memory_mb: int, gpus: int) -> Iterator[Cluster]:
    """Start a cluster in an empty ``folder``; stop it, and every job on it, at the end.

    Args:
        folder: An empty folder with a path short enough for a socket (under 90 characters).
        cpus: Processors that the node claims to have, whatever the machine has.
        memory_mb: Memory that it claims.
        gpus: GPUs that it claims; they are device files that nobody opens.

    Raises:
        RuntimeError: If it does not come up, with the end of its logs.
    """
    _write_settings(folder, cpus, memory_mb, gpus)
    environment = os.environ | {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin{os.pathsep}{SEARCHED}"}
    cluster = Cluster(folder, environment)
    with ExitStack() as stack:
        munged = ("munged", "-F", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key")
        munged += (
            f"--pid-file={folder}/munged.pid",
            f"--seed-file={folder}/munged.seed",
            f"--log-file={folder}/munged.log",
        )
        stack.enter_context(_daemon(folder, environment, munged))
        wait(folder, "munged", lambda: (folder / "munge.socket").exists())
        stack.enter_context(_daemon(folder, environment, ("slurmctld", "-D")))
        stack.enter_context(_daemon(folder, environment, ("slurmd", "-D")))
        wait(folder, "the node", lambda: "idle" in _quietly(cluster, "sinfo", "--noheader", "--format=%T"))
        try:
            yield cluster
        finally:
            _quietly(cluster, "scancel", "--full", "--signal=KILL", f"--user={getpass.getuser()}")
            _quietly(cluster, "scancel", f"--user={getpass.getuser()}")
            wait(folder, "the end of the jobs", lambda: not _quietly(cluster, "squeue", "--noheader"))


def _write_settings(folder: Path, cpus: int, memory_mb: int, gpus: int) -> None:
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    # Snakemake's plugin takes SLURM_CONF away from the srun inside a job, where a cluster has /etc/slurm.
    srun = folder / "bin/srun"
    srun.write_text(f"#!/bin/sh\nSLURM_CONF='{folder}/slurm.conf' exec {shutil.which('srun', path=SEARCHED)} \"$@\"\n")
    srun.chmod(0o755)
    controller_port, node_port = _free_ports(2)
    host = socket.gethostname().split(".")[0]
    (folder / "slurm.conf").write_text(
        SETTINGS.format(
            host=host,
            user=getpass.getuser(),
            folder=folder,
            controller_port=controller_port,
            node_port=node_port,
            cpus=cpus,
            memory_mb=memory_mb,
            gpus=gpus,
        ),
        encoding="utf-8",
    )
    (folder / "gres.conf").write_text(f"AutoDetect=off\nName=gpu File={','.join(FAKE_GPUS[:gpus])}\n", encoding="utf-8")
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n", encoding="utf-8")
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)


@contextmanager
def _daemon(folder: Path, environment: dict[str, str], command: tuple[str, ...]) -> Iterator[None]:
    with (folder / f"{command[0]}.out").open("wb") as out:
        # If this process is killed, the daemon goes with it.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait(folder: Path, what: str, ready: Callable[[], bool]) -> None:
    """Wait until it is ready; after a minute raise RuntimeError with the end of the logs in ``folder``."""
    end = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > end:
            logs = "\n".join(
                f"{path.name}: {path.read_text(errors='replace')[-2000:]}"
                for path in sorted([*folder.glob("*.log"), *folder.glob("*.out")])
            )
            raise RuntimeError(f"waited {START_SECONDS} s for {what}\n{logs}")
        time.sleep(0.1)


def _quietly(cluster: Cluster, *command: str) -> str:
    done = subprocess.run(
        command, env=cluster.environment, capture_output=True, text=True, timeout=START_SECONDS, check=False
    )
    return done.stdout


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
