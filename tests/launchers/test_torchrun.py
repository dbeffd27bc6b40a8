"""One run whose processes were started from outside: by torchrun, by srun, or by a command on each node."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest
from support.bench import AS_TWO, Bench, close_to, finish, ordered_curves
from support.slurm import free_port
from support.waiting import wait_until

# torchrun --standalone would resolve the host's name.
MEETING = ("--nnodes=1", "--nproc-per-node=2", "--rdzv-backend=static", "--master-addr=127.0.0.1")


def torchrun() -> tuple[str, ...]:
    return (sys.executable, "-m", "torch.distributed.run", *MEETING, f"--master-port={free_port()}")


def the_run(bench: Bench):
    """Return the record of the only run, which must have completed."""
    assert [path.name for path in bench.folder.glob("*/.lock")] == [".lock"], "there is one sweep"
    (record,) = bench.records().values()
    assert record.status == "completed"
    return record


@pytest.mark.slow
def test_the_processes_of_torchrun_are_one_run_and_reuse_its_result(bench, local):
    words = ("seed=0", *AS_TWO, "logger=wandb")
    answer = bench.run(*words, through=torchrun(), WANDB_MODE="offline")
    assert answer.returncode == 0, answer.stderr
    assert close_to(ordered_curves(the_run(bench)), local[0])
    assert len(list(bench.sweep.glob("wandb/offline-run-*"))) == 1
    assert answer.stderr.count("completed") == 1
    assert bench.is_quiet_within()
    again = bench.run(*words, through=torchrun(), WANDB_MODE="offline")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("1 of 1 finished before and reused") == 1
    assert len(list(bench.sweep.glob("wandb/offline-run-*"))) == 1


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_sweep_is_refused_by_every_process(bench, rank):
    """The variables of torchrun without torchrun, which would end all processes when the first one ends."""
    environment = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"}
    answer = bench.run("-m", "seed=0,1", *AS_TWO, **environment)
    assert answer.returncode == 2
    assert re.search(r"torchrun.* start one run; for a sweep use hydra/launcher=slurm", answer.stderr)
    assert "Traceback" not in answer.stderr
    assert not bench.sweep.exists()


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_sweep_is_refused_by_the_command_on_every_node(bench, rank):
    environment = {"NODE_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    answer = finish(bench.start("-m", "seed=0,1", *AS_TWO[:-1], "trainer.devices=1", "trainer.num_nodes=2", **environment), 15)
    assert answer.returncode == 2
    assert "one command a node" in answer.stderr
    assert not bench.sweep.exists()


@pytest.mark.slow
def test_a_command_on_each_of_two_nodes_is_one_run(bench, local):
    words = ("seed=0", *AS_TWO[:-1], "trainer.devices=1", "trainer.num_nodes=2")
    environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    first = bench.start(*words, **environment, NODE_RANK="0")
    second = bench.start(*words, **environment, NODE_RANK="1")
    for answer in (finish(first), finish(second)):
        assert answer.returncode == 0, answer.stderr
    assert close_to(ordered_curves(the_run(bench)), local[0])
    assert bench.is_quiet_within()


@pytest.mark.slow
@pytest.mark.parametrize("port", [{}, {"MASTER_PORT": free_port()}], ids=["a port that Slurm chooses", "a port that is given"])
def test_the_tasks_of_srun_are_one_run(slurm_bench, local, port):
    through = ("srun", "-n2", "--ntasks-per-node=2", sys.executable)
    command = slurm_bench.start("seed=0", *AS_TWO, through=through, MASTER_ADDR="127.0.0.1", **port)
    answer = finish(command, 120)
    assert answer.returncode == 0, answer.stderr
    assert close_to(ordered_curves(the_run(slurm_bench)), local[0])
    assert slurm_bench.is_quiet_within()


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_of_torchrun_and_the_run_can_be_resumed(bench, local):
    bench.slow()
    words = ("seed=0", *AS_TWO)
    command = bench.start(*words, through=torchrun())
    bench.wait_for(0)
    os.killpg(command.pid, signal.SIGINT)
    answer = finish(command, 90)
    assert answer.returncode != 0
    assert bench.is_quiet_within()
    assert_it_resumes(bench, words, local)
    assert the_run(bench).attempt == 2


@pytest.mark.slow
def test_a_killed_process_of_torchrun_leaves_no_other_and_the_run_can_be_resumed(bench, local):
    bench.slow()
    words = ("seed=0", *AS_TWO)
    command = bench.start(*words, through=torchrun())
    bench.wait_for(0)
    follower = next(pid for pid in bench.processes() if ranks(pid) == ("1", "1"))
    os.kill(follower, signal.SIGKILL)
    answer = finish(command, 90)
    assert answer.returncode != 0
    wait_until(lambda: not bench.processes(), 60, "all processes to end")
    assert_it_resumes(bench, words, local)


def assert_it_resumes(bench, words, local):
    """Assert that the same command completes the run, with the curve of an uninterrupted single process."""
    bench.fast()
    answer = bench.run(*words, through=torchrun())
    assert answer.returncode == 0, answer.stderr
    assert close_to(ordered_curves(the_run(bench)), local[0])


def ranks(pid: int) -> tuple[str, ...]:
    """Return RANK and LOCAL_RANK of a process."""
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    return tuple(environment.get(name, "") for name in ("RANK", "LOCAL_RANK"))
