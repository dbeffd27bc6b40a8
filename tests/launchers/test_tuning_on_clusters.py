"""hydra/sweeper=tune with the launchers of clusters."""

from __future__ import annotations

import shutil
import signal

import pytest
from support.bench import Bench, finish
from support.waiting import wait_until

from descentlab.store.manifest import Manifest

TUNING = ("hydra/sweeper=tune", "trials=4", "seeds=1", "budget.steps=60")


def trial_values(bench: Bench) -> list[float | None]:
    manifest = Manifest.read(bench.sweep)
    assert manifest is not None
    (arm,) = manifest.arms
    return [trial.value for trial in arm.trials]


@pytest.mark.slow
def test_a_tuning_command_killed_on_slurm_finds_its_trials_again(slurm_bench):
    pytest.importorskip("submitit")
    slurm_bench.slow()
    words = (*TUNING, "hydra/launcher=slurm")
    command = slurm_bench.start(*words)
    wait_until(slurm_bench.records, 120, "a trial to end")
    command.kill()
    finish(command)
    again = slurm_bench.start(*words)
    wait_until(lambda: len(list(slurm_bench.sweep.glob("*/record.json"))) >= 3, 120, "further trials")
    slurm_bench.fast()
    answer = finish(again)
    assert answer.returncode == 0, answer.stderr
    assert "already under way since an earlier command" in answer.stderr
    assert None not in trial_values(slurm_bench)
    assert all(record.attempt == 1 for record in slurm_bench.records().values())
    assert slurm_bench.is_quiet_within()


@pytest.fixture
def deadly_sbatch(slurm_bench, tmp_path):
    """A file; while it exists, sbatch kills the command that called it, after the submission."""
    real, file, folder = shutil.which("sbatch", path=slurm_bench.environment["PATH"]), tmp_path / "deadly", tmp_path / "bin"
    folder.mkdir()
    (folder / "sbatch").write_text(f"""#!/bin/sh
{real} "$@" || exit 1
test -e {file} && rm {file} && kill -9 $PPID
exit 0
""")
    (folder / "sbatch").chmod(0o755)
    slurm_bench.environment = {**slurm_bench.environment, "PATH": f"{folder}:{slurm_bench.environment['PATH']}"}
    return file


@pytest.mark.slow
def test_jobs_of_a_command_killed_while_it_submitted_them_are_cancelled_and_run_once(slurm, slurm_bench, deadly_sbatch):
    pytest.importorskip("submitit")
    words = ("-m", "seed=0,1", "hydra/launcher=slurm", "budget.steps=60")
    deadly_sbatch.touch()
    assert slurm_bench.run(*words).returncode == -signal.SIGKILL
    first = set(slurm.states())
    assert len([id for id in first if slurm.states()[id] in ("PENDING", "RUNNING")]) == 2
    answer = slurm_bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    assert {slurm.states()[id] for id in first} <= {"CANCELLED", "COMPLETED"}
    assert slurm_bench.statuses() == {0: "completed", 1: "completed"}
    assert slurm_bench.is_quiet_within()


@pytest.mark.slow
def test_tuning_on_ray_selects_what_tuning_on_this_machine_selects(tmp_path):
    pytest.importorskip("ray")
    values = []
    for name, words in (("ray", ("hydra/launcher=ray",)), ("local", ())):
        (tmp_path / name).mkdir()
        bench = Bench(tmp_path / name)
        answer = bench.run(*TUNING, *words)
        assert answer.returncode == 0, answer.stderr
        values.append(trial_values(bench))
    assert values[0] == values[1]
