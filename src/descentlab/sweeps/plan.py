"""Which runs a command means: each with its id, its folder and its config, written down before the first starts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from descentlab import provenance
from descentlab.config import run_id
from descentlab.records import CONFIG, Record, Status, write_text

MAX_NAME = 80
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

    @property
    def tracking_id(self) -> str:
        """The id of its W&B run: what a person knows it by, first; two sweeps that share a run stay apart."""
        return f"{self.name}-{_short_hash(self.sweep)}"

    @property
    def processes(self) -> int:
        """How many processes the run occupies on this machine."""
        return int(self.config["trainer"]["devices"])


def plan(
    configs: Sequence[Mapping[str, Any]], choices: Sequence[Mapping[str, str]], overrides: Sequence[Sequence[str]]
) -> list[Job]:
    """The jobs of a sweep, in order; runs that are the same in all that matters are one job (`same_runs` tells which).

    Args:
        configs: the resolved config of each run.
        choices: group -> option of each run.
        overrides: the command-line overrides of each run; those that differ name its folder.
    """
    ids = [run_id(config) for config in configs]
    sweep = configs[0]["sweep"] or _sweep_name(choices, ids)
    labels = _labels(choices, overrides)
    parents = [Path(config["output_dir"]) / sweep for config in configs]
    known = {parent: _names_by_id(parent) for parent in set(parents)}
    jobs: dict[str, Job] = {}
    for config, chosen, id, label, parent in zip(configs, choices, ids, labels, parents, strict=True):
        name = known[parent].get(id) or f"{label[: MAX_NAME - len(id) - 1]}-{id}"
        groups = {key: option for key, option in chosen.items() if "hydra" not in key and option is not None}
        jobs.setdefault(id, Job(id, name, sweep, groups, {**config, "sweep": sweep}, parent / name))
    return list(jobs.values())


def same_runs(configs: Sequence[Mapping[str, Any]], overrides: Sequence[Sequence[str]]) -> Iterator[str]:
    """A sentence for each run that is described more than once: which words of the sweep mean the same."""
    shared = set(overrides[0]).intersection(*overrides)
    words: dict[str, list[str]] = {}
    for config, own in zip(configs, overrides, strict=True):
        words.setdefault(run_id(config), []).append(" ".join(word for word in own if word not in shared))
    for several in words.values():
        distinct = list(dict.fromkeys(several))
        if len(distinct) > 1:
            yield f"trained once, for the configuration is the same: {' | '.join(distinct)}"
        elif len(several) > 1:
            yield f"trained once, though given {len(several)} times: {distinct[0] or 'the same run'}"


def _names_by_id(sweep: Path) -> dict[str, str]:
    """The runs that the folder `sweep` has already, perhaps named by another command."""
    return {path.name.rpartition("-")[2]: path.name for path in sweep.glob("*-*")}


def _sweep_name(choices: Sequence[Mapping[str, str]], ids: Sequence[str]) -> str:
    problems = {chosen["problem"] for chosen in choices}
    what = problems.pop() if len(problems) == 1 else f"{len(problems)}-problems"
    return f"{_as_file_name(what)}-{_short_hash(' '.join(sorted(ids)))}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _labels(choices: Sequence[Mapping[str, str]], overrides: Sequence[Sequence[str]]) -> list[str]:
    """For each run the overrides that not all runs share, as a file name: `adam-lr0.1-seed1`."""
    shared = set(overrides[0]).intersection(*overrides)
    return [_label(chosen, [o for o in own if o not in shared]) for chosen, own in zip(choices, overrides, strict=True)]


def _label(chosen: Mapping[str, str], differing: Sequence[str]) -> str:
    parts = [] if any(o.startswith("optimizer=") for o in differing) else [chosen["optimizer"]]
    for override in differing:
        key, _, value = override.lstrip("+~").partition("=")
        without = "no" * override.startswith("~")
        parts.append(value if key in chosen and value else without + key.rpartition(".")[2] + value)
    return _as_file_name("-".join(parts))


def _as_file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.,_-]+", "_", text)
