"""What tests of clusters share: a real Slurm on this machine, and a bench to type commands at.

The Slurm has one node, two CPUs, its own configuration, key, socket and ports, on loopback.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT

from descentlab.store import progress
from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT, CONFIG, Record

INSTALL = "apt-get install -y --no-install-recommends slurm-wlm munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where the daemons are, which is not on everybody's PATH

# Every address is 127.0.0.1 (slurmd looks its host's name up all the same: see `_renamed`), and No(Ctld)InAddrAny keeps the
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
    """A running Slurm. Its programs find it through SLURM_CONF, which `environment` has and the `on_slurm` fixture sets."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to talk to this Slurm and to no other; nothing of a job that we may be in ourselves."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "SRUN"))}
        return {**own, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": f"{os.environ.get('PATH', '')}:{SBIN}"}

    def do(self, *line: str, timeout: float = 30) -> str:
        """What one of Slurm's programs prints: do("squeue", "-h")."""
        return subprocess.run(
            line, env=self.environment, capture_output=True, text=True, timeout=timeout, check=True, cwd=self.folder
        ).stdout

    def states(self) -> dict[str, str]:
        """The state of every job, array elements each by themselves, finished ones included for five minutes."""
        lines = self.do("squeue", "-h", "-r", "-t", "all", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    def cancel_all(self) -> None:
        """End all jobs, and return when they are gone."""
        self.do("scancel", f"--user={os.getuid()}")
        wait_until(lambda: not self.do("squeue", "-h"), 15, "the jobs to go")

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.out.log")))


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Return when `true()` is."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)


@contextlib.contextmanager
def running_slurm(more: str = "") -> Iterator[Slurm]:
    """Start a Slurm in a folder of its own, `more` lines in its slurm.conf, and end all its processes."""
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
    folder.chmod(0o755)  # munged wants its socket to be reachable for all
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    ctld_port, slurmd_port = _free_ports(2)
    host = "localhost" if _renamed() else socket.gethostname().split(".")[0]
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
    """Start a daemon that ends with `stack`, or with this process, however that goes."""
    output = stack.enter_context((slurm.folder / f"{line[0]}.out.log").open("wb"))
    line = ("setpriv", "--pdeathsig", "TERM", *_renamed(), *line)
    files = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
    process = subprocess.Popen(line, env=slurm.environment, cwd=slurm.folder, **files)
    stack.callback(_end, process)


def _renamed() -> tuple[str, ...]:
    """What gives a daemon a host name of its own, localhost, where the machine's would make slurmd listen beyond loopback."""
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
    """Kill what jobs of this very Slurm left: processes that escaped Slurm, but still have the environment of such a job."""
    ours = f"SLURM_CONF={folder}/slurm.conf".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            if ours in environment and any(each.startswith(b"SLURM_JOB_ID=") for each in environment):
                os.kill(int(process.name), signal.SIGKILL)


def _missing() -> list[str]:
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    return [program for program in (*PROGRAMS, "setpriv") if shutil.which(program, path=path) is None]


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A real Slurm, one for each pytest process."""
    if missing := _missing():
        pytest.skip(f"no {', '.join(missing)} here: {INSTALL}")
    if _renamed() and subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"Slurm would listen beyond loopback: give {socket.gethostname()} the address 127.0.0.1 in /etc/hosts")
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(running_slurm())
        except (RuntimeError, TimeoutError) as error:
            if os.getuid() == 0:
                raise
            pytest.skip(f"Slurm does not start for a user who is not root (as root: {INSTALL}): {error}")
        yield running


@pytest.fixture
def on_slurm(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """A test that talks to `slurm` from this very process; what it leaves in the queue is cancelled."""
    for name in [name for name in os.environ if name.startswith(("SLURM", "SBATCH", "SRUN"))]:
        monkeypatch.delenv(name)
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, slurm.environment[name])
    yield slurm
    slurm.cancel_all()


# What the runs of these tests train with. Its steps stand still, and at the seventh it breaks, only while files say so.
PACED = """
import functools, os, sys, time
from pathlib import Path

import torch
import yaml

PLAY = Path(os.environ["PLAY"])


@functools.cache
def seed():
    return yaml.safe_load((Path(sys.argv[1]) / "config.yaml").read_text())["seed"]


class Adam(torch.optim.Adam):
    taken = 0

    def step(self, closure=None):
        self.taken += 1
        if (PLAY / "slow").exists():
            time.sleep(float((PLAY / "slow").read_text()))
        if self.taken == 1 and "SLURM_JOB_ID" in os.environ:  # which tasks of Slurm's train
            (PLAY / f"task-{os.environ.get('SLURM_JOB_ID')}.{os.environ.get('SLURM_PROCID')}").touch()
        if self.taken == 7 and (PLAY / f"exit-{seed()}").exists():
            os._exit(7)
        if self.taken == 7 and (PLAY / f"raise-{seed()}").exists():
            raise ArithmeticError("the seventh step")
        return super().step(closure)
"""
TRAINING = (
    *("optimizer=adam", "optimizer._target_=paced.Adam", "schedule=cosine", "trainer=cpu", "logger=none"),
    *("budget.epochs=null", "budget.steps=300", "validate_every=100", "log_every=5", "checkpoint.every=0"),
)
AS_TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")


@dataclass
class Bench:
    """Where commands are typed: all of them train the same thing, in the sweep `s` of `folder`."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sweep, self.play = self.folder / "s", self.folder / "play"
        self.play.mkdir()
        (self.folder / "paced.py").write_text(PACED)
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH", "")]))
        own = {"PYTHONPATH": path, "PLAY": str(self.play), "OMP_NUM_THREADS": "1", "COLUMNS": "300"}
        self.environment = {**self.environment, **own}

    def line(self, *words: str) -> list[str]:
        """train.py and what follows it: TRAINING with `words` instead of what it says of the same keys."""
        keys = {word.partition("=")[0] for word in words}
        usual = [word for word in TRAINING if word.partition("=")[0] not in keys]
        return [str(ROOT / "train.py"), *usual, *words, f"output_dir={self.folder}", "sweep=s"]

    def start(self, *words: str, through: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
        """Type a command in, in a process group of its own; `through` are the words before train.py."""
        line = [*(through or (sys.executable,)), *self.line(*words)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        every = {**self.environment, **environment}
        started = subprocess.Popen(line, env=every, cwd=self.folder, text=True, start_new_session=True, **pipes)
        self.started.append(started)
        return started

    def type_in(self, *words: str, through: tuple[str, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
        """Type a command in and wait for it."""
        return finish(self.start(*words, through=through, **environment))

    def slow(self, seconds: float = 0.1) -> None:
        """Let every step take `seconds` from now on."""
        (self.play / "slow").write_text(str(seconds))

    def fast(self) -> None:
        (self.play / "slow").unlink(missing_ok=True)

    def records(self) -> dict[int, Record]:
        """The records by seed."""
        return {record.config["seed"]: record for record in records.find(self.sweep)}

    def statuses(self) -> dict[int, str]:
        return {seed: str(record.status) for seed, record in self.records().items()}

    def run(self, seed: int) -> Path:
        """The folder of the run with that seed.

        Raises:
            LookupError: there is none.
        """
        for config in self.sweep.glob(f"*/{CONFIG}"):
            if f"\nseed: {seed}\n" in config.read_text():
                return config.parent
        raise LookupError(seed)

    def under_way(self, *seeds: int, steps: int = 10) -> bool:
        """Whether the runs with these seeds have a checkpoint and are `steps` steps beyond the start."""
        try:
            folders = [self.run(seed) for seed in seeds]
        except LookupError:
            return False
        return all((f / CHECKPOINT).exists() and progress.read(f).get("step", 0) >= steps for f in folders)

    def wait_for(self, *seeds: int, seconds: float = 90) -> None:
        """Wait until the runs with these seeds are under way."""
        command = self.started[-1]
        wait_until(lambda: self.under_way(*seeds) or command.poll() is not None, seconds, f"the runs with seeds {seeds}")
        if not self.under_way(*seeds):
            pytest.fail(f"the command ended early:\n{command.communicate()}")

    def left(self) -> dict[int, str]:
        """The processes that commands typed here have started, whoever is their parent now, and that still run."""
        ours, found = f"PLAY={self.play}".encode(), {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if ours in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        return found

    def gone(self, seconds: float = 15) -> bool:
        """Whether all of those end within `seconds`."""
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not self.left(), seconds, "processes to end")
        return not self.left()

    def close(self) -> None:
        """End what a test left running."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def finish(started: subprocess.Popen[str], seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """Wait for a command; what it said so far is shown if it does not end."""
    try:
        said, told = started.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"{started.args} did not end in {seconds:g} s; it said\n{error.stdout!r}\n{error.stderr!r}")
    return subprocess.CompletedProcess(started.args, started.returncode, said, told)


def free_port() -> str:
    """A port of loopback where nobody listens."""
    return str(_free_ports(1)[0])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    own = Bench(tmp_path)
    yield own
    own.close()


@pytest.fixture
def slurm_bench(slurm: Slurm, tmp_path: Path) -> Iterator[Bench]:
    """Commands typed here find `slurm`; what a test leaves in its queue is cancelled."""
    own = Bench(tmp_path, slurm.environment)
    yield own
    slurm.cancel_all()
    own.close()


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[int, pl.DataFrame]:
    """The curves, by seed, that the launcher of this machine gives undisturbed."""
    own = Bench(tmp_path_factory.mktemp("local"))
    answer = own.type_in("-m", "seed=0,1,2,3")
    own.close()
    assert answer.returncode == 0, answer.stderr
    return {seed: curves(record) for seed, record in own.records().items()}


def curves(record: Record) -> pl.DataFrame:
    """What a run measured, all but how long it took."""
    every = records.read_curves(record.folder)
    return every.select(sorted(set(every.columns) - {"train_seconds"}))


def close_to(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two curves have the same points, with values that differ by rounding."""
    same = one["step"].to_list() == other["step"].to_list() and one["batches"].to_list() == other["batches"].to_list()
    columns = ("train/loss", "train/grad_norm", "valid/loss")
    values = ((one[column].drop_nulls().to_list(), other[column].drop_nulls().to_list()) for column in columns)
    return same and all(len(mine) > 3 and mine == pytest.approx(theirs, rel=1e-4) for mine, theirs in values)
