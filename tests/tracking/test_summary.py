"""The W&B run that summarizes a sweep."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT
from support.commands import TRAIN, run_script
from support.wandb_file import offline_runs, wandb_records

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables import statements
from descentlab.tracking import names, writer
from descentlab.tracking.summary import content, write_summary
from descentlab.tracking.writer import Writer


def loaded(*sweeps: Path):
    results = load(list(sweeps))
    return results, compare(results)


def read_summary(sweep: Path) -> tuple[dict, dict, list[dict]]:
    """Return the run record, the values of the summary, and the history of the only summary run of a sweep."""
    (folder,) = offline_runs(sweep, summary=True)
    logged = wandb_records(next(folder.glob("*.wandb")))
    values = {key: value for each in logged["summary"] for key, value in each.get("update", {}).items()}
    assert logged["exit"][0]["exit_code"] == 0
    return logged["run"][0], values, [each["item"] for each in logged["history"]]


@pytest.mark.slow
def test_config_group_tags_axes_and_summary_are_in_the_files_of_a_sweep(tmp_path):
    words = ("-m", "optimizer=adam,sgd", "seed=0,1", "budget.epochs=null", "budget.steps=20", "sweep=s")
    for _ in range(2):  # the second command reuses the runs, and replaces the summary
        answer = run_script(TRAIN, *words, f"output_dir={tmp_path}", cwd=tmp_path, WANDB_MODE="offline")
        assert answer.returncode == 0, answer.stderr
    sweep = tmp_path / "s"
    logged = [wandb_records(next(folder.glob("*.wandb"))) for folder in offline_runs(sweep)]
    runs = [each["run"][0] for each in logged]
    assert sorted({run["run_group"].rpartition(" ")[0] for run in runs}) == [
        "digits_mlp / adam lr=0.001",
        "digits_mlp / sgd lr=0.01",
    ]
    assert [len({run["run_group"] for run in runs}), len(runs)] == [2, 4]
    assert all({"problem:digits_mlp", "sweep:s"} <= set(run["tags"]) for run in runs)
    assert {run["config"]["update"]["seed"] for run in runs} == {0, 1}
    defined = {metric["name"] for metric in logged[0]["metric"] if metric["options"].get("hidden")}
    assert defined == set(names.AXES.values())
    about, values, rows = read_summary(sweep)
    assert (about["job_type"], about["run_group"]) == ("summary", "summary")
    assert " ".join(values["statement"].split()) in " ".join(answer.stdout.split())
    assert sorted({name for row in rows for name in row if not name.startswith("_")}) == [
        "1 adam/Training loss",
        "1 adam/Validation accuracy",
        "2 sgd/Training loss",
        "2 sgd/Validation accuracy",
        "x/step",
    ]


@pytest.mark.slow
def test_a_summary_has_the_statement_the_tables_the_verdict_and_the_page(make_tracked, tmp_path):
    sweep, page = make_tracked(adam=0.98, sgd=0.9), tmp_path / "report.html"
    page.write_text("<!doctype html><title>the page</title>")
    for _ in range(2):
        with Writer(pytest.fail) as process:
            assert write_summary(*loaded(sweep), page, process) == ""
    about, values, _ = read_summary(sweep)
    assert set(about["tags"]) == {"sweep:s", "problem:digits_mlp"}
    assert about["config"]["update"]["runs"] == 6
    assert values["statement"] == about["notes"] == "\n".join(statements(loaded(sweep)[1]))
    assert values["answers"]["digits_mlp"]["best"] == "adam"
    assert values["answers"]["digits_mlp"]["verdict"].startswith("better than sgd by 0.079")
    (folder,) = offline_runs(sweep, summary=True)
    assert (folder / "files" / values["report"]["path"]).read_text() == page.read_text()
    assert {"tables/results", "tables/differences", "tables/cost", "tables/flags"} <= set(values)
    table = json.loads((folder / "files" / values["tables/results"]["path"]).read_text())
    adam = next(run for run in loaded(sweep)[0].runs if run.choices["optimizer"] == "adam")
    assert table["columns"][:4] == ["optimizer", "hyperparameters", "status", "n"]
    assert [table["data"][0][0], table["data"][0][-1]] == ["adam", names.group_of(adam)]


def test_several_problems_have_tables_and_curves_of_their_own(make_tracked):
    make_tracked(adam=0.98, sgd=0.9)
    sweep = make_tracked("problem=breast_cancer_logistic", adam=0.9, sgd=0.8, is_tracked=False)
    found = content(*loaded(sweep), sweep / "report.html")
    json.dumps(found)
    assert set(found["summary"]["answers"]) == {"digits_mlp", "breast_cancer_logistic"}
    assert {"tables/digits_mlp/results", "tables/breast_cancer_logistic/differences"} <= set(found["tables"])
    assert "digits_mlp: 1 adam/Training loss" in found["curves"][0]
    assert found["charts"][0] == "breast_cancer_logistic: 1 adam/*"
    assert found["curves"][-1]["x/step"] == 20
    assert found["page"] is None
    assert found["run"]["project"] == "descentlab"


def test_runs_that_were_not_logged_and_single_runs_have_no_summary(make_tracked, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with Writer(pytest.fail) as process:
        sweep = make_tracked(adam=0.98, seeds=1)
        assert write_summary(*loaded(sweep), sweep / "report.html", process) == ""
        sweep = make_tracked("optimizer.lr=0.1", "sweep=untracked", adam=0.98, sgd=0.9, is_tracked=False)
        assert write_summary(*loaded(sweep), sweep / "report.html", process) == ""


def test_a_summary_that_cannot_be_written_gives_one_line(make_tracked, monkeypatch):
    sweep = make_tracked(adam=0.98, sgd=0.9, seeds=1)
    monkeypatch.setattr(writer, "LIBRARY", "descentlab.no_such_module")
    with Writer(pytest.fail) as process:
        message = write_summary(*loaded(sweep), sweep / "report.html", process)
    assert message.startswith("Weights & Biases has no summary of the sweep: ")
    assert "no_such_module" in message
    assert "\n" not in message
    monkeypatch.undo()
    monkeypatch.setattr(writer, "PATIENCE", 0.01)
    with Writer(pytest.fail) as process:
        assert "timed out" in write_summary(*loaded(sweep), sweep / "report.html", process)


@pytest.mark.slow
def test_the_report_of_a_tracked_sweep_writes_its_summary(make_tracked, tmp_path):
    sweep = make_tracked(adam=0.98, sgd=0.9)
    answer = run_script(ROOT / "scripts" / "report.py", str(sweep), cwd=tmp_path, WANDB_MODE="offline")
    assert answer.returncode == 0, answer.stderr
    assert len(offline_runs(sweep, summary=True)) == 1
    disabled = make_tracked("sweep=t", adam=0.98, sgd=0.9)
    assert not run_script(ROOT / "scripts" / "report.py", str(disabled), cwd=tmp_path, WANDB_MODE="disabled").returncode
    assert not offline_runs(disabled, summary=True)


@pytest.mark.slow
def test_runs_of_a_tuned_sweep_are_grouped_by_role(tmp_path):
    words = ("-m", "optimizer=adam", "hydra/sweeper=tune", "trials=2", "seeds=2", "budget.epochs=null", "budget.steps=20")
    answer = run_script(TRAIN, *words, "sweep=s", f"output_dir={tmp_path}", cwd=tmp_path, WANDB_MODE="offline")
    assert answer.returncode == 0, answer.stderr
    logged = [wandb_records(next(folder.glob("*.wandb")))["run"][0] for folder in offline_runs(tmp_path / "s")]
    kinds = Counter((run["job_type"], *(tag for tag in run["tags"] if tag.startswith("role:"))) for run in logged)
    assert kinds == {("trial", "role:trial"): 2, ("train", "role:default"): 2, ("train", "role:report"): 2}
    groups = {run["run_group"] for run in logged}
    assert len(groups) == 4, "each trial, the selected settings, and the default ones"
    assert {"default", "trial", "tuned"} == {group.partition("(")[2].partition(")")[0] for group in groups}
    read_summary(tmp_path / "s")
