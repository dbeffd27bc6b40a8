"""The fork server that starts before the command is composed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import multiprocessing.forkserver as forkserver, os, sys
from descentlab.compat import kill_fork_server
from descentlab.launchers import server
server.cores = lambda: {cores}
server.start_early({words})
early = forkserver._forkserver._forkserver_pid
if early is not None:
    context = server.fork_server({threads})
    child = context.Process(target=print, args=(os.environ["OMP_NUM_THREADS"],))
    child.start()
    child.join()
    print("same" if forkserver._forkserver._forkserver_pid == early else "another", flush=True)
else:
    print("none", flush=True)
kill_fork_server()
"""


def run(words: list[str], cores: int = 2, threads: int = 1, **environment: str) -> list[str]:
    """Start a server early in a new process, and a process in it; return the printed words."""
    script = SCRIPT.format(words=words, cores=cores, threads=threads)
    found = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return found.stdout.split()


@pytest.mark.parametrize("words", [["--help"], ["-m", "--cfg", "job"], ["--info"]])
def test_no_server_starts_for_a_command_that_trains_nothing(words):
    assert run(words) == ["none"]


def test_no_server_starts_early_on_one_core_or_in_a_process_of_torchrun():
    assert run(["optimizer=adam"], cores=1) == ["none"]
    assert run(["optimizer=adam"], TORCHELASTIC_RUN_ID="1") == ["none"]


PRELOADED = """
import multiprocessing.forkserver as forkserver
from descentlab.compat import kill_fork_server
from descentlab.launchers import server
server.cores = lambda: 2
server.start_early({words})
print("descentlab.launchers.preload_wandb" in forkserver._forkserver._preload_modules)
kill_fork_server()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "key", "loaded"),
    [
        (["optimizer=adam"], "", False),
        (["optimizer=adam"], "x", True),
        (["logger=none"], "x", False),
        (["logger.live=true"], "", True),
    ],
)
def test_wandb_is_loaded_only_if_runs_may_be_logged_while_they_train(words, key, loaded, tmp_path):
    names = ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_DIR")
    hidden = {"NETRC": str(tmp_path / "netrc"), "WANDB_CONFIG_DIR": str(tmp_path)} | ({"WANDB_API_KEY": key} if key else {})
    environment = {name: value for name, value in os.environ.items() if name not in names} | hidden
    line = [sys.executable, "-c", PRELOADED.format(words=words)]
    found = subprocess.run(line, check=True, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert found.stdout.split() == [str(loaded)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "threads", "which"),
    [(["logger=none"], 1, ["1", "same"]), (["threads=2"], 2, ["2", "same"]), ([], 2, ["2", "another"])],
)
def test_the_server_is_replaced_if_the_configs_have_another_number_of_threads(words, threads, which):
    assert run(words, threads=threads) == which


IMPORTED = """
import gc, sys
import descentlab.launchers.preload
assert gc.isenabled() and gc.get_freeze_count() > 100_000
print(*{name.partition(".")[0] for name in sys.modules if sys.modules[name] is not None})
"""


@pytest.mark.slow
def test_the_server_does_not_import_the_libraries_that_few_runs_need():
    found = subprocess.run([sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True)
    assert not {"sklearn", "pandas", "wandb", "plotly", "submitit", "ray"} & set(found.stdout.split())
