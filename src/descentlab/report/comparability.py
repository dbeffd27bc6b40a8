"""Comparability of runs: those with the same data form one comparison; differences in code and libraries are reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from descentlab.store.record import Record

SHORT = 8  # characters shown of a hash
MAIN_KEYS = ("data", "path", "target")  # keys of a data node that name a data set best, in order of preference
MAX_LABELS = 3  # labels listed in a note


def data_keys(runs: Sequence[Record]) -> dict[str, str]:
    """Return a key for the data of each run, by run id: the digest of its splits.

    A run that ended before its data was read has no digest. It takes the digest of another run of the same problem with the
    same data node in the config; if there is none, the hash of that node is its key.
    """
    by_node = {_node(run): run.data["digest"] for run in runs if run.data.get("digest")}
    return {run.id: run.data.get("digest") or by_node.get(_node(run)) or _hash(_node(run)) for run in runs}


def _node(run: Record) -> str:
    return json.dumps([run.choices.get("problem"), run.config.get("data")], sort_keys=True, default=str)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def distinct_names(problem: str, firsts: Sequence[Record], digests: Sequence[str]) -> list[str]:
    """Return a distinct name for each data set of one problem, such as "digits_mlp (a.csv)".

    Args:
        problem: the problem's name; it is the whole name if there is one data set.
        firsts: one run on each data set.
        digests: the digest of each data set; its beginning is appended if the config does not tell them apart.
    """
    if len(firsts) == 1:
        return [problem]
    nodes = [_data_node(run) for run in firsts]
    keys = dict.fromkeys([*MAIN_KEYS, *(key for node in nodes for key in node)])
    parts: list[list[str]] = [[] for _ in firsts]
    for key in keys:
        values = [node.get(key, "") for node in nodes]
        if len(set(values)) > 1:
            for part, value in zip(parts, values, strict=True):
                part.extend([value] if key in MAIN_KEYS and value else [f"{key}={value}"] if value else [])
        if len(set(map(tuple, parts))) == len(parts):
            return [f"{problem} ({', '.join(part)})" if part else problem for part in parts]
    return [f"{problem} ({', '.join([*part, digest[:SHORT]])})" for part, digest in zip(parts, digests, strict=True)]


def _data_node(run: Record) -> dict[str, str]:
    """Return a run's data node as strings, with the file name only of a path; `data` is the option of the config group."""
    node = {"data": run.choices.get("data", ""), **(run.config.get("data") or {})}
    texts = {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in node.items()}
    texts = {key: value for key, value in texts.items() if node[key] is not None}
    return {**texts, "path": PurePath(texts["path"]).name} if "path" in texts else texts


def code_versions(run: Record) -> dict[str, str]:
    """Return the versions and source hashes of the package, the libraries and the user's own classes.

    The mapping is empty for a run without a result.
    """
    if not run.status.is_result:
        return {}
    package = run.code.get("package")
    return {**({"descentlab (source)": str(package)} if package else {}), **run.versions}


def version_differences(runs: Sequence[Record]) -> dict[str, dict[str, list[Record]]]:
    """Return the versions that differ between runs: name -> version -> the runs with that version.

    A name that only some runs have (a user's own class) is compared among those runs.
    """
    found: dict[str, dict[str, list[Record]]] = {}
    for run in runs:
        for name, version in code_versions(run).items():
            found.setdefault(name, {}).setdefault(version, []).append(run)
    return {name: versions for name, versions in found.items() if len(versions) > 1}


def notes(runs_by_label: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return a sentence for each version or source hash that differs between the runs of a comparison.

    Args:
        runs_by_label: the runs of each series by its label.
    """
    label_of = {run.id: label for label, runs in runs_by_label.items() for run in runs}
    found = version_differences([run for runs in runs_by_label.values() for run in runs])
    return [f"not strictly comparable: {name} differs ({_list(versions, label_of)})" for name, versions in found.items()]


def _list(versions: Mapping[str, Sequence[Record]], label_of: Mapping[str, str]) -> str:
    parts: list[str] = []
    for version, runs in versions.items():
        labels = list(dict.fromkeys(label_of[run.id] for run in runs))
        parts.append(f"{shorten(version)}: {list_labels(labels)}")
    return "; ".join(parts)


def list_labels(labels: Sequence[str]) -> str:
    """Return the first labels, and the number of the others, such as "adam, sgd, lion and 2 more"."""
    more = len(labels) - MAX_LABELS
    return ", ".join(labels[:MAX_LABELS]) + (f" and {more} more" if more > 0 else "")


def shorten(version: str) -> str:
    """Return the beginning of a source hash; a version is returned unchanged."""
    return version[:SHORT] if len(version) == 16 and version.isalnum() else version


def own_versions(runs: Sequence[Record], names: Mapping[str, Any]) -> str:
    """Return the versions of `runs` for those names that differ within their comparison, such as "torch=2.8.0"."""
    each = {f"{name}={shorten(code_versions(run)[name])}": None for run in runs for name in names if name in code_versions(run)}
    return ", ".join(each)
