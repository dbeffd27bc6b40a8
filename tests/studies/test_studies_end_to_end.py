"""Studies as a user types them: a verdict, a page, a killed command, sabotage, a user's folder, mistakes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from support.commands import ROOT, TRAIN, run_script
from support.waiting import wait_until
from support.wandb_file import offline_runs, wandb_records

from descentlab.store.record import find
from descentlab.store.verdict import StudyVerdict

FILE = """
source: A textbook
claim: Momentum is faster than plain gradient descent.
shows: a lower loss
shared: [problem=digits_mlp, budget.epochs=null, budget.steps={steps}]
arms:
  momentum: [optimizer={momentum}]
  sgd: [optimizer=sgd]
grid: {{optimizer.lr: [0.001, 0.00316, 0.01]}}
select: train/loss@end
seeds: {{select: 1, report: 5}}
checks:
  - {{check: ratio, quantity: "train/loss@mean[0.9:1]", arms: [momentum, sgd], at_most: 0.9}}
figure: {{y: train/loss}}
"""


@pytest.fixture
def study(tmp_path):
    """Write a study into a folder of config groups; return the words of a command that runs it."""

    def write(momentum="momentum", steps=60):
        (tmp_path / "conf/study").mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf/study/mine.yaml").write_text(FILE.format(momentum=momentum, steps=steps))
        return ["--config-dir", str(tmp_path / "conf"), "study=mine", f"output_dir={tmp_path}/out", f"data_dir={ROOT}/data"]

    return write


def verdict_in(tmp_path, name="study-mine"):
    found = StudyVerdict.read(tmp_path / "out" / name)
    assert found is not None
    return found


@pytest.mark.slow
def test_a_study_of_a_users_folder_ends_with_a_verdict_and_a_page(study, tmp_path):
    done = run_script(TRAIN, *study())
    assert done.returncode == 0, done.stderr
    verdict = verdict_in(tmp_path)
    assert verdict.verdict == "reproduced"
    assert verdict.deviations == []
    assert verdict.seeds == [2000, 2001, 2002, 2003, 2004]
    (check,) = verdict.checks
    assert check.n == 5
    assert check.high is not None
    assert check.high < 0.9
    losses = {(row["arm"], row["seed"]): row["value"] for row in check.values}
    assert all(losses["momentum", seed] < losses["sgd", seed] for seed in verdict.seeds)
    assert {one["extensions"] for one in verdict.selections} <= {0, 1, 2}
    page = (tmp_path / "out/study-mine/study.html").read_text()
    assert "Momentum is faster than plain gradient descent." in page
    assert "study-mine/study.html" in (tmp_path / "out/studies.html").read_text()
    again = run_script(TRAIN, *study())
    runs = len(verdict.runs)
    assert f"{runs} of {runs} finished before and reused" in again.stderr + again.stdout
    later = run_script(TRAIN, *study(), "batch_size=64")
    assert later.returncode == 0, later.stderr
    assert verdict_in(tmp_path).deviations == ["every arm was trained with batch_size=64"]


@pytest.mark.slow
def test_a_sabotaged_study_is_not_reproduced(study, tmp_path):
    done = run_script(TRAIN, *study(momentum="sgd"))
    assert done.returncode == 0, done.stderr
    assert verdict_in(tmp_path).verdict == "not reproduced"


@pytest.mark.slow
def test_a_killed_study_resumes_and_trains_nothing_twice(study, tmp_path):
    words = [*study(steps=400), "hydra.launcher.fuse=never"]
    process = subprocess.Popen([sys.executable, str(TRAIN), *words], cwd=tmp_path, stderr=subprocess.DEVNULL)
    sweep = tmp_path / "out/study-mine"
    assert wait_until(lambda: sweep.exists() and len(find(sweep)) >= 2, 120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {record.id: record.attempt for record in find(sweep)}
    plan = (sweep / "study_plan.json").read_text()
    done = run_script(TRAIN, *words)
    assert done.returncode == 0, done.stderr
    after = {record.id: record.attempt for record in find(sweep)}
    assert all(after[id] == attempt for id, attempt in before.items())
    assert (sweep / "study_plan.json").read_text() == plan
    assert verdict_in(tmp_path).verdict == "reproduced"


@pytest.mark.slow
def test_mistakes_are_reported_before_a_run_starts(study, tmp_path):
    words = study()
    path = tmp_path / "conf/study/mine.yaml"
    path.write_text(path.read_text().replace("check: ratio", "check: ratoi").replace("[momentum, sgd]", "[momentum, sdg]"))
    done = run_script(TRAIN, *words)
    assert done.returncode == 2
    assert "ratio" in done.stderr
    assert not (tmp_path / "out").exists()
    unknown = run_script(TRAIN, "study=paper/adam_fig", f"output_dir={tmp_path}/out")
    assert unknown.returncode == 2
    assert "adam_fig1" in unknown.stderr


@pytest.mark.slow
def test_a_dry_run_starts_nothing(study, tmp_path):
    done = run_script(TRAIN, *study(), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "study=mine: 2 arms, 6 runs in the first round" in done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_verdict_is_a_run_of_weights_and_biases(study, tmp_path):
    words = [*study(steps=20), "logger=wandb"]
    for _ in range(2):  # the second command replaces it
        done = run_script(TRAIN, *words, WANDB_MODE="offline")
        assert done.returncode == 0, done.stderr
    sweep, verdict = tmp_path / "out/study-mine", verdict_in(tmp_path)
    assert len(offline_runs(sweep)) == len(verdict.runs)
    (folder,) = offline_runs(sweep, summary=True)
    logged = wandb_records(next(folder.glob("*.wandb")))
    values = {key: value for each in logged["summary"] for key, value in each.get("update", {}).items()}
    assert logged["run"][0]["job_type"] == "study"
    assert values["verdict"] == verdict.verdict
    (check,) = verdict.checks
    assert values["checks"][check.text]["estimate"] == check.estimate
    assert values["tables/checks"]["nrows"] == 1


TABLE = r"""
source: A textbook
claim: The boundary of the rates with which linear regression converges is smooth.
shows: a rectangle with a rounded corner
shared: [problem=gaussian_examples_mlp, model=linear, "data.rows=[32,8,8]", "data.split_seed=\\${seed}"]
arms:
  one pair: [optimizer=sgd, optimizer.lr=0.1]
  "pairs, 100 steps":
    words:
      - optimizer=sgd
      - optimizer.lr=1.0
      - "groups=[{match: weight, lr: 1.0}, {match: bias, lr: 1.0}]"
      - budget.steps=100
      - validate_every=100
    table: {groups.0.lr: "logspace(-2,0,32)", groups.1.lr: "logspace(-1,1,32)"}
seeds: {report: 3}
checks:
  - {check: value, quantity: {kind: boundary_dimension}, arms: ["pairs, 100 steps"], within: [0.8, 1.2]}
figure: {y: train/loss}
"""


@pytest.mark.slow
def test_an_arm_may_be_a_table_of_runs_which_is_trained_once(tmp_path):
    (tmp_path / "conf/study").mkdir(parents=True)
    (tmp_path / "conf/study/map.yaml").write_text(TABLE)
    words = ["--config-dir", str(tmp_path / "conf"), "study=map", f"output_dir={tmp_path}/out", f"data_dir={ROOT}/data"]
    dry = run_script(TRAIN, *words, "--dry-run")
    assert "1,024 of 1,024 runs would start" in dry.stdout
    first, again = run_script(TRAIN, *words), run_script(TRAIN, *words)
    assert first.returncode == again.returncode == 0, first.stderr
    verdict = verdict_in(tmp_path, "study-map")
    assert verdict.verdict == "reproduced"
    assert verdict.tables == {
        f"study-map-pairs_100_steps-{seed}": {"arm": "pairs, 100 steps", "seed": seed} for seed in (2000, 2001, 2002)
    }
    assert again.stderr.count("1,024 runs, finished before and reused") == 3
    page = (tmp_path / "out/study-map/study.html").read_text()
    assert "pairs, 100 steps, seed 2000: final training loss by groups.1.lr and groups.0.lr" in page
    assert '<a href="../study-map-pairs_100_steps-2001/report.html">2001</a>' in page
