"""Plans the jobs of a sweep: each with its id, its folder and its config, before the first one starts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.config.identity import run_id
from descentlab.store.core import Core
from descentlab.store.job import Job, short_hash

MAX_NAME = 80


def plan_jobs(
    configs: Sequence[Mapping[str, Any]],
    choices: Sequence[Mapping[str, str]],
    overrides: Sequence[Sequence[str]],
    shared: Collection[str] | None = None,
) -> list[Job]:
    """Return the jobs of a sweep, in order. Runs with the same id are one job (see `same_runs`).

    Args:
        configs: the resolved config of each run.
        choices: config group -> option, for each run.
        overrides: the command-line overrides of each run; those that are not shared name its folder.
        shared: the overrides that all runs of the sweep share; None: those that these runs share.
    """
    ids = [run_id(config) for config in configs]
    cores = [Core.of(config) for config in configs]
    sweep = cores[0].sweep or _sweep_name(choices, ids)
    labels = _labels(choices, overrides, set(overrides[0]).intersection(*overrides) if shared is None else shared)
    parents = [Path(core.output_dir) / sweep for core in cores]
    known = {parent: _names_by_id(parent) for parent in set(parents)}
    jobs: dict[str, Job] = {}
    for config, chosen, id, label, parent in zip(configs, choices, ids, labels, parents, strict=True):
        name = known[parent].get(id) or f"{label[: MAX_NAME - len(id) - 1]}-{id}"
        groups = {key: option for key, option in chosen.items() if "hydra" not in key and option is not None}
        jobs.setdefault(id, Job(id, name, sweep, groups, {**config, "sweep": sweep}, parent / name))
    return list(jobs.values())


def same_runs(configs: Sequence[Mapping[str, Any]], overrides: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a sentence for each run that the command specifies several times, with the overrides that lead to it."""
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
    """Return run id -> folder name of the runs that the folder `sweep` already has; another command may have named them."""
    return {path.name.rpartition("-")[2]: path.name for path in sweep.glob("*-*")}


def _sweep_name(choices: Sequence[Mapping[str, str]], ids: Sequence[str]) -> str:
    problems = {chosen["problem"] for chosen in choices}
    name = problems.pop() if len(problems) == 1 else f"{len(problems)}-problems"
    return f"{as_file_name(name)}-{short_hash(' '.join(sorted(ids)))}"


def _labels(choices: Sequence[Mapping[str, str]], overrides: Sequence[Sequence[str]], shared: Collection[str]) -> list[str]:
    """Return for each run the overrides that not all runs share, as a file name: `adam-lr0.1-seed1`."""
    return [_label(chosen, [o for o in own if o not in shared]) for chosen, own in zip(choices, overrides, strict=True)]


def _label(chosen: Mapping[str, str], differing: Sequence[str]) -> str:
    parts = [] if any(o.startswith("optimizer=") for o in differing) else [chosen["optimizer"]]
    for override in differing:
        key, _, value = override.lstrip("+~").partition("=")
        without = "no" * override.startswith("~")
        parts.append(value if key in chosen and value else without + key.rpartition(".")[2] + value)
    return as_file_name("-".join(parts))


def as_file_name(text: str) -> str:
    """Return `text` with underscores for the characters that names of folders should not have."""
    return re.sub(r"[^A-Za-z0-9.,_-]+", "_", text)
