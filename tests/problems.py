"""The problem files as tests see them: what their headers say, and whether their data are here."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import yaml
from conftest import ROOT, options

from descentlab.data.fetch.registry import REGISTRY

NOT_HERE = "nothing here"  # the expectation of what is too large for two cores, or has data that no registry has
MADE_OF = {"fashion_scenes": "fashion_mnist", "movielens_100k_implicit": "movielens_100k"}  # of another set's files
CLAUSE = re.compile(r"(?P<optimizer>[\w/]+) (?P<key>(test |valid )?\w+) (?P<sign>>=|<=) (?P<value>[\d.e-]+)")


@dataclass(frozen=True)
class Header:
    """The comment that a problem's file begins with."""

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
        clauses = [] if expect.startswith(NOT_HERE) else re.split(r";\s+", expect.partition("\n")[0])
        return cls(sentence, shlex.split(command), cost, [CLAUSE.fullmatch(clause) for clause in clauses])


def text(problem: str) -> str:
    return (ROOT / "conf" / "problem" / f"{problem}.yaml").read_text()


def trainable() -> list[str]:
    """The problems that two cores can train, on data that come along or from a package registry."""
    return [problem for problem in options("problem") if Header.of(problem).expect]


def missing(problem: str) -> str:
    """The data set that the problem needs and that is not here; empty if it is."""
    defaults = yaml.safe_load(text(problem))["defaults"]
    data = next(default["override /data"] for default in defaults if "override /data" in default)
    said = yaml.safe_load((ROOT / "conf" / "data" / f"{data}.yaml").read_text())
    name = said.get("source", MADE_OF.get(data, data))
    return name if name in REGISTRY and not REGISTRY[name].present(ROOT / "data") else ""
