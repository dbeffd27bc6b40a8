"""A run to be, as its folder holds it before it starts."""

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

# The ones in C, several times as fast, where yaml was built with them.
_Dumper, _Loader = getattr(yaml, "CSafeDumper", yaml.SafeDumper), getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Job:
    """A run to be: everything a fresh process needs is in `folder`/config.yaml.

    `attempt` counts the processes that were started for it, `origin` says by which code and versions the last one was.
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
        """Write config.yaml: the resolved config, and under `run` whose it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        run = {key: getattr(self, key) for key in ("id", "name", "sweep", "choices", "attempt", "origin")}
        text = yaml.dump({"run": run, **self.config}, Dumper=_Dumper, sort_keys=False)
        write_text(self.folder / CONFIG, text)

    @classmethod
    def load(cls, folder: Path) -> Job:
        """The job whose config.yaml stands in `folder`."""
        content = yaml.load((folder / CONFIG).read_text(), Loader=_Loader)
        return cls(**content.pop("run"), config=content, folder=folder)

    def record(self, status: Status, reason: str) -> Record:
        """The record of a run that did not get far enough to make its own."""
        own = (self.choices, self.config, reason)
        return Record(self.id, self.name, self.sweep, status, *own, code=provenance.code(), attempt=self.attempt)

    @cached_property
    def core(self) -> Core:
        """The typed keys of `config` that every run has."""
        return Core.of(self.config)

    @property
    def tracking_id(self) -> str:
        """The id of its W&B run: what a person knows it by, first; two sweeps that share a run stay apart."""
        return f"{self.name}-{short_hash(self.sweep)}"

    @property
    def processes(self) -> int:
        """How many processes the run occupies on this machine."""
        return self.core.trainer.devices


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
