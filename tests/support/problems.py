"""The problem files: the contents of their headers, and the presence of their data."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import yaml
from conftest import ROOT, options

from descentlab.data.fetch.registry import REGISTRY
from descentlab.data.fetch.sources import Entry

NO_EXPECTATION = "nothing here"  # for a problem that is too large for two cores, or whose data are in no registry
SOURCE_OF = {
    "fashion_scenes": "fashion_mnist",
    "movielens_100k_implicit": "movielens_100k",
}  # -> the data set whose files it uses
CLAUSE = re.compile(r"(?P<optimizer>[\w/]+) (?P<key>(test |valid )?\w+) (?P<sign>>=|<=) (?P<value>[\d.e-]+)")


@dataclass(frozen=True)
class Header:
    """The comment at the start of a problem's file."""

    sentence: str
    command: list[str]
    cost: str
    expect: list[re.Match[str] | None]

    @classmethod
    def of(cls, problem: str) -> Header:
        lines = [line for line in text(problem).splitlines() if line.startswith("#")]
        whole = "\n".join(line.removeprefix("#").strip() for line in lines[1:])
        found = re.fullmatch(r"(.+?)\npython (.+)\ncost: (.+?)\nexpect: (.+)", whole, re.DOTALL)
        assert found, f"conf/problem/{problem}.yaml begins with a sentence, its command, cost: and expect:"
        sentence, command, cost, expect = found.groups()
        clauses = [] if expect.startswith(NO_EXPECTATION) else re.split(r";\s+", expect.partition("\n")[0])
        return cls(sentence, shlex.split(command), cost, [CLAUSE.fullmatch(clause) for clause in clauses])


def text(problem: str) -> str:
    return (ROOT / "conf" / "problem" / f"{problem}.yaml").read_text()


def trainable() -> list[str]:
    """Return the problems that two cores can train, on data that are installed or in a package registry."""
    return [problem for problem in options("problem") if Header.of(problem).expect]


def data_set(problem: str) -> Entry | None:
    """Return the registry's entry of the data of the problem; None if they are installed or a file of the user."""
    defaults = yaml.safe_load(text(problem))["defaults"]
    data = next(default["override /data"] for default in defaults if "override /data" in default)
    config = yaml.safe_load((ROOT / "conf" / "data" / f"{data}.yaml").read_text())
    name = config.get("source", SOURCE_OF.get(data, data))
    return REGISTRY.get(name)


def missing(problem: str) -> str:
    """Return the data set of the problem if it is missing on this machine; else an empty text."""
    entry = data_set(problem)
    return entry.name if entry and not entry.present(ROOT / "data") else ""
