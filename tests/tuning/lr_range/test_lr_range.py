"""Range tests by the command, and lr=auto."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from conftest import ROOT
from support.commands import TRAIN, run_here, run_script

from descentlab.config.command_line import Command, config_loader
from descentlab.errors import UsageError
from descentlab.launchers.factory import launcher_factory
from descentlab.models.quadratic import hessian
from descentlab.store.record import find
from descentlab.tuning.lr_range.jobs import subject_of
from descentlab.tuning.lr_range.launch import run_tests
from descentlab.tuning.lr_range.settings import FIRST_SEED, Settings
from descentlab.tuning.lr_range.tester import CLOSE, Bracket, RangeTester

SCRIPT = ROOT / "scripts" / "lr_range.py"
DIGITS = ("problem=digits_mlp", "logger=none", f"data_dir={ROOT}/data")


def subjects(command):
    return list({each.key: each for each in (subject_of(command, one) for one in command.combinations())}.values())


def test_the_runs_have_a_growing_rate_and_what_is_not_replaced(tmp_path):
    words = [*DIGITS, "optimizer=sgd", "optimizer.lr=auto", "seed=3", "budget.epochs=7", "schedule=cosine", "model.hidden=[8]"]
    with config_loader(ROOT / "conf") as loader:
        command = Command(loader, [*words, f"output_dir={tmp_path}"], multirun=True)
        (subject,) = subjects(command)
        tester = RangeTester(command, subject, Settings.checked(low=1e-4, high=1.0, steps=50, seeds=2))
        jobs = list(tester.ask())
    assert [job.core.seed for job in jobs] == [FIRST_SEED, FIRST_SEED + 1]
    assert all(job.config["optimizer"]["lr"] == 1.0 for job in jobs)
    assert jobs[0].config["schedule"]["_target_"].endswith("ExponentialGrowth")
    assert jobs[0].config["schedule"]["first"] == 1e-4
    assert jobs[0].config["model"]["hidden"] == [8]
    assert (jobs[0].core.budget.steps, jobs[0].core.budget.epochs, jobs[0].core.log_every) == (50, None, 1)
    assert jobs[0].folder.parent == tmp_path / "lr_range-digits_mlp"
    assert "model.hidden=[8]" in subject.name


def test_runs_that_differ_in_seed_budget_or_schedule_share_a_test(tmp_path):
    words = [*DIGITS, "optimizer=adam,sgd", "seed=0,1", "schedule=constant,cosine", "lr=auto"]
    with config_loader(ROOT / "conf") as loader:
        found = subjects(Command(loader, words, multirun=True))
    assert [each.optimizer for each in found] == ["adam", "sgd"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 0.0}, "low=0"),
        ({"low": 1.0, "high": 0.1}, "not below"),
        ({"steps": 1}, "steps=1"),
        ({"rule": "best"}, "rule=best"),
    ],
)
def test_settings_outside_their_range_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        Settings.checked(**values)


def test_a_bracket_ends_when_its_ends_are_close():
    bracket = Bracket(1.0, 64.0)
    rounds = 0
    while not bracket.is_done:
        middle = bracket.middle
        bracket = Bracket(middle, bracket.high) if middle < 7.3 else Bracket(bracket.low, middle)
        rounds += 1
    assert bracket.low < 7.3 <= bracket.high <= CLOSE * bracket.low * 1.001
    assert rounds <= 8


@pytest.mark.slow
def test_gradient_descent_on_a_quadratic_diverges_at_two_divided_by_the_largest_eigenvalue(tmp_path):
    largest = float(np.linalg.eigvalsh(hessian(100))[-1])
    words = ["problem=quadratic_deep", "optimizer=sgd", "data.deviation=0", f"output_dir={tmp_path}", f"data_dir={ROOT}/data"]
    settings = Settings.checked(low=1e-4, high=10.0, steps=100, seeds=1, refine=True)
    with config_loader(ROOT / "conf") as loader:
        command = Command(loader, words, multirun=True)
        (tester,) = run_tests(command, subjects(command), settings, launcher_factory(command.launcher))
    assert tester.stable.rate == pytest.approx(2 / largest, rel=0.1)
    assert tester.rate < 2 / largest


@pytest.mark.slow
def test_the_command_prints_a_rate_for_each_optimizer_and_reuses_its_runs(tmp_path):
    words = [*DIGITS, "optimizer=adam,sgd", f"output_dir={tmp_path}", "--seeds", "2", "--steps", "60"]
    done = run_script(SCRIPT, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second, page = done.stdout.splitlines()
    assert first.startswith("adam on digits_mlp: lr ")
    assert second.startswith("sgd on digits_mlp: lr ")
    assert "(2 seeds)" in first
    assert "adam on digits_mlp" in (tmp_path / "lr_range-digits_mlp" / "lr_range.html").read_text()
    assert page.endswith("lr_range-digits_mlp/lr_range.html")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("record.json")}
    assert len(times) == 4
    again = run_script(SCRIPT, *words, cwd=tmp_path)
    assert again.stdout == done.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("record.json")} == times


@pytest.mark.slow
def test_lr_auto_becomes_a_number_in_config_and_id_and_the_same_command_finds_its_run(tmp_path):
    words = [*DIGITS, "optimizer=adam", "budget.epochs=2", f"output_dir={tmp_path}", "sweep=mine"]
    done = run_script(TRAIN, *words, "lr=auto", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = find(tmp_path / "mine")
    rate = yaml.safe_load((record.folder / "config.yaml").read_text())["optimizer"]["lr"]
    assert 1e-5 < rate < 1
    assert f"{rate:.2g}" in done.stderr
    written = (record.folder / "record.json").stat().st_mtime_ns
    for again in ("lr=auto", f"optimizer.lr={rate!r}"):
        assert run_script(TRAIN, *words, again, cwd=tmp_path).returncode == 0
    assert len(find(tmp_path / "mine")) == 1
    assert (record.folder / "record.json").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "words", [("--dry-run",), ("-m", "hydra/sweeper=tune", "trials=2"), ("-m", "records=table", "optimizer.weight_decay=0,0.1")]
)
def test_commands_that_cannot_train_first_refuse_lr_auto(words, monkeypatch, capsys, tmp_path):
    code, output = run_here([*DIGITS, "lr=auto", f"output_dir={tmp_path}", *words], monkeypatch, capsys)
    assert code == 2
    assert "does not take lr=auto" in output


def test_a_config_that_is_not_valid_names_the_test(tmp_path):
    words = [*DIGITS, "optimizer=adam", "model.hidden=[-1]", f"output_dir={tmp_path}"]
    with config_loader(ROOT / "conf") as loader:
        command = Command(loader, words, multirun=True)
        with pytest.raises(UsageError, match=r"range test of adam model.hidden=\[-1\] on digits_mlp: model.hidden"):
            run_tests(command, subjects(command), Settings(), launcher_factory(command.launcher))
    assert not list(tmp_path.iterdir())
