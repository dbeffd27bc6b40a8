"""No command line ends in a traceback, a hang, exit 0 without records, or a run that ignored a word."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from generated_commands import Line, lines
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from descentlab import cli
from descentlab.config.command_line import Command, config_loader
from descentlab.config.shape import NONE
from descentlab.errors import written
from descentlab.store import record as records
from descentlab.store.job import Job
from descentlab.sweeps.launch import checked_plan

NUMBER, TRAINED, SAMPLE = 1000, 60, 20
USUAL = ("logger=none",)
MISSING = object()


def typed(line: Line, monkeypatch, capsys, *more: str) -> tuple[int, str]:
    """The exit code of a command line, and what it printed."""
    flags = ["-m"] * line.multirun
    monkeypatch.setattr(sys, "argv", ["train.py", *line.words, *USUAL, *flags, *more])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    with pytest.raises(SystemExit) as leaving:
        cli.main(ROOT / "conf")
    said = capsys.readouterr()
    return int(leaving.value.code or 0), said.out + said.err


def jobs_of(line: Line) -> list[Job]:
    with config_loader(ROOT / "conf") as loader:
        return checked_plan(Command(loader, [*line.words, *USUAL], line.multirun).runs())


def assert_heeded(words: Sequence[str], jobs: Sequence[Job]) -> None:
    """Every word shows in the configs of the runs."""
    with config_loader(ROOT / "conf") as loader:
        for override in OverridesParser.create(config_loader=loader).parse_overrides(list(words)):
            values = list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]
            for value in values:
                assert any(_shows(override, value, job) for job in jobs), (
                    override.input_line,
                    [job.config for job in jobs][:1],
                )


def _shows(override: Override, value: Any, job: Job) -> bool:
    key = override.key_or_group
    plain = Override._convert_value(value)
    found = _found(job.config, key)
    if override.is_delete():
        return key not in job.choices and (found is MISSING or found is None or found == NONE.get(key, MISSING))
    if key in job.choices or (plain is None and key in NONE):
        return job.choices.get(key, "null") == written(plain) or found == NONE.get(key, MISSING)
    if key in ("debug", "problem", "baseline") and plain is None:
        return True  # none of it
    if isinstance(plain, dict):
        return all(_found(job.config, f"{key}.{name}") == item for name, item in plain.items())
    return found == plain or (isinstance(plain, int) and found == written(plain))


def _found(config: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        if not isinstance(config, dict) or part not in config:
            return MISSING
        config = config[part]
    return config


def assert_sane(line: Line, code: int, said: str) -> None:
    assert "Traceback" not in said, (line, said)
    assert code in (0, 2), (line, code, said)
    assert "the check before the start was ended" not in said, (line, said)
    if code == 0:
        assert line.right is not False, (line, said)
        assert_heeded(line.words, jobs_of(line))
    else:
        assert line.right is not True, (line, said)
        assert said.split(), line
        assert len(said.splitlines()) <= 30, (line, said)


def check_dry(line: Line, monkeypatch, capsys) -> None:
    code, said = typed(line, monkeypatch, capsys, "--dry-run")
    assert_sane(line, code, said)
    assert code == 2 or "nothing was started" in said
    assert not Path("outputs").exists()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESCENTLAB_DATA", str(ROOT / "data"))


@pytest.mark.parametrize("line", lines(SAMPLE, seed=1), ids=lambda line: " ".join(line.words))
def test_a_sample_of_lines(line, monkeypatch, capsys):
    check_dry(line, monkeypatch, capsys)


# A line that is accepted costs a rehearsal, about a second: half of them are left to `make test-long`.
PARTS = [pytest.param(part, marks=pytest.mark.slow if part < 5 else pytest.mark.long) for part in range(10)]


@pytest.mark.parametrize("part", PARTS)
def test_all_lines(part, monkeypatch, capsys):
    for line in lines(NUMBER - TRAINED)[part::10]:
        check_dry(line, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_lines_that_train(part, monkeypatch, capsys, tmp_path):
    """Lines without a budget of their own, so that two steps are enough to see that each leaves its records."""
    apart = [line for line in lines(4 * NUMBER, seed=2) if not any("budget" in word for word in line.words)]
    for number, line in enumerate(apart[part:TRAINED:6]):
        out = tmp_path / f"out{number}"
        code, said = typed(line, monkeypatch, capsys, "budget.epochs=null", "budget.steps=2", f"output_dir={out}")
        assert_sane(line, code, said)
        found = [record for sweep in out.glob("*") for record in records.find(sweep)]
        assert bool(found) == (code == 0), (line, said)
        assert all(record.status.is_result for record in found)
