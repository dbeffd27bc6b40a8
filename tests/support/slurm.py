"""A real Slurm on this machine: one node, two CPUs, its own configuration, key, socket and ports, on loopback."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.waiting import wait_until

INSTALL = "apt-get install -y --no-install-recommends slurm-wlm munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where the daemons are; it may not be on PATH

# Every address is 127.0.0.1 (slurmd still resolves its host's name: see `renamed`), and No(Ctld)InAddrAny keeps the
# daemons from listening on all interfaces. A Slurm with defaults holds a requeued job for 120 s (cred_expire; 5 is the least
# allowed) and kills one that ignores SIGTERM after 30 s (KillWait).
CONFIGURATION = """\
ClusterName=descentlab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=100000,bf_interval=1
JobRequeue=1
MailProg=/bin/true
KillWait=2
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=test Nodes=node Default=YES MaxTime=INFINITE State=UP
{more}
"""


@dataclass(frozen=True)
class Slurm:
    """A running Slurm. Its programs find it through SLURM_CONF, which `environment` holds."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that uses this Slurm and no other, without variables of a surrounding job."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "SRUN"))}
        return {**own, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": f"{os.environ.get('PATH', '')}:{SBIN}"}

    def do(self, *line: str, timeout: float = 30) -> str:
        """Run one of Slurm's programs and return its output: do("squeue", "-h")."""
        return subprocess.run(
            line, env=self.environment, capture_output=True, text=True, timeout=timeout, check=True, cwd=self.folder
        ).stdout

    def states(self) -> dict[str, str]:
        """Return the state of every job and array element, by id; finished ones are kept for five minutes."""
        lines = self.do("squeue", "-h", "-r", "-t", "all", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    def cancel_all(self) -> None:
        """End all jobs, and return when they are gone."""
        self.do("scancel", f"--user={os.getuid()}")
        wait_until(lambda: not self.do("squeue", "-h"), 15, "the jobs to go")

    def logs(self) -> str:
        """Return the ends of the daemons' logs."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.out.log")))


@contextlib.contextmanager
def running_slurm(more: str = "") -> Iterator[Slurm]:
    """Start a Slurm in a temporary folder, with `more` lines in its slurm.conf; end all its processes on exit."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short path: sockets' are limited to 107 bytes
    slurm = Slurm(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _write_configuration(folder, more)
        stack.callback(_kill_leftovers, folder)
        _start(stack, slurm, "munged", *_munge_options(folder))
        wait_until((folder / "munge.socket").exists, 10, "munged's socket")
        _start(stack, slurm, "slurmctld", "-D", "-i", "-f", str(folder / "slurm.conf"))
        _start(stack, slurm, "slurmd", "-D", "-N", "node", "-f", str(folder / "slurm.conf"))
        try:
            wait_until(lambda: _is_idle(slurm), 20, "the node to be idle")
        except TimeoutError as error:
            raise RuntimeError(f"Slurm did not start: {error}\n{slurm.logs()}") from None
        try:
            yield slurm
        finally:
            with contextlib.suppress(subprocess.SubprocessError, TimeoutError):
                slurm.cancel_all()


def _write_configuration(folder: Path, more: str) -> None:
    folder.chmod(0o755)  # munged requires that all users can reach its socket
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    ctld_port, slurmd_port = _free_ports(2)
    host = "localhost" if renamed() else socket.gethostname().split(".")[0]
    user = pwd.getpwuid(os.getuid()).pw_name
    ports = {"ctld_port": ctld_port, "slurmd_port": slurmd_port}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(host=host, user=user, folder=folder, more=more, **ports))


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _munge_options(folder: Path) -> list[str]:
    files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    return ["--foreground", "--num-threads=2", *(f"--{option}={folder}/munge.{suffix}" for option, suffix in files.items())]


def _start(stack: contextlib.ExitStack, slurm: Slurm, *line: str) -> None:
    """Start a daemon that ends with `stack`, or with this process, even if that is killed."""
    output = stack.enter_context((slurm.folder / f"{line[0]}.out.log").open("wb"))
    line = ("setpriv", "--pdeathsig", "TERM", *renamed(), *line)
    files = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
    process = subprocess.Popen(line, env=slurm.environment, cwd=slurm.folder, **files)
    stack.callback(_end, process)


def renamed() -> tuple[str, ...]:
    """Return a command prefix that sets the host name localhost, if the machine's would make slurmd listen beyond loopback."""
    try:
        addresses = {ipaddress.ip_address(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:  # the name does not resolve
        addresses = set()
    if addresses and all(address.is_loopback for address in addresses):
        return ()
    return ("unshare", "--uts", "sh", "-c", 'hostname localhost && exec "$@"', "sh")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_idle(slurm: Slurm) -> bool:
    try:
        return slurm.do("sinfo", "-h", "-o", "%T").strip() == "idle"
    except subprocess.SubprocessError:
        return False


def _kill_leftovers(folder: Path) -> None:
    """Kill processes that jobs of this Slurm left: they escaped Slurm, but still have the environment of such a job."""
    ours = f"SLURM_CONF={folder}/slurm.conf".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            if ours in environment and any(each.startswith(b"SLURM_JOB_ID=") for each in environment):
                os.kill(int(process.name), signal.SIGKILL)


def missing_programs() -> list[str]:
    """Return the programs of Slurm that are not installed."""
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    return [program for program in (*PROGRAMS, "setpriv") if shutil.which(program, path=path) is None]


def free_port() -> str:
    """Return a free port of loopback."""
    return str(_free_ports(1)[0])
