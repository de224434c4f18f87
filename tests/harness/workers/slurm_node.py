"""A real Slurm of one node, without accounting: Debian's slurm-wlm, started in a folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=10
SlurmdParameters=config_overrides
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={ctld_port}
SlurmdPort={d_port}
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 State=UNKNOWN
PartitionName=usual Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


def is_installed() -> bool:
    return all(shutil.which(program) for program in PROGRAMS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def slurm(folder: Path, cpus: int) -> Iterator[dict[str, str]]:
    """Slurm, from the block's beginning to its end; yields the environment in which its programs find it."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    configuration = folder / "slurm.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder, host=host, user="root", cpus=cpus, ctld_port=_free_port(), d_port=_free_port()
        )
    )
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    munge = ["munged", "-F", "--force", "--key-file", str(key), "--socket", str(folder / "munge.socket")]
    munge += ["--pid-file", str(folder / "munge.pid"), "--log-file", str(folder / "munge.log")]
    munge += ["--seed-file", str(folder / "munge.seed")]
    commands = (munge, ["slurmctld", "-D", "-f", str(configuration)], ["slurmd", "-D", "-f", str(configuration)])
    started = []
    try:
        for words in commands:
            output = (folder / f"{words[0]}.out").open("wb")
            started.append(subprocess.Popen(words, env=environment, stdout=output, stderr=output))
            time.sleep(2)
        deadline = time.monotonic() + 60
        while b"idle" not in subprocess.run(["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True).stdout:
            if time.monotonic() > deadline:
                logs = "\n".join(path.read_text(errors="replace")[-1500:] for path in folder.glob("*.[lo][ou][gt]"))
                raise TimeoutError(logs)
            time.sleep(1)
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
