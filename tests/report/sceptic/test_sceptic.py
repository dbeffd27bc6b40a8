"""All checks of the sceptic."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from conftest import ROOT

from descentlab.report import sceptic
from descentlab.report.compare import compare
from descentlab.report.load import load


def test_every_check_has_an_order_and_a_function():
    checks = [import_module(f"descentlab.report.sceptic.{name}") for name in sceptic.check_names()]
    assert len(checks) > 10
    assert all(callable(check.find) for check in checks)
    assert len({check.ORDER for check in checks}) == len(checks)


@pytest.mark.parametrize("name", sceptic.check_names())
def test_every_check_has_tests(name, request):
    assert (request.path.parent / f"test_{name}.py").exists()


def test_checks_are_documented_in_their_order():
    page = (ROOT / "docs" / "sceptic.md").read_text()
    orders = {name: import_module(f"descentlab.report.sceptic.{name}").ORDER for name in sceptic.check_names()}
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == sorted(orders, key=lambda name: orders[name])


def test_a_comparison_without_a_reason_to_doubt_raises_no_flag(make_run, tmp_path, flags):
    for optimizer, offset in {"adam": 0.0, "sgd": 0.05}.items():
        for seed in range(5):
            value = 0.95 - offset + 0.002 * (seed % 3) + 0.001 * (seed % 2) * (optimizer == "sgd")
            make_run(optimizer, seed=seed, summary={"best_valid": value, "test": {"accuracy": value}, "steps": 200})
    (answer,) = compare(load([tmp_path / "sweep"]))
    assert sceptic.find_flags(answer) == []


def test_flags_are_in_the_order_of_the_checks(make_run, tmp_path):
    make_run(seed=0)
    for lr in (0.1, 0.2):
        make_run("sgd", lr=lr)
    (answer,) = compare(load([tmp_path / "sweep"]))
    kinds = [flag.kind for flag in sceptic.find_flags(answer)]
    orders = [import_module(f"descentlab.report.sceptic.{kind}").ORDER for kind in kinds]
    assert orders == sorted(orders)


def test_a_check_that_fails_is_a_flag_and_affects_no_other(make_run, tmp_path, monkeypatch):
    make_run()
    (answer,) = compare(load([tmp_path / "sweep"]))

    def fail(answer):
        raise KeyError("lost")

    monkeypatch.setattr(import_module("descentlab.report.sceptic.edge"), "find", fail)
    found = sceptic.find_flags(answer)
    assert "The check edge could not be carried out: KeyError: 'lost'." in [flag.message for flag in found]
    assert "few_seeds" in [flag.kind for flag in found]
