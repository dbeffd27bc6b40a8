"""A folder in which commands train a model that breaks on purpose (faults.py), and the records and processes they leave."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from conftest import ROOT

from descentlab.store import record as records
from descentlab.store.record import Record
from support.processes import kill, processes_with
from support.waiting import wait_until

# Optimizer state, dropout, running means and a schedule: everything that a resumed run must restore. One process for each run:
# in a group the model would be called once for all of its runs.
RUN = (
    *("problem=digits_mlp", "optimizer=adam", "model._target_=faults.Net", "data._target_=faults.Digits"),
    *("model.dropout=0.2", "model.norm=batch", "schedule=cosine", "schedule.warmup=0.1"),
    *("budget.epochs=null", "budget.steps=60", "validate_every=20", "log_every=3", "checkpoint.every=0"),
    "hydra.launcher.fuse=never",
)


@dataclass
class Lab:
    """A folder with faults.py in it; `ended` are the commands that have ended."""

    folder: Path
    ended: list[subprocess.CompletedProcess[str]] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path) -> Lab:
        """Prepare `folder`."""
        shutil.copy(Path(__file__).parent / "faults.py", folder)
        (folder / "markers").mkdir()
        return cls(folder)

    def line(self, *words: str, out: str = "out") -> list[str]:
        """Return the command line RUN, with `words` in place of the words that set the same keys."""
        keys = {word.lstrip("+~").split("=")[0] for word in words}
        usual = [word for word in ("logger=none", *RUN) if word.split("=")[0] not in keys]
        folders = [f"output_dir={self.folder / out}", f"data_dir={ROOT}/data", "sweep=s"]
        return [sys.executable, str(ROOT / "train.py"), "-m", *usual, *folders, *words]

    def environment(self, armed: bool = True, **more: str) -> dict[str, str]:
        """Return the environment of a command; faults strike in commands that are `armed`."""
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        markers = {"FAULT_MARKERS": str(self.folder / "markers")} if armed else {}
        own = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
        return {**os.environ, **own, "LAB": str(self.folder), **markers, **more}

    def run(self, *words: str, out: str = "out", armed: bool = True, timeout: float = 600, **more: str):
        """Run a command to its end, and return the finished process."""
        line, environment = self.line(*words, out=out), self.environment(armed, **more)
        answer = subprocess.run(line, capture_output=True, text=True, timeout=timeout, cwd=self.folder, env=environment)
        self.ended.append(answer)
        return answer

    @contextlib.contextmanager
    def running(self, *words: str, out: str = "out", armed: bool = True) -> Iterator[subprocess.Popen[str]]:
        """Start a command; kill it at the end of the context if it still runs."""
        with (self.folder / "output.txt").open("w") as output:
            line, environment = self.line(*words, out=out), self.environment(armed)
            process = subprocess.Popen(line, stdout=output, stderr=output, text=True, cwd=self.folder, env=environment)
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    @property
    def output(self) -> str:
        """The output so far of the last command that `running` started."""
        return (self.folder / "output.txt").read_text()

    def records(self, out: str = "out") -> dict[str, Record]:
        """Return the records by fault."""
        return {str(record.config["model"].get("fault")): record for record in records.find(self.folder / out / "s")}

    def folders(self, out: str = "out") -> dict[str, Path]:
        """Return the folders by fault, of runs with and without a record."""
        return {_fault(path): path.parent for path in (self.folder / out / "s").glob("*/config.yaml")}

    def statuses(self, out: str = "out") -> dict[str, str]:
        """Return the statuses by fault."""
        return {fault: str(record.status) for fault, record in self.records(out).items()}

    def markers(self) -> list[Path]:
        """Return the markers that faults leave when they strike."""
        return list((self.folder / "markers").iterdir())

    def processes(self) -> dict[int, str]:
        """Return the ids and command lines of the living processes that were started here."""
        return processes_with("LAB", self.folder)

    def is_quiet_within(self, seconds: float) -> bool:
        """Return True if all processes end by themselves within `seconds`."""
        return wait_until(lambda: not self.processes(), seconds)

    def close(self) -> None:
        """Kill all processes that were started here."""
        kill(self.processes())


def _fault(config: Path) -> str:
    found = re.search(r"^  fault: (\S+)", config.read_text(), re.MULTILINE)
    return found.group(1) if found else "None"
