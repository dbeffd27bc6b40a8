"""No command line gives a traceback, a hang, exit code 0 without records, or a run that ignored a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from support.commands import run_here
from support.generated_commands import Line, lines

from descentlab.config.command_line import Command, config_loader
from descentlab.config.shape import NONE
from descentlab.errors import format_value
from descentlab.store import record as records
from descentlab.store.job import Job
from descentlab.sweeps.launch import checked_plan

NUMBER, TRAINED, SAMPLE = 1000, 60, 8
USUAL = ("logger=none",)
MISSING = object()


def run(line: Line, monkeypatch, capsys, *more: str) -> tuple[int, str]:
    """Return the exit code and the output of a command line."""
    return run_here([*line.words, *USUAL, *["-m"] * line.multirun, *more], monkeypatch, capsys)


def jobs_of(line: Line) -> list[Job]:
    with config_loader(ROOT / "conf") as loader:
        return checked_plan(Command(loader, [*line.words, *USUAL], line.multirun).runs())


def assert_effective(words: Sequence[str], jobs: Sequence[Job]) -> None:
    """Assert that every word has an effect on the configs of the runs."""
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
        return job.choices.get(key, "null") == format_value(plain) or found == NONE.get(key, MISSING)
    if key in ("debug", "problem", "baseline") and plain is None:
        return True  # it is left out
    if isinstance(plain, dict):
        return all(_found(job.config, f"{key}.{name}") == item for name, item in plain.items())
    return found == plain or (isinstance(plain, int) and found == format_value(plain))


def _found(config: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        if not isinstance(config, dict) or part not in config:
            return MISSING
        config = config[part]
    return config


def assert_sane(line: Line, code: int, output: str) -> None:
    assert "Traceback" not in output, (line, output)
    assert code in (0, 2), (line, code, output)
    assert "the check before the start was ended" not in output, (line, output)
    if code == 0:
        assert line.right is not False, (line, output)
        assert_effective(line.words, jobs_of(line))
    else:
        assert line.right is not True, (line, output)
        assert output.split(), line
        assert len(output.splitlines()) <= 30, (line, output)


def check_dry(line: Line, monkeypatch, capsys) -> None:
    code, output = run(line, monkeypatch, capsys, "--dry-run")
    assert_sane(line, code, output)
    assert code == 2 or "nothing was started" in output
    assert not Path("outputs").exists()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESCENTLAB_DATA", str(ROOT / "data"))


@pytest.mark.parametrize("line", lines(SAMPLE, seed=1), ids=lambda line: " ".join(line.words))
def test_sampled_command_lines_are_accepted_or_refused_correctly(line, monkeypatch, capsys):
    check_dry(line, monkeypatch, capsys)


@pytest.mark.parametrize("part", [pytest.param(n, marks=pytest.mark.slow if n < 3 else pytest.mark.long) for n in range(10)])
def test_all_generated_command_lines_are_accepted_or_refused_correctly(part, monkeypatch, capsys):
    for line in lines(NUMBER - TRAINED)[part::10]:
        check_dry(line, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_accepted_command_lines_train(part, monkeypatch, capsys, tmp_path):
    """Lines that set no budget are trained for two steps, and leave their records."""
    apart = [line for line in lines(4 * NUMBER, seed=2) if not any("budget" in word for word in line.words)]
    for number, line in enumerate(apart[part:TRAINED:6]):
        out = tmp_path / f"out{number}"
        code, output = run(line, monkeypatch, capsys, "budget.epochs=null", "budget.steps=2", f"output_dir={out}")
        assert_sane(line, code, output)
        found = [record for sweep in out.glob("*") for record in records.find(sweep)]
        assert bool(found) == (code == 0), (line, output)
        assert all(record.status.is_result for record in found)
