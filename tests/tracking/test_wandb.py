"""Weights & Biases offline: everything that is logged is read back with its own reader; nothing prompts, waits or warns."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from support.wandb_file import wandb_records, without_times

from descentlab.run import run as run_job
from descentlab.tracking import wandb as tracking
from descentlab.tracking.ended import write_ended
from descentlab.tracking.mark import unmark

LIVE = ("logger=wandb", "logger.live=true")


@pytest.fixture(autouse=True)
def without_credentials(no_credentials):
    """No API key, as on a machine on which nobody has logged in."""


def mode_in_a_fresh_process(**environment):
    """Return the mode in a new process: W&B remembers a login, and looks for its server at exit, which os._exit avoids."""
    script = "import os; from descentlab.tracking import wandb as tracking; print(tracking.mode(), flush=True); os._exit(0)"
    line = [sys.executable, "-c", script]
    every = {**os.environ, **environment}
    answer = subprocess.run(line, capture_output=True, text=True, timeout=60, env=every, stdin=subprocess.DEVNULL)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()[-1]


@pytest.mark.slow
def test_mode_follows_the_key_and_never_prompts(tmp_path):
    assert mode_in_a_fresh_process() == "offline"
    assert mode_in_a_fresh_process(WANDB_API_KEY="x" * 40) == "online"
    assert mode_in_a_fresh_process(WANDB_API_KEY="too short") == "offline"
    assert mode_in_a_fresh_process(WANDB_API_KEY="x" * 40, WANDB_MODE="disabled") == "disabled"
    login = tmp_path / "netrc"
    login.write_text(f"machine api.wandb.ai login user password {'y' * 40}\n")
    login.chmod(0o600)
    assert mode_in_a_fresh_process() == "online"


@pytest.mark.slow  # W&B retries for a long time
def test_a_key_without_a_network_tracks_offline(train, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # no server listens there
    monkeypatch.setattr(tracking, "PATIENCE", 2.0)
    run = train("logger=wandb", "budget.steps=5")  # may be online, therefore live
    assert run.record.status == "completed"
    assert list((run.folder.parent / "wandb").glob("offline-run-*/*.wandb"))


KEPT = []  # the runs of `tracked_twice`, which are trained once


@pytest.fixture
def tracked_twice(train):
    """A short run, and the records of its W&B transaction log by type: logged while it trained, and written after it ended."""
    if not KEPT:
        run = train(*LIVE, "budget.steps=50", "optimizer.lr=0.02")
        run.record.write(run.folder)
        live = wandb_records(only_file(run.folder))
        unmark(run.folder)
        write_ended(run.folder)
        KEPT.append((run, live, wandb_records(only_file(run.folder))))
    return KEPT[0]


@pytest.fixture
def tracked(tracked_twice):
    """A short run, and the records of its W&B transaction log by type."""
    run, _, ended = tracked_twice
    return run, ended


def only_file(folder):
    """Return the only transaction log in the sweep of a run's folder."""
    (path,) = (folder.parent / "wandb").glob("offline-run-*/*.wandb")
    return path


def test_an_ended_run_is_written_as_it_is_logged_while_it_trains(tracked_twice):
    """Apart from times, from measurements of the process and from the space on its disk."""
    _, live, ended = tracked_twice
    found = [{kind: each for kind, each in logged.items() if kind not in ("stats", "environment")} for logged in (live, ended)]
    assert without_times(found[0]) == without_times(found[1])
    assert {"run", "history", "metric", "summary", "exit", "files"} <= set(ended)


def test_the_run_is_named_grouped_tagged_and_finished(tracked):
    run, logged = tracked
    about = logged["run"][0]
    assert about["run_id"].startswith(run.record.name)
    assert about["display_name"] == run.record.name
    assert re.fullmatch(r"digits_mlp / adam lr=0\.02 [0-9a-f]{6}", about["run_group"])
    assert about["job_type"] == "train"
    assert set(about["tags"]) == {"problem:digits_mlp", "optimizer:adam", f"sweep:{run.record.sweep}"}
    assert logged["exit"][0]["exit_code"] == 0


def test_the_whole_config_is_logged(tracked):
    run, logged = tracked
    config = logged["run"][0]["config"]["update"]
    assert config["optimizer"]["lr"] == 0.02
    assert config["choices"]["problem"] == "digits_mlp"
    assert {key: config[key] for key in run.record.config} == run.record.config


def test_the_curves_are_logged(tracked):
    run, logged = tracked
    rows = [row["item"] for row in logged["history"]]
    for column, title in (("train/loss", "Training loss"), ("valid/accuracy", "Validation accuracy")):
        assert [row[column] for row in rows if column in row] == run.column(column)
        assert [row[title] for row in rows if title in row] == run.column(column)
    for axis in ("step", "examples", "gradient_evaluations", "train_seconds"):
        assert [row[f"x/{axis}"] for row in rows] == run.curves.unique("step", keep="last", maintain_order=True)[axis].to_list()
    assert all(row["_step"] == row["x/step"] for row in rows)


def test_the_step_is_the_default_axis_and_axes_have_no_charts(tracked):
    _, logged = tracked
    defined = {metric.get("name", metric.get("glob_name")): metric for metric in logged["metric"]}
    axes = {"x/step", "x/epoch", "x/examples", "x/gradient_evaluations", "x/train_seconds"}
    assert {name for name, metric in defined.items() if metric["options"].get("hidden")} == axes
    charted = {name: metric.get("step_metric") for name, metric in defined.items() if name not in axes}
    assert charted == dict.fromkeys(("train/*", "valid/*", "Training loss", "Validation accuracy"), "x/step")


def test_the_loss_and_the_monitored_metric_are_the_first_names(tracked):
    """`wandb leet` draws a chart per name, in the order of their bytes; names with an underscore are W&B's own."""
    _, logged = tracked
    names = {name for row in logged["history"] for name in row["item"] if not name.startswith("_")}
    assert sorted(names)[:2] == ["Training loss", "Validation accuracy"]
    assert [name for name in sorted(names) if name.startswith("x/")] == sorted(names)[-5:]


def test_a_run_that_fails_is_finished_as_failed(job):
    from descentlab.run import run

    made = job(*LIVE, "budget.steps=50", "optimizer=sgd", "optimizer.nesterov=true")  # torch: needs momentum
    with pytest.raises(ValueError, match="momentum"):
        run(made)
    assert wandb_records(only_file(made.folder))["exit"][0]["exit_code"] == 1


def test_long_names_are_shortened_to_wandbs_limits_and_stay_distinct(job):
    from dataclasses import replace

    logged = []
    for end in ("a", "b"):
        made = job(*LIVE, "budget.steps=5", f"sweep={'s' * 140}{end}")
        made = replace(made, choices={**made.choices, "optimizer": "my_package/" + "o" * 150 + end}, name="n" * 150 + end)
        record = run_job(made)
        assert record.status == "completed"
        assert "wandb" not in record.summary
        logged.append(wandb_records(only_file(made.folder))["run"][0])
    for one in logged:
        assert [len(one[key]) for key in ("run_id", "display_name", "run_group")] == [128] * 3
        assert {len(tag) for tag in one["tags"]} == {len("problem:digits_mlp"), 64}
    one, other = ({one["run_id"], one["display_name"], one["run_group"], *one["tags"]} for one in logged)
    assert one & other == {"problem:digits_mlp"}


@pytest.mark.parametrize(
    ("mode", "project", "reason"),
    [("bogus", "descentlab", "bogus"), ("offline", "a/b", "Invalid project name 'a/b'")],
    ids=["mode", "project"],
)
def test_an_error_of_wandb_disables_tracking_and_the_run_continues(job, monkeypatch, capsys, mode, project, reason):
    """The command line refuses both values; a config.yaml that was edited by hand does not pass through it."""
    monkeypatch.setenv("WANDB_MODE", mode)
    made = job(*LIVE, "budget.steps=5")
    made.config["logger"]["project"] = project
    record = run_job(made)
    assert record.status == "completed"
    assert record.summary["test"]["accuracy"] > 0
    assert reason in record.summary["wandb"]["error"]
    printed = capsys.readouterr().err
    assert printed.count("Weights & Biases is off for this run") == 1
    assert reason in printed
    assert not list((made.folder.parent / "wandb").glob("*run-*"))


def test_a_folder_that_cannot_be_written_disables_tracking_and_the_run_continues(job):
    made = job(*LIVE, "budget.steps=5")
    (made.folder.parent / "wandb").write_text("in the way")
    record = run_job(made)
    assert record.status == "completed"
    assert record.summary["wandb"]["error"].startswith("FileExistsError")


def test_an_undefined_metric_is_left_out_and_its_reason_is_in_the_summary(train):
    words = ("problem=breast_cancer_logistic", "data._target_=support.lopsided.Tumours", "+data.valid=1.0")
    run = train(*LIVE, *words, "budget.epochs=null", "budget.steps=5")
    logged = wandb_records(only_file(run.folder))
    rows = [row["item"] for row in logged["history"]]
    assert any("valid/loss" in row for row in rows)
    assert not any("valid/auroc" in row for row in rows)
    assert "the validation split has no negative example" in json.dumps(logged["summary"])
