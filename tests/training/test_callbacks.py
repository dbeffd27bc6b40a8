"""Lightning callbacks from the config group `callbacks` work in a run, or are refused with descentlab's own key."""

from __future__ import annotations

import json

import lightning as L
import pytest
from conftest import AtPoint, compose_config, every_optimizer
from support.user_callbacks import Count

from descentlab.config.identity import run_id
from descentlab.errors import UsageError
from descentlab.launchers.checks.signatures import calls, check
from descentlab.run import run
from descentlab.store.interruption import Interrupted
from descentlab.store.record import read_curves
from descentlab.training.callbacks import make_callbacks

SHORT = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=12", "validate_every=5", "log_every=2")
COUNT = "+callbacks.mine._target_=support.user_callbacks.Count"


def test_a_stock_learning_rate_monitor_writes_the_rates_of_the_run_to_its_curves(train):
    trained = train(*SHORT, "callbacks=lr_monitor", "schedule=cosine", "schedule.warmup=3", "log_every=1")
    assert len(trained.column("lr-Adam")) == 12
    assert trained.column("lr-Adam") == pytest.approx(trained.column("train/lr"))
    assert len(set(trained.column("lr-Adam"))) > 6


KINDS = ("adam", "sam", "lbfgs", "scratch/adam", "muon", "adahessian")  # of steps


@pytest.mark.parametrize(
    "optimizer", [pytest.param(o, marks=[] if o in KINDS else pytest.mark.slow) for o in every_optimizer()]
)
def test_a_callback_sees_every_step_in_global_step(train, optimizer):
    trained = train(*SHORT, COUNT, f"optimizer={optimizer}")
    assert Count.made[-1].seen == list(range(1, 13))
    assert trained.column("count") == [2, 4, 6, 8, 10, 12]


def test_a_run_with_callbacks_takes_the_same_steps(train):
    plain, watched = train(*SHORT, "sweep=plain"), train(*SHORT, COUNT, "callbacks=[lr_monitor,model_summary]", "sweep=watched")
    columns = ["step", "train/loss", "train/grad_norm", "valid/loss", "batches"]
    ours = watched.curves.filter(watched.curves["train/loss"].is_not_null() | watched.curves["valid/loss"].is_not_null())
    assert ours.select(columns).equals(plain.curves.select(columns))
    assert watched.record.id != plain.record.id


def test_a_resumed_run_continues_global_step_and_writes_rows_of_callbacks_once(job):
    whole, parts = (job(*SHORT, COUNT, "callbacks=lr_monitor", f"sweep={sweep}") for sweep in ("whole", "parts"))
    run(whole)
    for point in (3, 2):
        with pytest.raises(Interrupted):
            run(parts, AtPoint(point))
    run(parts)
    assert Count.made[-1].seen == list(range(1, 13))  # the callback's state is resumed, too
    expected, found = (read_curves(each.folder).drop("train_seconds") for each in (whole, parts))
    assert found.select(expected.columns).equals(expected)


def test_a_callback_whose_state_cannot_be_loaded_is_refused_before_the_first_step(job):
    refused = job(*SHORT, "+callbacks.mine._target_=support.user_callbacks.KeepsPath")
    with pytest.raises(UsageError, match="the callback KeepsPath cannot be kept in a checkpoint: it contains a pathlib"):
        run(refused)
    assert "train/loss" not in read_curves(refused.folder).columns


def test_global_step_counts_optimizer_steps_also_without_callbacks(train, monkeypatch):
    seen = []
    validated = L.LightningModule.on_validation_model_eval
    monkeypatch.setattr(
        L.LightningModule,
        "on_validation_model_eval",
        lambda self: (seen.append(self.trainer.global_step), validated(self))[1],
    )
    train(*SHORT)
    assert seen == [0, 5, 10, 12]


REFUSED = {
    "ModelCheckpoint": "checkpoint.every",
    "OnExceptionCheckpoint": "checkpoint.every",
    "EarlyStopping": "stop.patience",
    "StochasticWeightAveraging": "average.kind=swa",
    "EMAWeightAveraging": "average.kind=ema",
    "GradientAccumulationScheduler": "microbatch",
    "Timer": "budget.seconds",
    "LearningRateFinder": "optimizer.lr",
    "BatchSizeFinder": "batch_size",
    "TQDMProgressBar": "progress",
}
SETTINGS = {
    "OnExceptionCheckpoint": {"dirpath": "."},
    "EarlyStopping": {"monitor": "valid/loss"},
    "StochasticWeightAveraging": {"swa_lrs": 0.1},
    "GradientAccumulationScheduler": {"scheduling": {0: 2}},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_callback_that_conflicts_with_descentlab_is_refused_with_the_equivalent_key(name):
    node = {"_target_": f"lightning.pytorch.callbacks.{name}", **SETTINGS.get(name, {})}
    with pytest.raises(UsageError, match=r"callbacks\.mine: \w+ is not used here") as refused:
        make_callbacks({"callbacks": {"mine": node}})
    assert REFUSED[name] in str(refused.value)


def test_a_subclass_of_a_refused_callback_is_refused():
    node = {"_target_": "support.user_callbacks.Patient", "monitor": "valid/loss"}
    with pytest.raises(UsageError, match=r"stop\.patience"):
        make_callbacks({"callbacks": {"mine": node}})


def test_a_class_that_is_not_a_callback_is_refused():
    with pytest.raises(UsageError, match=r"callbacks\.mine\._target_=.* gives a OrderedDict, not a Callback"):
        make_callbacks({"callbacks": {"mine": {"_target_": "collections.OrderedDict"}}})


def test_the_explicit_engine_refuses_callbacks():
    _, _, mistakes = compose_config("engine=explicit", "optimizer=scratch/adam", "callbacks=lr_monitor")
    assert mistakes == ["engine=explicit is the bare loop: it has no callbacks"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+callbacks.mine.lr=1"], "callbacks.mine has no _target_"),
        (["callbacks.lr_monitor=3", "callbacks=lr_monitor"], "callbacks.lr_monitor has no _target_"),
        (["+callbacks._target_=pkg.Mine"], "each of its parts has a name"),
        (["+diagnostics.mine=5"], "diagnostics.mine has no _target_"),
    ],
)
def test_callbacks_without_a_name_or_a_class_are_refused_with_an_explanation(words, message):
    _, _, mistakes = compose_config(*words)
    assert message in mistakes[0]


def test_an_unknown_key_of_a_callback_is_found_before_the_start(job):
    made = job("callbacks=lr_monitor", "+callbacks.lr_monitor.log_momentun=true")
    (mistake,) = [message for call in calls([made]) for message in check(call)]
    assert mistake.startswith("callbacks.lr_monitor.log_momentun: lightning.pytorch.callbacks.LearningRateMonitor takes no")
    assert "log_momentum" in mistake


def test_callbacks_change_the_run_id_and_an_empty_group_does_not():
    config = compose_config("problem=digits_mlp")[0]
    without = {key: value for key, value in config.items() if key != "callbacks"}
    assert config["callbacks"] == {}
    assert run_id(config) == run_id(without)
    assert run_id(compose_config("problem=digits_mlp", "callbacks=lr_monitor")[0]) != run_id(config)
    assert json.dumps(config)
