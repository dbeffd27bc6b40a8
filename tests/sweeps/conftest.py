"""What tests of sweeps that break share: a folder in which commands are typed, and what is left when they have ended."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT

from descentlab.store import record as records
from descentlab.store.record import Record

# Optimizer state, dropout, running means and a schedule: all that a run which goes on must find again.
RUN = (
    *("problem=digits_mlp", "optimizer=adam", "model._target_=faults.Net", "data._target_=faults.Digits"),
    *("model.dropout=0.2", "model.norm=batch", "schedule=cosine", "schedule.warmup=0.1"),
    *("budget.epochs=null", "budget.steps=60", "validate_every=20", "log_every=3", "checkpoint.every=0"),
)
SHARED_MEMORY = re.compile(r"sem\.|torch_|psm_|mp-")


@dataclass
class Lab:
    """A folder with faults.py in it; `typed` are the commands that have ended."""

    folder: Path
    typed: list[subprocess.CompletedProcess[str]] = field(default_factory=list)

    def line(self, *words: str, out: str = "out") -> list[str]:
        """RUN with `words` instead of what it says of the same keys."""
        keys = {word.lstrip("+~").split("=")[0] for word in words}
        usual = [word for word in ("logger=none", *RUN) if word.split("=")[0] not in keys]
        places = [f"output_dir={self.folder / out}", f"data_dir={ROOT}/data", "sweep=s"]
        return [sys.executable, str(ROOT / "train.py"), "-m", *usual, *places, *words]

    def environment(self, armed: bool = True, **more: str) -> dict[str, str]:
        """Faults strike in commands that are `armed`."""
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        markers = {"FAULT_MARKERS": str(self.folder / "markers")} if armed else {}
        own = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
        return {**os.environ, **own, "LAB": str(self.folder), **markers, **more}

    def type_in(self, *words: str, out: str = "out", armed: bool = True, timeout: float = 600, **more: str):
        line, environment = self.line(*words, out=out), self.environment(armed, **more)
        answer = subprocess.run(line, capture_output=True, text=True, timeout=timeout, cwd=self.folder, env=environment)
        self.typed.append(answer)
        return answer

    @contextlib.contextmanager
    def typing(self, *words: str, out: str = "out", armed: bool = True) -> Iterator[subprocess.Popen[str]]:
        """A command while it goes on."""
        with (self.folder / "said.txt").open("w") as said:
            line, environment = self.line(*words, out=out), self.environment(armed)
            process = subprocess.Popen(line, stdout=said, stderr=said, text=True, cwd=self.folder, env=environment)
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    @property
    def said(self) -> str:
        """What the last command under `typing` has said so far."""
        return (self.folder / "said.txt").read_text()

    def runs(self, out: str = "out") -> dict[str, Record]:
        """The records by fault."""
        return {str(record.config["model"].get("fault")): record for record in records.find(self.folder / out / "s")}

    def folders(self, out: str = "out") -> dict[str, Path]:
        """The folders by fault, of runs with and without a record."""
        return {_fault(path): path.parent for path in (self.folder / out / "s").glob("*/config.yaml")}

    def statuses(self, out: str = "out") -> dict[str, str]:
        return {fault: str(record.status) for fault, record in self.runs(out).items()}

    def processes(self) -> dict[int, str]:
        """What lives of all that was started here: its process ids and command lines."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"LAB={self.folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        return found

    def is_quiet_within(self, seconds: float) -> bool:
        """Whether all processes end by themselves."""
        return wait_until(lambda: not self.processes(), seconds)

    def end(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _fault(config: Path) -> str:
    found = re.search(r"^  fault: (\S+)", config.read_text(), re.MULTILINE)
    return found.group(1) if found else "None"


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(holds())


def curves(record: Record) -> pl.DataFrame:
    """All that was measured, but for the time it took."""
    return records.read_curves(record.folder).drop("train_seconds")


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Lab]]:
    """Make a Lab; that nothing of it is left in the end is part of every test that uses one."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("looks for processes in /proc")
    labs: list[Lab] = []
    before = set(_shared_memory())

    def make() -> Lab:
        lab = Lab(tmp_path_factory.mktemp("lab"))
        shutil.copy(Path(__file__).parent / "faults.py", lab.folder)
        (lab.folder / "markers").mkdir()
        labs.append(lab)
        return lab

    yield make
    left = [line for lab in labs if not lab.is_quiet_within(15) for line in lab.processes().values()]
    for lab in labs:
        lab.end()
    assert not left, "processes that a command has left"
    assert not set(_shared_memory()) - before
    assert not [answer.stderr for lab in labs for answer in lab.typed if "leaked" in answer.stderr]


def _shared_memory() -> list[str]:
    shared = Path("/dev/shm")
    return [path.name for path in shared.iterdir() if SHARED_MEMORY.match(path.name)] if shared.exists() else []


@pytest.fixture(scope="module")
def uninterrupted(make_lab: Callable[[], Lab]) -> Callable[..., pl.DataFrame]:
    """The curves of a run that nothing ever happened to: uninterrupted("seed=3")."""
    known: dict[tuple[str, ...], pl.DataFrame] = {}

    def curves_of(*words: str) -> pl.DataFrame:
        if words not in known:
            lab = make_lab()
            answer = lab.type_in(*words, armed=False)
            assert answer.returncode == 0, answer.stderr
            (record,) = records.find(lab.folder / "out" / "s")
            known[words] = curves(record)
        return known[words]

    return curves_of


@pytest.fixture(scope="module")
def lab_of_module(make_lab: Callable[[], Lab]) -> Lab:
    return make_lab()


@pytest.fixture
def lab(make_lab: Callable[[], Lab]) -> Lab:
    return make_lab()
