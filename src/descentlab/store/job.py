"""A job: a run before it starts, as its folder stores it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from descentlab.store import provenance
from descentlab.store.core import Core
from descentlab.store.record import CONFIG, Record, Status, write_text

# PyYAML's C implementation is several times faster, but not every installation includes it.
_Dumper, _Loader = getattr(yaml, "CSafeDumper", yaml.SafeDumper), getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Job:
    """A planned run. `folder`/config.yaml holds everything that a new process needs to execute it.

    Attributes:
        id: ten hexadecimal digits that identify what the config computes (config.identity.run_id).
        name: name of the folder: the overrides that differ within the sweep, and the id.
        sweep: name of the sweep.
        choices: the chosen option of each config group.
        config: the resolved config.
        folder: the run's folder.
        attempt: number of attempts so far, this one included.
        origin: code and versions of the last attempt (provenance.origin).
    """

    id: str
    name: str
    sweep: str
    choices: dict[str, str]
    config: dict[str, Any]
    folder: Path
    attempt: int = 1
    origin: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Write config.yaml: the resolved config, and the other attributes under the key `run`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        run = {key: getattr(self, key) for key in ("id", "name", "sweep", "choices", "attempt", "origin")}
        text = yaml.dump({"run": run, **self.config}, Dumper=_Dumper, sort_keys=False)
        write_text(self.folder / CONFIG, text)

    @classmethod
    def load(cls, folder: Path) -> Job:
        """Return the job of the config.yaml in `folder`."""
        content = yaml.load((folder / CONFIG).read_text(), Loader=_Loader)
        return cls(**content.pop("run"), config=content, folder=folder)

    def record(self, status: Status, reason: str) -> Record:
        """Return a record for a run that ended without writing one."""
        own = (self.choices, self.config, reason)
        return Record(self.id, self.name, self.sweep, status, *own, code=provenance.code(), attempt=self.attempt)

    @cached_property
    def core(self) -> Core:
        """The typed keys of `config` that every run has."""
        return Core.of(self.config)

    @property
    def tracking_id(self) -> str:
        """The id of the W&B run: the name, and a hash of the sweep, since two sweeps may contain the same run."""
        return f"{self.name}-{short_hash(self.sweep)}"

    @property
    def processes(self) -> int:
        """The number of processes of the run on each node."""
        return self.core.trainer.devices


def short_hash(text: str) -> str:
    """Return six hexadecimal digits that depend on `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:6]
