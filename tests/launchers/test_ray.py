"""hydra/launcher=ray on a Ray of this machine: the curves equal those of the local launcher, and no process is left."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from support.bench import AS_TWO, FUSED, Bench, close_to, finish, ordered_curves
from support.slurm import free_port
from support.waiting import wait_until

from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT

pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
pytestmark = pytest.mark.slow

ON_RAY = "hydra/launcher=ray"
WORDS = ("-m", "seed=0,1,2,3", ON_RAY)


@pytest.fixture
def bench(tmp_path) -> Iterator[Bench]:
    """A Bench whose Ray writes to a temporary folder with a short path, for its sockets, and leaves no key in ~/.ray."""
    before = shared_memory()
    key = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        own = Bench(tmp_path, {**os.environ, **key, "RAY_TMPDIR": folder})
        yield own
        own.close()
        for pid in ray_processes(own):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert shared_memory() <= before


def ray_processes(bench: Bench) -> dict[int, str]:
    """Return the processes of its Ray, found by their log files: they change their titles, which hides their environment."""
    folder, found = bench.environment["RAY_TMPDIR"], {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(file.readlink()).startswith(folder) for file in (process / "fd").iterdir()):
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
    return found


def remaining(bench: Bench) -> dict[int, str]:
    """Return the processes that commands have left running."""
    return {**bench.processes(), **ray_processes(bench)}


def is_quiet_within(bench: Bench, seconds: float) -> bool:
    return wait_until(lambda: not remaining(bench), seconds)


def listening(pids: Iterable[int]) -> set[str]:
    """Return the addresses beyond loopback at which these processes listen."""
    lines = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = {line.split()[3] for pid in pids for line in lines if f"pid={pid}," in line}
    assert ours
    return {address for address in ours if not re.match(r"127\.|\[::1\]|\[::ffff:127\.", address)}


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").iterdir()}


def test_a_run_that_dies_does_not_affect_the_others_and_can_be_rerun(bench, local):
    (bench.play / "exit-2").touch()
    answer = bench.run(*WORDS)
    assert answer.returncode == 1, answer.stderr
    assert bench.statuses() == {0: "completed", 1: "completed", 2: "crashed", 3: "completed"}
    assert "exited with code 7" in bench.records()[2].reason
    assert is_quiet_within(bench, 5), remaining(bench)
    (bench.play / "exit-2").unlink()
    again = bench.run(*WORDS)
    assert again.returncode == 0, again.stderr
    assert "3 of 4 finished before and reused" in again.stderr
    for seed, record in bench.records().items():
        assert record.status == "completed"
        assert ordered_curves(record).equals(local[seed])


def test_ctrl_c_saves_running_runs_and_the_same_command_resumes(bench, local):
    bench.slow()
    command = bench.start(*WORDS)
    bench.wait_for(0, 1)
    assert not listening(remaining(bench))
    os.killpg(command.pid, signal.SIGINT)
    answer = finish(command, 60)
    assert answer.returncode == 130, answer.stderr
    assert "Traceback" not in answer.stderr
    assert {bench.statuses()[seed] for seed in (0, 1)} == {"interrupted"}
    assert all((bench.run_folder(seed) / CHECKPOINT).exists() for seed in (0, 1))
    assert is_quiet_within(bench, 5), remaining(bench)
    bench.fast()
    answer = bench.run(*WORDS)
    assert answer.returncode == 0, answer.stderr
    assert [bench.records()[seed].attempt for seed in (0, 1)] == [2, 2]
    for seed, record in bench.records().items():
        assert record.status == "completed"
        assert ordered_curves(record).equals(local[seed])


def test_a_group_is_one_task_and_gives_the_curves_of_single_runs(bench, local):
    answer = bench.run(*WORDS, *FUSED, "hydra.launcher.group_size=3")
    assert answer.returncode == 0, answer.stderr
    assert "4 runs in 2 fused groups" in answer.stderr
    assert answer.stderr.count("started ") == 2
    assert bench.statuses() == dict.fromkeys(range(4), "completed")
    for seed, record in bench.records().items():
        assert close_to(ordered_curves(record), local[seed], norms_until=200)
    assert is_quiet_within(bench, 5), remaining(bench)


def test_ctrl_c_stops_a_group_and_the_same_command_resumes(bench):
    words = ("-m", "seed=0,1,2", "budget.steps=6000", "log_every=500", *FUSED, ON_RAY)
    command = bench.start(*words)
    wait_until(lambda: bench.under_way(0) or bench.under_way(1) or command.poll() is not None, 90, "a run")
    os.killpg(command.pid, signal.SIGINT)
    answer = finish(command, 60)
    assert answer.returncode == 130, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "interrupted" in bench.statuses().values()
    assert is_quiet_within(bench, 5), remaining(bench)
    answer = bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    assert bench.statuses() == dict.fromkeys(range(3), "completed")


def test_a_killed_command_leaves_no_training_process(bench):
    bench.slow()
    command = bench.start("-m", "seed=0,1", ON_RAY)
    bench.wait_for(0, 1)
    training = {pid for pid, line in bench.processes().items() if "forkserver" in line}
    assert ray_processes(bench)
    assert len(training) >= 4, "two servers, two runs"
    command.kill()
    finish(command)
    wait_until(lambda: not training & set(bench.processes()), 20, "the runs to end")
    assert not [line for line in remaining(bench).values() if "Agent" not in line], "only Ray's own agents, which take a minute"


@pytest.fixture
def cluster(bench):
    """The address of a running Ray, started by `ray start` on loopback."""
    bench.environment.update({"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"})
    ray = str(Path(sys.executable).with_name("ray"))
    address = f"127.0.0.1:{free_port()}"
    options = ("--head", "--block", "--node-ip-address=127.0.0.1", f"--port={address.partition(':')[2]}", "--num-cpus=2")
    line = [ray, "start", *options, "--include-dashboard=false", "--object-store-memory=80000000"]
    log = bench.folder / "ray.log"
    with log.open("w") as output:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        started = subprocess.Popen(line, env=bench.environment, start_new_session=True, **pipes)
    try:
        wait_until(lambda: "Ray runtime started" in log.read_text() or started.poll() is not None, 60, "Ray")
        assert started.poll() is None, log.read_text()
        yield address
    finally:
        started.kill()  # `ray stop` would end every Ray of this machine; the fixture `bench` ends the rest
        started.wait()


def test_an_existing_cluster_runs_jobs_of_one_and_of_two_processes(bench, local, cluster):
    before = set(remaining(bench))
    words = ("-m", "seed=0", *AS_TWO[:-1], "trainer.devices=1,2", ON_RAY, f"hydra.launcher.address={cluster}")
    answer = bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    found = records.find(bench.sweep)
    assert sorted(record.config["trainer"]["devices"] for record in found) == [1, 2]
    for record in found:
        assert record.status == "completed"
        assert close_to(ordered_curves(record), local[0])
    assert before & set(remaining(bench)), "the cluster is still there"
    (record,) = [record for record in found if record.config["trainer"]["devices"] == 1]
    assert not [line for line in remaining(bench).values() if str(record.folder) in line]


def test_a_missing_cluster_is_reported_in_a_sentence(bench):
    answer = bench.run("-m", "seed=0,1", ON_RAY, "hydra.launcher.address=auto")
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    assert not bench.sweep.exists()
