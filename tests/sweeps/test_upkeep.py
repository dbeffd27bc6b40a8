"""The states that `scripts/sweep.py` shows, and the files that it removes."""

from __future__ import annotations

import json
import os

import pytest
from conftest import ROOT
from filelock import FileLock
from support.commands import run_script

from descentlab.errors import UsageError
from descentlab.store.record import ALIVE, CHECKPOINT, LOCK, RECORD, Status
from descentlab.store.table import Axis, RunTable
from descentlab.sweeps.past import JobDecision, prepare
from descentlab.sweeps.upkeep import prune, remove, states


@pytest.fixture
def sweep(job):
    """Three runs: one completed that kept its checkpoint, one interrupted, and one without a record."""
    jobs = [job(f"seed={seed}", "sweep=s") for seed in range(3)]
    jobs[0].record(Status.COMPLETED, "").write(jobs[0].folder)
    jobs[1].record(Status.INTERRUPTED, "SIGTERM at step 9").write(jobs[1].folder)
    for one in jobs:
        (one.folder / CHECKPOINT).write_bytes(b"x" * 1000)
    return jobs


def by_name(jobs):
    found = {state.name: state for state in states(jobs[0].folder.parent)}
    return [found[job.name] for job in jobs]


def test_every_run_has_a_state(sweep):
    assert [state.status for state in by_name(sweep)] == ["completed", "interrupted", "cut off"]
    assert by_name(sweep)[1].reason == "SIGTERM at step 9"
    with FileLock(sweep[0].folder.parent / LOCK):
        assert by_name(sweep)[2].status == "running"


def test_pruning_keeps_checkpoints_of_interrupted_runs_unless_asked_to_remove_them(sweep):
    folder = sweep[0].folder.parent
    assert [(path.parent.name, freed) for path, freed in prune(folder)] == [(sweep[0].name, 1000)]
    assert [(job.folder / CHECKPOINT).exists() for job in sweep] == [False, True, True]
    assert sum(freed for _, freed in prune(folder, interrupted=True)) == 2000


def test_a_result_that_was_replaced_can_be_pruned(sweep):
    folder = sweep[0].folder.parent
    prepare(sweep[0], JobDecision.RERUN)
    assert (folder / ".replaced" / sweep[0].name / "record.json").exists()
    assert [path.name for path, _ in prune(folder)] == [sweep[0].name]
    assert not list((folder / ".replaced").iterdir())


def test_a_sweep_that_is_training_is_not_pruned(sweep):
    folder = sweep[0].folder.parent
    with FileLock(folder / LOCK), pytest.raises(UsageError, match="is training"):
        list(prune(folder))


def test_the_script_prints_a_line_for_each_run_and_refuses_a_wrong_folder(sweep, tmp_path):
    def sweep_command(*words):
        return run_script(ROOT / "scripts" / "sweep.py", *words)

    answer = sweep_command("status", str(sweep[0].folder.parent))
    assert answer.returncode == 0, answer.stderr
    assert all(count in answer.stdout.splitlines()[0] for count in ("1 completed", "1 cut off", "1 interrupted"))
    assert all(job.name in answer.stdout for job in sweep)
    assert "freed" in sweep_command("prune", str(sweep[0].folder.parent)).stdout
    wrong = sweep_command("status", str(tmp_path))
    assert wrong.returncode == 2
    assert "is not the folder of a sweep" in wrong.stderr


def test_a_run_is_removed_by_its_name_or_its_id(sweep):
    folder = sweep[0].folder.parent
    assert [path for path, _ in remove(folder, [sweep[0].name])] == [sweep[0].folder]
    assert [path for path, _ in remove(folder, [sweep[1].id])] == [sweep[1].folder]
    assert [state.name for state in states(folder)] == [sweep[2].name]


def test_a_whole_sweep_is_removed_with_its_report(sweep):
    folder = sweep[0].folder.parent
    (folder / "report.html").write_text("page")
    prepare(sweep[0], JobDecision.RERUN)
    assert sum(freed for _, freed in remove(folder)) > 3000
    assert not folder.exists()


ENDED = 999_999_999  # the id of no process: larger than the largest possible one


@pytest.fixture
def scratch_files(sweep):
    """Scratch files of a process that has ended, of this process, and a file with a similar name of another program."""
    folder = sweep[0].folder.parent
    left = [folder / f".report.html.{ENDED}", sweep[0].folder / f".progress.json.{ENDED}"]
    kept = [
        folder / f".table.md.{os.getpid()}",
        folder / f".notes.{ENDED}",
        sweep[1].folder / f".config.yaml.{os.getpid()}",
    ]
    for path in (*left, *kept):
        path.write_text("half")
    return left, kept


def test_pruning_removes_scratch_files_of_processes_that_have_ended(sweep, scratch_files):
    left, kept = scratch_files
    assert set(left) <= {path for path, _ in prune(sweep[0].folder.parent)}
    assert [path.exists() for path in (*left, *kept)] == [False, False, True, True, True]


def test_pruning_keeps_scratch_files_of_runs_that_may_be_training(sweep, scratch_files):
    _, path = scratch_files[0]
    (sweep[0].folder / RECORD).unlink()
    with FileLock(sweep[0].folder / ALIVE):
        list(prune(sweep[0].folder.parent))
    (sweep[0].folder / "slurm.json").write_text('{"id": "12_3"}')
    list(prune(sweep[0].folder.parent))
    assert path.exists()


def test_a_whole_sweep_is_removed_with_the_scratch_files_of_its_report(sweep, scratch_files):
    folder = sweep[0].folder.parent
    list(remove(folder))
    assert {path.name for path in folder.iterdir()} == {path.name for path in scratch_files[1] if path.parent == folder}


def test_files_of_other_programs_are_kept(sweep):
    folder = sweep[0].folder.parent
    (folder / "notes.txt").write_text("mine")
    list(remove(folder))
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_nothing_is_removed_if_a_run_is_unknown(sweep):
    with pytest.raises(UsageError, match="there is no run 0123456789"):
        list(remove(sweep[0].folder.parent, [sweep[0].name, "0123456789"]))
    assert sweep[0].folder.exists()


def test_a_run_that_has_not_ended_is_not_removed(sweep):
    folder = sweep[2].folder.parent
    with FileLock(sweep[2].folder / ALIVE), pytest.raises(UsageError, match="a process still trains"):
        list(remove(folder))
    (sweep[2].folder / "slurm.json").write_text('{"id": "12_3"}')
    with pytest.raises(UsageError, match="scancel 12_3"):
        list(remove(folder))
    assert (sweep[0].folder / RECORD).exists()


def test_the_script_removes_a_run_and_names_the_command_that_rebuilds_the_report(sweep):
    folder = sweep[0].folder.parent
    answer = run_script(ROOT / "scripts" / "sweep.py", "rm", str(folder), sweep[0].name)
    assert answer.returncode == 0, answer.stderr
    assert f"python scripts/report.py {folder}" in answer.stdout
    assert not sweep[0].folder.exists()


def test_removing_runs_removes_the_files_of_their_slurm_jobs(sweep):
    folder = sweep[0].folder.parent
    (folder / ".slurm").mkdir()
    for id, job in zip(("12_0", "12_1", "7"), sweep, strict=True):
        job.record(Status.COMPLETED, "").write(job.folder)
        (job.folder / "slurm.json").write_text(json.dumps({"id": id}))
        for name in ("0_log.out", "0_result.pkl", "submitted.pkl"):
            (folder / ".slurm" / f"{id}_{name}").touch()
    for array in ("12", "7"):
        (folder / ".slurm" / f"{array}_submission.sh").touch()
        (folder / ".slurm" / f".submission_file_{array}.sh").symlink_to(folder / ".slurm" / f"{array}_submission.sh")

    def left():
        return sorted(path.name for path in (folder / ".slurm").iterdir() if path.name.endswith(("pkl", "sh")))

    list(remove(folder, [sweep[2].name]))
    pickles = [f"12_{index}_{name}.pkl" for index in range(2) for name in ("0_result", "submitted")]
    assert left() == [".submission_file_12.sh", *pickles, "12_submission.sh"]
    list(remove(folder, [sweep[0].name]))
    assert left() == [".submission_file_12.sh", "12_1_0_result.pkl", "12_1_submitted.pkl", "12_submission.sh"]
    list(remove(folder, [sweep[1].name]))
    assert not folder.exists()


def test_removing_a_sweep_removes_the_files_of_slurm(sweep):
    folder = sweep[0].folder.parent
    (folder / ".slurm").mkdir()
    (folder / ".slurm" / "3_submission.sh").touch()
    list(remove(folder))
    assert not folder.exists()


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A file with the lines that squeue prints."""
    lines, folder = tmp_path / "lines", tmp_path / "bin"
    folder.mkdir()
    (folder / "squeue").write_text(f"#!/bin/sh\ncat {lines}\n")
    (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return lines


@pytest.mark.parametrize("content", [{"id": "12_1"}, {"submission": "descentlab-s-0a", "index": 1}])
def test_a_run_whose_slurm_job_lives_is_not_removed_even_if_it_has_a_record(sweep, squeue, content):
    (sweep[1].folder / "slurm.json").write_text(json.dumps(content))
    squeue.write_text("12_0 COMPLETED descentlab-s-0a\n12_1 PENDING descentlab-s-0a\n")
    with pytest.raises(UsageError, match="scancel 12_1"):
        list(remove(sweep[1].folder.parent, [sweep[1].name]))
    squeue.write_text("12_1 CANCELLED descentlab-s-0a\n")
    assert [path.name for path, _ in remove(sweep[1].folder.parent, [sweep[1].name])] == [sweep[1].name]


def test_a_run_without_a_record_is_removed_once_slurm_has_forgotten_its_job(sweep, squeue):
    (sweep[2].folder / "slurm.json").write_text('{"id": "12_3"}')
    squeue.touch()
    assert [path.name for path, _ in remove(sweep[2].folder.parent, [sweep[2].name])] == [sweep[2].name]


def test_state_of_a_table_is_shown_and_its_files_are_removed(job, tmp_path):
    table = RunTable(tmp_path / "map", [Axis("seed", [1, 2], [{"seed": 1}, {"seed": 2}])], orders=2)
    table.save()
    (table.folder / "config.yaml").write_text((job("seed=1").folder / "config.yaml").read_text())
    table.write_part(0, {"status": ["completed"]})
    assert [(state.name, state.status, state.step) for state in states(table.sweep)] == [("table", "cut off", "1/2 runs")]

    table.write_part(1, {"status": ["diverged"]})
    table.merge()
    assert [(state.status, state.step) for state in states(table.sweep)] == [("completed", "2/2 runs")]
    list(remove(table.sweep))
    assert not table.sweep.exists()
