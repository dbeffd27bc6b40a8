"""The command train.py from start to end: real processes, records and a page."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from support.commands import TRAIN, run_script
from support.waiting import wait_until
from support.wandb_file import offline_runs

from descentlab.store import record as records
from descentlab.store.record import Record

ENDLESS = ["optimizer=adam,sgd", "budget.epochs=null", "budget.seconds=600", "logger=none"]
QUICK = ["budget.epochs=3", "logger=none"]


def run_command(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_script(TRAIN, *words, f"output_dir={folder}", "sweep=s", cwd=folder, **environment)


def runs(folder: Path) -> dict[str, Record]:
    return {record.name.split("-")[0]: record for record in records.find(folder / "s")}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """`-m optimizer=adam,sgd` with all defaults, tracking included."""
    folder = tmp_path_factory.mktemp("sweep")
    answer = run_command(folder, "-m", "optimizer=adam,sgd", "budget.epochs=3")
    return folder, answer


def test_both_runs_complete_and_are_in_the_table(sweep):
    folder, answer = sweep
    assert answer.returncode == 0, answer.stderr
    assert {name: record.status for name, record in runs(folder).items()} == {"adam": "completed", "sgd": "completed"}
    assert re.search(r"^adam lr=0.001 +1 +0\.", answer.stdout, re.MULTILINE)
    assert re.search(r"^sgd lr=0.01 +1 +0\.", answer.stdout, re.MULTILINE)
    assert "wandb leet s/wandb" in answer.stdout


def test_both_runs_have_the_same_initial_weights_and_batches(sweep):
    folder, _ = sweep
    adam, sgd = (records.read_curves(record.folder) for record in runs(folder).values())
    assert adam["train/loss"].drop_nulls()[0] == sgd["train/loss"].drop_nulls()[0]
    assert adam["valid/loss"].drop_nulls()[0] == sgd["valid/loss"].drop_nulls()[0]
    assert adam["batches"].drop_nulls().to_list() == sgd["batches"].drop_nulls().to_list()
    assert adam["train/loss"].drop_nulls()[-1] != sgd["train/loss"].drop_nulls()[-1]


def test_a_record_contains_its_provenance(sweep):
    folder, _ = sweep
    record = runs(folder)["adam"]
    assert record.choices["optimizer"] == "adam"
    assert record.versions["torch"] == "2.14.1"
    assert record.code["package"]
    assert {"load_at_start", "load_at_end"} <= set(record.timings)
    assert len(record.data["digest"]) == 64
    assert record.config["optimizer"]["betas"] == [0.9, 0.999]
    assert not list(record.folder.glob("*.jsonl")), "curves are parquet when a run is done"
    assert "warn" not in (record.folder / records.LOG).read_text().lower()


def test_the_page_is_self_contained(sweep):
    folder, _ = sweep
    page = (folder / "s" / "report.html").read_text()
    assert "adam" in page
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?:', page)
    assert (folder / "s" / "table.md").exists()


@pytest.mark.slow
def test_the_same_command_reuses_its_results(sweep):
    folder, _ = sweep
    before = {name: (record.folder / records.RECORD).stat().st_mtime_ns for name, record in runs(folder).items()}
    again = run_command(folder, "-m", "optimizer=adam,sgd", "budget.epochs=3")
    after = {name: (record.folder / records.RECORD).stat().st_mtime_ns for name, record in runs(folder).items()}
    assert again.returncode == 0
    assert "2 of 2 finished before and reused" in again.stderr
    assert before == after


@pytest.mark.slow
def test_a_result_on_a_table_that_changed_is_replaced(tmp_path):
    words = ("data=csv", f"data.path={tmp_path}/x.csv", "data.target=y", "task=regression", "model=linear", *QUICK)
    lines = ["x,y", *(f"{place},{place % 7}" for place in range(60))]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    assert run_command(tmp_path, *words).returncode == 0
    assert [record.choices["problem"] for record in records.find(tmp_path / "s")] == ["x.csv"]
    assert "1 of 1 finished before and reused" in run_command(tmp_path, *words).stderr
    (tmp_path / "x.csv").write_text("\n".join([*lines[:-1], "59,1000"]))
    again = run_command(tmp_path, *words)
    assert again.returncode == 0, again.stderr
    assert "1 of 1 replace their results (1 trained on other data)" in again.stderr


@pytest.mark.slow
def test_the_parent_never_imports_torch(tmp_path):
    script = f"""
import sys
from pathlib import Path
from descentlab.cli import main
sys.argv = ["train.py", "-m", "optimizer=adam,sgd", "budget.steps=2", "sweep=s", "output_dir={tmp_path}"]
if __name__ == "__main__":
    try:
        main(Path("{ROOT}") / "conf")
    except SystemExit as leaving:
        assert not leaving.code, leaving.code
    loaded = {{"torch", "lightning", "wandb", "torchmetrics", "sklearn"}} & set(sys.modules)
    assert not loaded, loaded
"""
    (tmp_path / "parent.py").write_text(script)
    line, environment = [sys.executable, str(tmp_path / "parent.py")], {**os.environ, "WANDB_MODE": "offline"}
    subprocess.run(line, check=True, timeout=300, cwd=tmp_path, env=environment)
    assert len(offline_runs(tmp_path / "s", summary=True)) == 1, "the summary in W&B is written too"


@pytest.mark.slow
def test_a_value_may_be_set_that_only_the_swept_optimizers_have(tmp_path):
    answer = run_command(tmp_path, "-m", "optimizer=momentum,nesterov", "optimizer.momentum=0.5", *QUICK)
    assert answer.returncode == 0, answer.stderr
    assert [record.config["optimizer"]["momentum"] for record in records.find(tmp_path / "s")] == [0.5, 0.5]


@pytest.mark.slow
def test_divergence_is_a_result_and_ranks_last(tmp_path):
    answer = run_command(tmp_path, "-m", "optimizer=adam", "optimizer.lr=1e6,1e-3", *QUICK)
    assert answer.returncode == 0, answer.stderr
    by_lr = {record.config["optimizer"]["lr"]: record for record in records.find(tmp_path / "s")}
    assert by_lr[1e6].status == "diverged"
    assert by_lr[1e6].summary["diverged_step"] == 1
    assert by_lr[1e-3].status == "completed"
    rows = (tmp_path / "s" / "table.csv").read_text().splitlines()
    assert "completed" in rows[1]
    assert "diverged" in rows[2]


BROKEN = '''
import torch

class Breaks(torch.optim.SGD):
    """Breaks at its third step, in the way that `how` specifies."""

    def __init__(self, params, lr, how, **rest):
        super().__init__(params, lr=lr)
        self.how, self.steps = how, 0

    def step(self, closure=None):
        self.steps += 1
        if self.steps == 3 and self.how == "raise":
            raise ArithmeticError("the third step")
        if self.steps == 3 and self.how == "segfault":
            import ctypes
            ctypes.string_at(0)
        if self.steps == 3 and self.how == "exit":
            import os
            os._exit(7)
        return super().step(closure)
'''


@pytest.mark.slow
def test_failed_runs_do_not_affect_the_others(tmp_path):
    """Every kind of failure leaves a record. The optimizer is a user's class, outside of the project."""
    (tmp_path / "mine.py").write_text(BROKEN)
    words = ["optimizer._target_=mine.Breaks", "+optimizer.how=raise,segfault,exit,never"]
    answer = run_command(tmp_path, "-m", "optimizer=sgd", *words, *QUICK, PYTHONPATH=str(tmp_path))
    found = {record.config["optimizer"]["how"]: record for record in records.find(tmp_path / "s")}
    assert answer.returncode == 1
    statuses = {how: str(record.status) for how, record in found.items()}
    assert statuses == {"raise": "failed", "segfault": "crashed", "exit": "crashed", "never": "completed"}
    assert found["raise"].reason == "ArithmeticError: the third step"
    assert "SIGSEGV" in found["segfault"].reason
    assert "code 7" in found["exit"].reason
    assert 'raise ArithmeticError("the third step")' in answer.stderr, "the traceback is shown at once"
    assert 'raise ArithmeticError("the third step")' in (found["raise"].folder / records.LOG).read_text()
    again = run_command(tmp_path, "-m", "optimizer=sgd", *words, *QUICK, PYTHONPATH=str(tmp_path))
    assert "1 of 4 finished before" in again.stderr, "faults run again, results are reused"


@pytest.mark.slow
def test_a_class_that_does_not_accept_a_key_is_refused_before_the_start(tmp_path):
    answer = run_command(tmp_path, "-m", "optimizer=adam", "+optimizer.momentom=0.9", *QUICK)
    assert answer.returncode == 2
    assert "torch.optim.Adam takes no momentom" in answer.stderr
    assert "Traceback" not in answer.stderr
    missing = run_command(tmp_path, "optimizer._target_=torch.optim.Adan", *QUICK)
    assert missing.returncode == 2
    assert "torch.optim.Adan cannot be imported" in missing.stderr
    assert not (tmp_path / "s").exists()


@pytest.fixture
def endless(tmp_path):
    """A sweep of two runs in mid-training, and the process ids of everything that belongs to it."""
    line = [sys.executable, str(TRAIN), "-m", *ENDLESS, f"output_dir={tmp_path}", "sweep=s"]
    parent = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=tmp_path)
    assert wait_until(lambda: len(list(tmp_path.glob("s/*/progress.json"))) == 2)
    yield parent, descendants(parent.pid)
    for pid in descendants(parent.pid):
        os.kill(pid, signal.SIGKILL)
    parent.kill()
    parent.communicate()


def descendants(pid: int) -> set[int]:
    """Return the ids of the living descendants of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    direct = {int(child) for child in children.read_text().split()} if children.exists() else set()
    return direct.union(*(descendants(child) for child in direct))


def have_ended(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads process ids from /proc")
def test_ctrl_c_interrupts_the_runs(endless, tmp_path):
    parent, family = endless
    assert len(family) >= 3
    os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=60)
    assert parent.returncode == 130
    assert "Traceback" not in errors
    assert {record.status for record in records.find(tmp_path / "s")} == {"interrupted"}
    assert wait_until(lambda: have_ended(family))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads process ids from /proc")
def test_a_second_command_is_refused_and_a_killed_one_leaves_no_process(endless, tmp_path):
    parent, family = endless
    second = run_command(tmp_path, "-m", *ENDLESS)
    assert second.returncode == 2
    assert "another command is training" in second.stderr
    parent.kill()
    assert wait_until(lambda: have_ended(family))


@pytest.mark.slow
def test_a_report_can_be_rebuilt(sweep, tmp_path):
    folder, _ = sweep
    answer = run_script(ROOT / "scripts" / "report.py", str(folder / "s"), "--out", str(tmp_path / "again"), cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "again" / "report.html").exists()


@pytest.mark.slow
def test_a_config_file_contains_everything_that_a_new_process_needs(sweep, tmp_path):
    """`python -m descentlab.run FOLDER` with a copied config gives a bit-identical curve."""
    folder, _ = sweep
    original = runs(folder)["sgd"].folder
    copy = tmp_path / "copy"
    copy.mkdir()
    text = (original / records.CONFIG).read_text().replace("project: descentlab", "project: null")
    (copy / records.CONFIG).write_text(text)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "descentlab.run", str(copy)], check=True, timeout=120, cwd=tmp_path, env=environment)
    columns = ["step", "train/loss", "train/grad_norm", "valid/loss", "valid/accuracy", "batches"]
    assert records.read_curves(copy).select(columns).equals(records.read_curves(original).select(columns))
    assert json.loads((copy / records.RECORD).read_text())["status"] == "completed"
