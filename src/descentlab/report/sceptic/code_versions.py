"""Runs of several versions of the code or the libraries, and of changed source of a user's class."""

from __future__ import annotations

from collections.abc import Iterator

from descentlab.report.answer import Answer, Flag
from descentlab.report.comparability import shorten, version_differences
from descentlab.report.statement import join_words

ORDER = 60
SOURCE, OWN = " (source)", "descentlab (source)"


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each version or source that differs between the reported runs, with the entries of each version."""
    entry_of = {run.id: entry.name for entry in answer.entries for run in entry.series.runs}
    found = version_differences([run for entry in answer.entries for run in entry.series.runs])
    for name, versions in found.items():
        entries = {version: list(dict.fromkeys(entry_of[run.id] for run in runs)) for version, runs in versions.items()}
        where = "; ".join(f"{shorten(version)}: {join_words(known)}" for version, known in entries.items())
        yield Flag("code_versions", f"{_subject(name)} between runs ({where}): train them again with one version.")


def _subject(name: str) -> str:
    if name.endswith(SOURCE) and name != OWN:
        return f"The source of {name.removesuffix(SOURCE)} changed"
    return f"The version of {name.removesuffix(SOURCE)} differs"
