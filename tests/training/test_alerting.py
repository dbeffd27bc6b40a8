"""Alerts of a run: reported once, in the record, the same after a resumption, without an effect on the run."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from conftest import ROOT, AtPoint, compose_config
from support.commands import TRAIN, run_script
from support.curves import timeless_curves

from descentlab.config.identity import run_id
from descentlab.data.loading import loader
from descentlab.run import run
from descentlab.store import progress
from descentlab.store.alert import Alert, alerts_of
from descentlab.store.interruption import Interrupted
from descentlab.store.record import find
from descentlab.training import clock

DEEP = "model.hidden=[64,64,64,64,64,64,64,64]"
SIGMOID = ("problem=digits_mlp", DEEP, "model.activation=sigmoid", "optimizer=sgd", "diagnostics.every=10")
UNSCALED = ("data=digits_unit", "data._target_=support.troubles.UnscaledDigits", "data.pixels=unit", "data.peak=null")
SHORT = ("budget.epochs=null", "budget.steps=40", "validate_every=20", "data.limit=300")


def options_of(name: str) -> dict[str, dict[str, object]]:
    return compose_config(f"alerts={name}")[0]["alerts"]


def test_every_rule_is_listed_with_its_thresholds():
    files = {path.stem for path in (ROOT / "src/descentlab/diagnostics/alerts").glob("*.py")}
    assert set(options_of("default")) == files - {"__init__", "alert", "fixes", "rows"}
    assert options_of("none") == {}


@pytest.mark.parametrize(
    ("override", "allowed"), [("alerts.vanishing.ratio=1e-5", True), ("alerts.vanishing.ratio=2", False), ("alerts=none", True)]
)
def test_thresholds_are_settings_with_ranges(override, allowed):
    assert bool(compose_config(override)[2]) != allowed


def test_an_alert_is_in_the_record_the_log_and_the_progress(train, capfd):
    run = train(*SIGMOID, *SHORT)
    (alert,) = [alert for alert in alerts_of(run.record.summary) if alert.rule == "vanishing"]
    assert (alert.step, alert.layer) == (0, "blocks.0.layers.0")
    assert capfd.readouterr().err.count(f"{run.record.name}: {alert}") == 1
    assert alert in alerts_of(progress.read(run.folder))


class Broken:
    """A rule with a mistake."""

    name = "broken"

    def check(self, history):
        return 1 / 0


def test_a_rule_that_fails_is_left_out_and_the_run_continues(train, capfd):
    run = train(*SIGMOID, *SHORT, "+alerts.mine._target_=training.test_alerting.Broken")
    assert run.record.summary["steps"] == 40
    assert [alert.rule for alert in alerts_of(run.record.summary)] == ["vanishing"]
    error = capfd.readouterr().err
    assert error.count("the alert rule broken is left out") == 1
    assert "ZeroDivisionError" in error


def test_alerts_change_neither_the_id_nor_the_curves(train):
    some, none = train(*SIGMOID, *SHORT), train(*SIGMOID, *SHORT, "alerts=none", "sweep=none")
    assert some.record.summary["alerts"]
    assert none.record.summary["alerts"] == []
    assert some.record.id == none.record.id
    assert timeless(some) == timeless(none)
    assert run_id(compose_config("alerts=none")[0]) == run_id(compose_config("alerts.vanishing.ratio=0.5")[0])


def timeless(run) -> list[dict[str, object]]:
    return run.curves.drop("train_seconds").to_dicts()


@pytest.mark.parametrize("at", [5, 25])
def test_a_resumed_run_has_the_alerts_of_an_uninterrupted_one(job, monkeypatch, capfd, at):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)
    words = (*SIGMOID, *SHORT, *UNSCALED, "+alerts.mine._target_=training.test_alerting.EveryRow")
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    expected = alerts_of(run(whole).summary)
    capfd.readouterr()
    with pytest.raises(Interrupted, match=f"at step {at}$"):
        run(parts, AtPoint(at))
    first = capfd.readouterr().err
    found = alerts_of(run(parts).summary)
    second = capfd.readouterr().err
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert {alert.rule for alert in found} >= {"vanishing", "unscaled_inputs", "third_row"}
    for alert in found:
        assert (first + second).count(str(alert)) == 1
    assert timeless_curves(parts).equals(timeless_curves(whole))


class EveryRow:
    """Reports the third row of the curves, with the loss of all rows so far."""

    name = "third_row"

    def check(self, history):
        if len(history.train) < 3:
            return None
        row = history.train[2]
        return Alert(self.name, row["step"], f"losses {[each['train/loss'] for each in history.train[:3]]}")


def test_the_clock_stands_still_while_rules_read(train, monkeypatch):
    hour = import_module("training.test_alerting").Hour
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: hour.now))
    run = train("problem=digits_mlp", *SHORT, "+alerts.mine._target_=training.test_alerting.Hour")
    assert hour.now >= 3600
    assert run.record.summary["train_seconds"] == 0


class Hour:
    """A rule that takes an hour."""

    name = "hour"
    now = 0.0

    def check(self, history):
        Hour.now += 3600.0


@pytest.mark.slow
def test_members_of_a_fused_group_have_their_own_alerts(tmp_path):
    words = ["problem=digits_softmax", "budget.epochs=null", "budget.steps=80", "validate_every=40", "logger=none", "sweep=s"]
    words += ["optimizer=sgd", "optimizer.lr=0.1,1e4", "seed=0,1", "hydra.launcher.fuse=always", f"data_dir={ROOT}/data"]
    done = run_script(TRAIN, "-m", *words, cwd=tmp_path)
    records = find(tmp_path / "outputs" / "s")
    found = {(record.config["optimizer"]["lr"], record.config["seed"]): alerts_of(record.summary) for record in records}
    assert all("group" in record.summary for record in records)
    assert found[0.1, 0] == found[0.1, 1] == []
    for record in records:
        for alert in alerts_of(record.summary):
            message, *_ = str(alert).splitlines()
            assert done.stderr.count(f"alert     {record.name}  {message}") == 1
    assert [[alert.rule for alert in found[1e4, seed]] for seed in (0, 1)] == [["lr_high"], ["lr_high"]]
