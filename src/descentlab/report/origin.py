"""What must be the same in all runs of a comparison for their numbers to be comparable: data, code, libraries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from descentlab.store.record import Record

SHORT = 8  # characters shown of a hash
FIRST = ("data", "path", "target")  # what tells two data sets apart, in the order in which it is looked for
SHOWN = 3  # labels named in a note


def data_keys(runs: Sequence[Record]) -> dict[str, str]:
    """Return the key of each run's data, by run id: the digest of its splits.

    A run that ended without one (it failed before its data were read, say) belongs to those of its problem with the same data
    node in the config; if there are none, the node's hash is its key.
    """
    by_node = {_node(run): run.data["digest"] for run in runs if run.data.get("digest")}
    return {run.id: run.data.get("digest") or by_node.get(_node(run)) or _hash(_node(run)) for run in runs}


def _node(run: Record) -> str:
    return json.dumps([run.choices.get("problem"), run.config.get("data")], sort_keys=True, default=str)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def distinct_names(problem: str, firsts: Sequence[Record], digests: Sequence[str]) -> list[str]:
    """Return a name for each of several data sets of one problem, such as "digits_mlp (a.csv)".

    Args:
        problem: its name, which suffices for a single data set.
        firsts: a run on each.
        digests: of each.
    """
    if len(firsts) == 1:
        return [problem]
    nodes = [_words(run) for run in firsts]
    keys = dict.fromkeys([*FIRST, *(key for node in nodes for key in node)])
    parts: list[list[str]] = [[] for _ in firsts]
    for key in keys:
        values = [node.get(key, "") for node in nodes]
        if len(set(values)) > 1:
            for part, value in zip(parts, values, strict=True):
                part.extend([value] if key in FIRST and value else [f"{key}={value}"] if value else [])
        if len(set(map(tuple, parts))) == len(parts):
            return [f"{problem} ({', '.join(part)})" if part else problem for part in parts]
    return [f"{problem} ({', '.join([*part, digest[:SHORT]])})" for part, digest in zip(parts, digests, strict=True)]


def _words(run: Record) -> dict[str, str]:
    """Return the keys of a run's data node as texts, a path by its last part; `data` is the option of the config group."""
    node = {"data": run.choices.get("data", ""), **(run.config.get("data") or {})}
    texts = {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in node.items()}
    texts = {key: value for key, value in texts.items() if node[key] is not None}
    return {**texts, "path": PurePath(texts["path"]).name} if "path" in texts else texts


def made_by(run: Record) -> dict[str, str]:
    """Return the versions and source hashes that made a result: of the package, the libraries, and a user's own classes."""
    if not run.status.is_result:
        return {}
    package = run.code.get("package")
    return {**({"descentlab (source)": str(package)} if package else {}), **run.versions}


def differing(runs: Sequence[Record]) -> dict[str, dict[str, list[Record]]]:
    """Return what differs between the runs that have it: name -> value -> the runs with that value."""
    found: dict[str, dict[str, list[Record]]] = {}
    for run in runs:
        for name, value in made_by(run).items():
            found.setdefault(name, {}).setdefault(value, []).append(run)
    return {name: values for name, values in found.items() if len(values) > 1}


def notes(runs_by_label: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return a sentence for each version or source that differs between the runs of a comparison.

    Args:
        runs_by_label: the runs of each series by its label.
    """
    label_of = {run.id: label for label, runs in runs_by_label.items() for run in runs}
    found = differing([run for runs in runs_by_label.values() for run in runs])
    return [f"not strictly comparable: {name} differs ({_listed(values, label_of)})" for name, values in found.items()]


def _listed(values: Mapping[str, Sequence[Record]], label_of: Mapping[str, str]) -> str:
    parts: list[str] = []
    for value, runs in values.items():
        labels = list(dict.fromkeys(label_of[run.id] for run in runs))
        more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
        parts.append(f"{shortened(value)}: {', '.join(labels[:SHOWN])}{more}")
    return "; ".join(parts)


def shortened(value: str) -> str:
    """Return a version as it is, of a hash the beginning."""
    return value[:SHORT] if len(value) == 16 and value.isalnum() else value


def own(runs: Sequence[Record], names: Mapping[str, Any]) -> str:
    """Return the values that `runs` have of what differs in their comparison, such as "torch=2.8.0"."""
    each = {f"{name}={shortened(made_by(run)[name])}": None for run in runs for name in names if name in made_by(run)}
    return ", ".join(each)
